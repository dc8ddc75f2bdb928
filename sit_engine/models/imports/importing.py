"""Weights that others trained, as a folder that a run may start from.

Shapes: N patches, T tokens before them, D width, C colours, P patch size.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Never

import torch
from pydantic import ValidationError
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor

from sit_engine.config.facts import StartFacts
from sit_engine.config.vit import VitOptions
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError, DiskError
from sit_engine.files import file_hash, read_json
from sit_engine.models.imports.foreign import open_foreign, unusable
from sit_engine.models.imports.layouts import find_network
from sit_engine.models.timm_folder import timm_config, write_timm_folder
from sit_engine.paths import display_name
from sit_engine.records.imported import AS_GIVEN, Imported, Mapped, Resized
from sit_engine.records.starts import TOKENS

MARK = "sit_studio_import"


def import_weights(
    file: Path,
    out: Path,
    *,
    network: str | None = None,
    heads: int | None = None,
    image_size: int | None = None,
) -> Imported:
    """Write one network of `file` into the folder `out`; nothing of the file is changed.

    `network` None is what the file's authors use (`layouts`), `heads` None what is usual for the
    width, `image_size` None that of the file, in px. Raises DataError where the file is none that is
    known, ConfigError where an argument does not fit it, DiskError where `out` cannot be written.
    """
    contents = find_network(open_foreign(file), file, network)
    facts = _sizes(contents.tensors, file)
    expected = _table(facts)
    _check_parts(contents.tensors, expected, file)
    before = facts.image_size // facts.patch_size
    facts = replace(
        facts,
        heads=contents.layout.heads.get(facts.width) if heads is None else heads,
        image_size=facts.image_size if image_size is None else image_size,
    )
    options = _options(facts)
    after = facts.image_size // facts.patch_size
    tensors = {name: _plain_tensor(contents.tensors[name], name, file) for name in expected}
    if after != before:
        # As usual when a vision transformer changes resolution, and as `weights.load_weights` does.
        tensors["pos_embed"] = resample_abs_pos_embed(
            tensors["pos_embed"], new_size=[after, after], num_prefix_tokens=facts.tokens
        )
    done = Imported(
        path=out,
        source=display_name(file.name),
        sha256=file_hash(file),
        layout=contents.layout.name,
        network=contents.network,
        facts=facts,
        heads_from=f"usual for this width in {contents.layout.name}" if heads is None else AS_GIVEN,
        mapped=tuple(
            Mapped(contents.theirs[name], name, shape) for name, shape in expected.items()
        ),
        resized=(Resized("pos_embed", before, after),) if after != before else (),
        dropped=contents.dropped,
    )
    _write(done, tensors, options)
    return done


def _sizes(tensors: Mapping[str, Tensor], file: Path) -> StartFacts:
    """What the shapes say; the heads are not among it."""
    if any(re.match(r"patch_embed\.proj\.\d", name) for name in tensors):
        raise unusable(file, "its patches come from several convolutions (a conv stem)")
    for name, sides in (("pos_embed", 3), ("patch_embed.proj.weight", 4)):
        if name not in tensors:
            raise unusable(file, Sentence("its {name} is missing", name=name))
        shape = tuple(tensors[name].shape)
        if len(shape) != sides or 0 in shape:
            why = Sentence("its {name} has the shape {shape}", name=name, shape=shape)
            raise unusable(file, why)
    places, width = tensors["pos_embed"].shape[1:]
    patch = tensors["patch_embed.proj.weight"].shape[-1]
    tokens = sum(tensors[name].numel() // width for name in TOKENS if name in tensors)
    if tokens > len(TOKENS):
        why = Sentence("it has {tokens} tokens before its patches, more than two", tokens=tokens)
        raise unusable(file, why)
    grid = math.isqrt(max(0, places - tokens))
    if grid == 0 or grid * grid != places - tokens:
        raise unusable(
            file,
            Sentence(
                "its {places} positions are no square grid of patches after {tokens} tokens",
                places=places,
                tokens=tokens,
            ),
        )
    return StartFacts(
        name=display_name(file.name),
        width=width,
        depth=len({name.split(".")[1] for name in tensors if name.startswith("blocks.")}),
        heads=None,
        patch_size=patch,
        image_size=grid * patch,
        tokens=tokens,
    )


def _table(facts: StartFacts) -> dict[str, tuple[int, ...]]:
    """Every tensor of a plain vision transformer of these sizes, with its shape (methods.md 1E)."""
    width, patch = facts.width, facts.patch_size
    block = {
        "norm1": (width,),
        "attn.qkv": (3 * width, width),
        "attn.proj": (width, width),
        "norm2": (width,),
        "mlp.fc1": (4 * width, width),
        "mlp.fc2": (width, 4 * width),
    }
    layers: dict[str, tuple[int, ...]] = {"patch_embed.proj": (width, 3, patch, patch)}
    for index in range(facts.depth):
        layers |= {f"blocks.{index}.{name}": shape for name, shape in block.items()}
    layers["norm"] = (width,)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(TOKENS[: facts.tokens], (1, 1, width))
    shapes["pos_embed"] = (1, facts.tokens + (facts.image_size // patch) ** 2, width)
    for name, shape in layers.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def _check_parts(
    tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], file: Path
) -> None:
    """Every part is there and none besides, each of its shape."""
    for name in tensors:
        if name not in expected:
            part = display_name(name)
            raise unusable(
                file, Sentence("it has a part that is not known here, {part}", part=part)
            )
    for name, shape in expected.items():
        if name not in tensors:
            raise unusable(file, Sentence("its {name} is missing", name=name))
        if tuple(tensors[name].shape) != shape:
            why = Sentence(
                "its {name} has the shape {found} where {shape} is expected",
                name=name,
                found=tuple(tensors[name].shape),
                shape=shape,
            )
            raise unusable(file, why)


def _options(facts: StartFacts) -> VitOptions[Never]:
    """The network's settings, within the bounds of ours."""
    width, heads, patch = facts.width, facts.heads, facts.patch_size
    if heads is None:
        raise ConfigError(
            "import.heads_unknown",
            "The file {file} does not say how many attention heads its network has, and its width "
            "{width} is no usual one.",
            "Give --heads.",
            file=facts.name,
            width=width,
        )
    if heads < 1 or width % heads:
        raise ConfigError(
            "import.heads",
            "A width of {width} cannot be shared by {heads} attention heads.",
            "Give --heads a divisor of the width.",
            width=width,
            heads=heads,
        )
    if facts.image_size % patch:
        raise ConfigError(
            "import.image_size",
            "Views of {side} px are no whole number of patches of {patch} px.",
            "Give --image-size a multiple of the patch.",
            side=facts.image_size,
            patch=patch,
        )
    try:
        return VitOptions.of_start(facts)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ConfigError(
            "import.sizes",
            "The network of {file} cannot be built here: its {setting} {why}.",
            "Give --heads or --image-size, where it is theirs; else the network is out of bounds.",
            file=facts.name,
            setting=wrong["loc"][-1],
            why=str(wrong["msg"]).removeprefix("Value error, "),
        ) from None


def _plain_tensor(tensor: Tensor, name: str, file: Path) -> Tensor:
    """A copy as float32, which shares its memory with no other."""
    is_plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not (is_plain and tensor.is_floating_point()):
        why = Sentence("its {name} holds no plain numbers but {kind}", name=name, kind=tensor.dtype)
        raise unusable(file, why)
    copied = tensor.to(torch.float32, copy=True).contiguous()
    if not bool(torch.isfinite(copied).all()):
        raise unusable(file, Sentence("its {name} holds values that are not finite", name=name))
    return copied


def _write(done: Imported, tensors: Mapping[str, Tensor], options: VitOptions[Never]) -> None:
    there = read_json(done.path / "config.json").get(MARK, {})
    if there and there.get("sha256") != done.sha256:
        raise DiskError(
            "import.taken",
            "The folder {out} holds weights that were imported from {source}.",
            "Choose another --out.",
            out=done.path,
            source=there.get("source", "another file"),
        )
    record = done.to_json()
    del record["path"]
    origin = {name: record[name] for name in ("source", "sha256", "layout", "network")}
    write_timm_folder(
        done.path,
        tensors,
        timm_config(options) | {MARK: origin},
        mark=MARK,
        more={"import.json": json.dumps(record, indent=1)},
    )
