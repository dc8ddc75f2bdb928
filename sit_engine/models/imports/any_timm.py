"""Imports a network that timm has and that is no plain vision transformer: the family `timm`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Never

import torch
from torch import Tensor, nn

from sit_engine.config.facts import IMAGENET, Colours, StartFacts
from sit_engine.config.families.timm import FAMILY, TimmOptions, normalisation_of
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.files import file_hash
from sit_engine.models.imports.foreign import DAMAGES, unusable
from sit_engine.models.imports.layouts import MULTIPLE
from sit_engine.models.imports.networks import ReadNetwork
from sit_engine.models.imports.said import Said
from sit_engine.models.timm_folder import any_timm_config
from sit_engine.models.timm_network import Timm, converted, depth_of, make_network
from sit_engine.paths import display_name
from sit_engine.records.imported import Dropped, Imported, Mapped

EVEN = 64
"""Views of a multiple of it come out as whole places of every usual network."""
HEADS_FROM = "as timm builds it"


def read_any_timm(
    found: Mapping[Any, Any],
    file: Path,
    said: Said,
    architecture: str,
    image_size: int | None,
) -> ReadNetwork:
    """The network that timm calls `architecture`, built by its own code.

    Raises DataError where the file has not all of the network, ConfigError where timm has none of that
    name or cannot build it.
    """
    given = {name: value for name, value in (said.arguments or {}).items() if name != "num_classes"}
    if isinstance(given.get("img_size"), list) and len({*map(str, given["img_size"])}) == 1:
        given["img_size"] = given["img_size"][0]
    if not isinstance(given.get("img_size", 0), int):
        raise unusable(file, "its settings say views that are no squares")
    network, arguments = _built(architecture, given, image_size)
    theirs, tensors = _largest(found, file)
    ours = _loaded(network, tensors, architecture, file)
    own = network.state_dict()
    options, side = _measured(network.eval(), architecture, arguments, said, image_size, file)
    facts = StartFacts(
        display_name(file.name), options.width, options.depth, None, options.place_size, side,
        tokens=options.tokens, family=FAMILY, network=options.same_network(),
    )  # fmt: skip
    mean, std = _pixels(network, said)
    done = Imported(
        path=file,
        source=display_name(file.name),
        sha256=file_hash(file),
        layout=f"timm's {architecture}",
        network=None,
        facts=facts,
        heads_from=HEADS_FROM,
        mapped=tuple(
            Mapped(theirs.get(name, name), name, tuple(value.shape))
            for name, value in ours.items()
            if name in own
        ),
        resized=(),
        dropped=tuple(
            Dropped(theirs.get(name, name), tuple(value.shape), "classifier, or for training alone")
            for name, value in ours.items()
            if name not in own
        ),
        mean=mean,
        std=std,
        pixels_from="settings" if said.pixels else "usual",
    )
    kept = {name: value.float().clone() for name, value in network.state_dict().items()}
    return ReadNetwork(done, kept, any_timm_config(options, network))


def _loaded(
    network: nn.Module, tensors: dict[str, torch.Tensor], architecture: str, file: Path
) -> dict[str, torch.Tensor]:
    """Load them into `network`; gives them as timm's own code names and sizes them, those left too."""
    try:
        ours = converted(network, tensors)
        own = network.state_dict()
        missing = [name for name in own if name not in ours]
        if missing:
            raise unusable(file, Sentence("its {name} is missing", name=missing[0]))
        network.load_state_dict({name: value for name, value in ours.items() if name in own})
    except DAMAGES as error:
        why = (str(error).splitlines() or [""])[-1].strip()
        said_why = "timm's {name} does not take its tensors: {why}"
        raise unusable(file, Sentence(said_why, name=architecture, why=why)) from None
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise unusable(file, "it holds values that are not finite")
    return ours


def _built(
    architecture: str, given: dict[str, Any], image_size: int | None
) -> tuple[nn.Module, dict[str, Any]]:
    """The network for views of any size where it can be, and what timm was told besides its name."""
    side = {"img_size": image_size} if image_size else {}
    tries: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True} | side, side, {})
    for more in tries:
        try:
            network, arguments = make_network(architecture, given | more, 0.0), given | more
            break
        except ConfigError:
            if more is tries[-1]:
                raise
    is_normed = isinstance(getattr(network, "fc_norm", None), nn.Identity)
    if getattr(network, "cls_token", None) is not None and is_normed:
        # The class token is what a task may learn, and what DINOv3 is measured by.
        arguments |= {"global_pool": "token"}
        network = make_network(architecture, arguments, 0.0)
    return network, arguments


def _largest(found: Mapping[Any, Any], file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The names of the file, and the tensors, of its dictionary with most of them."""
    best: list[tuple[str, Tensor]] = max(_tensors(found), key=len, default=[])
    if not best:
        raise unusable(file, "it holds no dictionary of tensors")
    plain = [(MULTIPLE.sub("", name), name, value) for name, value in best]
    return {short: name for short, name, _ in plain}, {short: value for short, _, value in plain}


def _tensors(found: Mapping[Any, Any]) -> Iterator[list[tuple[str, Tensor]]]:
    yield [(str(name), value) for name, value in found.items() if isinstance(value, Tensor)]
    for key in ("model", "state_dict", "model_ema", "state_dict_ema", "teacher"):
        if isinstance(found.get(key), Mapping):
            yield from _tensors(found[key])


def _pixels(network: nn.Module, said: Said) -> tuple[Colours, Colours]:
    known: Any = network.pretrained_cfg
    return said.pixels or (known.get("mean", IMAGENET[0]), known.get("std", IMAGENET[1]))


@torch.inference_mode()
def _measured(
    network: Any,
    architecture: str,
    arguments: dict[str, Any],
    said: Said,
    image_size: int | None,
    file: Path,
) -> tuple[TimmOptions[Never], int]:
    """The network's settings, by what it makes of an empty view of its own size."""
    known = network.pretrained_cfg.get("input_size", (3, 224, 224))[-1]
    if "dynamic_img_size" in arguments:
        arguments |= {"img_size": arguments.get("img_size", known)}
    # A network that is not told its views takes any; those whose places come out even are offered.
    side = int(arguments.get("img_size") or image_size or -(-known // EVEN) * EVEN)
    mean, std = _pixels(network, said)
    image = torch.zeros(1, 3, side, side)
    try:
        found = network.forward_features(image)
    except DAMAGES as error:
        why = (str(error).splitlines() or [""])[-1].strip().rstrip(".")
        said_why = "timm's {name} takes no views of {side} px: {why}"
        raise unusable(file, Sentence(said_why, name=architecture, side=side, why=why)) from None
    if not isinstance(found, Tensor) or found.dim() not in (3, 4):
        raise unusable(file, Sentence("timm's {name} gives no map of features", name=architecture))
    before = getattr(network, "num_prefix_tokens", 0)
    is_last = found.dim() == 3 or getattr(network, "output_fmt", "NCHW") == "NHWC"
    width = found.shape[-1 if is_last else 1]
    count = found.shape[1] - before if found.dim() == 3 else found[0].numel() // width
    across = round(count**0.5)
    if across == 0 or across * across != count or side % across:
        raise unusable(file, Sentence("timm's {name} gives no square map", name=architecture))
    has_token = arguments.get("global_pool") == "token" and before > 0
    options: TimmOptions[Never] = TimmOptions(
        image_size=side,
        architecture=architecture,
        arguments=json.dumps(arguments),
        width=width,
        depth=depth_of(network),
        place_size=side // across,
        tokens=int(has_token),
        normalisation=normalisation_of(mean, std),
        drop_path=0.0,
    )
    Timm(network, options).maps(image)
    return options, side
