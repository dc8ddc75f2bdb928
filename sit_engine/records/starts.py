"""Weights on disk that a run may start from: what they are, without torch.

A start is a checkpoint of one of our runs, a safetensors file, or a folder as timm writes it. Read by
models.weights, and by whoever must know the sizes only.
"""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Never, cast

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from sit_engine.config.backbones import DEFAULT_FAMILY, FAMILIES, BackboneOptions
from sit_engine.config.facts import IMAGENET, Colours, StartFacts, Unshown, Variant
from sit_engine.config.methods import METHODS, load, traits
from sit_engine.config.resolved import open_settings
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError, DataError
from sit_engine.files import read_json
from sit_engine.paths import display_name
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run

FILE, HEADS = "model.safetensors", "heads.safetensors"
"""The backbone of a folder, and the heads beside it if there are any."""
NETWORK = "sit_studio_network"
"""Key of a folder's config: how many of the tokens are read, and the variant of the network."""

MOST_COUNT = 1 << 16
"""Of heads, and of pixels across a patch."""


@dataclass(frozen=True)
class Start:
    """Where the tensors lie, what their names begin with, the sizes, and how pixels were normalised."""

    file: Path
    prefix: str
    facts: StartFacts
    own: frozenset[str] | None = None
    """The tensors that are the network's, by their names in it; None: all."""
    mean: Colours = IMAGENET[0]
    std: Colours = IMAGENET[1]


def named(path: Path) -> tuple[Path, str | None]:
    """`RUN#teacher` names one of the networks of a run or checkpoint; else it is the method's choice."""
    place, mark, network = path.name.rpartition("#")
    if not mark or path.exists():
        return path, None
    return path.with_name(place) if place else path.parent, network


def find_start(path: Path) -> Path:
    """What a user named, as it stands in the config: of a run that is validated the best
    checkpoint, else the newest; with the network that was named.
    """
    path, network = named(path)
    found = _checkpoint_of(path)
    return found if network is None else found.with_name(f"{found.name}#{network}")


def _checkpoint_of(path: Path) -> Path:
    # A checkpoint has its run's settings in it too.
    if not (path / "config.toml").is_file() or (path / "manifest.json").is_file():
        return path
    run = open_run(path)
    manifests = sorted(run.checkpoints.glob("step-*/manifest.json"))
    if not manifests:
        raise _unusable(path, "the run has no checkpoint yet")
    best = read_json(manifests[-1]).get("best_step", -1)
    # A damaged manifest is told when its checkpoint is verified.
    chosen = run.checkpoints / f"step-{best if type(best) is int else -1:08d}"
    takes_best = run.config().method.takes_best
    return chosen if takes_best and chosen.is_dir() else manifests[-1].parent


def scratch_of(run: Path) -> Path:
    """Folder of a finetuned run's twin that started from nothing."""
    return run.with_name(f"{run.name}-scratch")


def describe_start(path: Path) -> Start:
    """Read the sizes of a start; a file that cannot be one is a sentence."""
    place, network = named(path)
    if (place / "manifest.json").is_file():
        return _of_checkpoint(place, network)
    file, config = path, dict[str, Any]()
    if path.is_dir():
        file, config = path / FILE, read_json(path / "config.json")
    about = _table(config, NETWORK)
    family = about.get("family")
    if isinstance(family, str) and family != DEFAULT_FAMILY and family in FAMILIES:
        return Start(file, "", _facts_of_family(path, family, about))
    pretrained, arguments = (_table(config, name) for name in ("pretrained_cfg", "model_args"))
    mean, std = (
        _colours(path, pretrained.get(name, usual))
        for name, usual in zip(("mean", "std"), IMAGENET, strict=True)
    )
    heads, patch = (_count(path, arguments, name) for name in ("num_heads", "patch_size"))
    tokens, variant = about.get("tokens"), about.get("variant", "plain")
    if variant not in typing.get_args(Variant) or tokens not in (None, 0, 1, 2):
        raise _unusable(
            path, "its config.json says of its tokens or its variant what no network has"
        )
    unshown = Unshown(heads, patch, tokens, variant)
    found = _shown(path, file, "", unshown, DEFAULT_FAMILY, _heads_of(path, about))
    return replace(found, mean=mean, std=std)


def _heads_of(path: Path, about: dict[str, Any]) -> tuple[str, dict[str, int]]:
    """The method whose heads an import kept, and their sizes."""
    method = about.get("method", "")
    if method not in METHODS or not (path / HEADS).is_file():
        return "", {}
    sizes = _table(about, "head_sizes")
    found = {name: _count(path, sizes, name) or 0 for name in traits(method).head_settings}
    return method, found


def _table(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _colours(path: Path, found: object) -> Colours:
    if (
        isinstance(found, list | tuple)
        and len(found) == 3
        and all(type(value) in (int, float) and math.isfinite(value) for value in found)
    ):
        return float(found[0]), float(found[1]), float(found[2])
    raise _unusable(path, "its config.json has no three colours of mean and std")


def _count(path: Path, arguments: dict[str, Any], name: str) -> int | None:
    found = arguments.get(name)
    if found is None or (type(found) is int and 1 <= found <= MOST_COUNT):
        return found
    raise _unusable(path, Sentence("its config.json has a {name} that no network has", name=name))


def _of_checkpoint(path: Path, network: str | None) -> Start:
    run = Run(path.parent.parent)
    config = open_run(run.path).config()
    chosen = network or config.method.features
    if chosen not in config.method.networks:
        known = " or ".join(config.method.networks)
        why = Sentence("its run has no network {network}, but {known}", network=chosen, known=known)
        raise _unusable(path, why)
    prefix = f"{chosen}.backbone."
    method = config.method
    sizes = {name: getattr(method, name) for name in method.head_settings}
    heads_of = method.name if sizes else ""
    unshown = config.model.unshown
    if unshown is None:
        facts = StartFacts(
            display_name(str(path)), 0, 0, None, 0, config.model.image_size,
            family=config.model.family, network=config.model.same_network(),
            method=heads_of, head_sizes=sizes,
        )  # fmt: skip
        return Start(path / FILE, prefix, facts)
    return _shown(path, path / FILE, prefix, unshown, config.model.family, (heads_of, sizes))


def _facts_of_family(path: Path, family: str, about: dict[str, Any]) -> StartFacts:
    """A folder of another family than plain transformers says of itself which network it is."""
    why = Sentence("its config.json says no network of the family {family}", family=family)
    try:
        options = load(FAMILIES[family].options)(**_table(about, "network"), drop_path=0.0)
        if list(open_settings(options)):
            raise _unusable(path, why)
        network = cast("BackboneOptions[Never]", options)
        network.verify()
    except (ValidationError, TypeError, ConfigError):
        raise _unusable(path, why) from None
    return StartFacts(
        display_name(str(path)), 0, 0, None, 0, network.image_size,
        family=family, network=network.same_network(),
    )  # fmt: skip


def _shown(
    path: Path,
    file: Path,
    prefix: str,
    unshown: Unshown,
    family: str,
    heads: tuple[str, dict[str, int]],
) -> Start:
    """A start whose tensors show its sizes to the family."""
    read = load(FAMILIES[family].tensors)
    shapes = _shapes(path, file, prefix)
    found = read(shapes, unshown, name=display_name(str(path)), is_ours=bool(prefix))
    if isinstance(found, str):
        raise _unusable(path, found)
    facts, own = found
    method, sizes = heads
    return Start(file, prefix, replace(facts, method=method, head_sizes=sizes), own)


def _shapes(path: Path, file: Path, prefix: str) -> dict[str, list[int]]:
    """Shapes of the tensors under the prefix, by the names that they have in the backbone."""
    try:
        with safe_open(file, framework="numpy") as found:
            names = [name for name in found.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name.removeprefix(prefix): found.get_slice(name).get_shape() for name in names}
    except (OSError, SafetensorError) as error:
        why = (
            str(error).splitlines()[0]
            if isinstance(error, SafetensorError)
            else "it cannot be opened"
        )
        why = Sentence("{why}; a safetensors file is needed", why=why)
        raise _unusable(path, why) from None


def _unusable(path: Path, why: str) -> DataError:
    return DataError(
        "data.weights",
        "The weights {path} cannot be used: {why}.",
        "Give a run, a safetensors file of a vision transformer, or a folder that timm wrote; "
        "`sit-engine import` makes one of other files.",
        path=display_name(str(path)),
        why=why,
    )
