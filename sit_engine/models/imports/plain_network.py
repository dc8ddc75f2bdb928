"""Reads a network that is a plain vision transformer, or that is made one: every part, shape by shape.

Shapes: N patches, T tokens before them, D width, C colours, P patch size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Never

import torch
from pydantic import ValidationError
from torch import Tensor

from sit_engine.config.facts import IMAGENET, StartFacts, Variant
from sit_engine.config.families.vit import VitOptions
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.files import file_hash
from sit_engine.models.imports.foreign import unusable
from sit_engine.models.imports.layouts import network_like
from sit_engine.models.imports.networks import Contents, Part, ReadNetwork
from sit_engine.models.imports.plain import (
    Parts,
    blocks_of,
    made_plain,
    name_tokens,
    placed,
    prefix_of,
    resampled,
)
from sit_engine.models.imports.said import ACTIVATIONS, Said
from sit_engine.models.timm_folder import timm_config, timm_names
from sit_engine.models.variants import VARIANTS
from sit_engine.paths import display_name
from sit_engine.records.imported import AS_GIVEN, AS_SAID, Imported, Mapped, PixelsFrom, Resized

READ = re.compile(
    r"cls_token|dist_token|reg_token|pos_embed|patch_embed\.proj\.(weight|bias)"
    r"|(norm|norm_pre|fc_norm)\.(weight|bias)"
    r"|blocks\.\d+\.(norm[12]|attn\.(qkv|q|k|v|proj)|mlp\.fc[12])\.(weight|bias)"
    r"|blocks\.\d+\.ls[12]\.gamma"
)
"""Parts by timm's names that are taken, or folded into others."""


def read_plain(
    contents: Contents,
    file: Path,
    said: Said,
    *,
    heads: int | None,
    image_size: int | None,
    variant: Variant | None,
) -> ReadNetwork:
    """A vision transformer that is plain, or is made so."""
    layout = contents.layout
    parts = {
        name: Part(theirs, plain_tensor(tensor, name, file))
        for name, (theirs, tensor) in contents.parts.items()
    }
    _check_known(parts, file)
    folded = made_plain(parts, file)
    variant = _variant(parts, said, variant, file)
    facts, before = _sizes(parts, file, variant)
    expected = _table(facts)
    _check_parts(parts, expected, file)
    usual = layout.heads.get(facts.width) if said.heads is None else said.heads
    facts = replace(
        facts,
        heads=usual if heads is None else heads,
        image_size=facts.image_size if image_size is None else image_size,
    )
    options = _options(facts)
    after = facts.image_size // facts.patch_size
    tensors = {name: parts[name].tensor.contiguous() for name in expected}
    if after != before:
        count = facts.tokens + facts.registers
        tensors["pos_embed"] = resampled(tensors["pos_embed"], count, after, layout.resampling)
    whence: PixelsFrom = "settings" if said.pixels else "usual" if layout.pixels else "assumed"
    mean, std = said.pixels or layout.pixels or IMAGENET
    done = Imported(
        path=file,
        source=display_name(file.name),
        sha256=file_hash(file),
        layout=layout.name,
        network=contents.network,
        facts=facts,
        heads_from=AS_GIVEN
        if heads is not None
        else f"usual for this width in {layout.name}"
        if said.heads is None
        else AS_SAID,
        mapped=tuple(
            Mapped(parts[name].theirs, name, shape)
            for name, shape in expected.items()
            if parts[name].theirs
        ),
        resized=(Resized("pos_embed", before, after),) if after != before else (),
        dropped=contents.dropped,
        folded=tuple(folded),
        mean=mean,
        std=std,
        pixels_from=whence,
    )
    return ReadNetwork(done, timm_names(tensors, variant), timm_config(options))


def _check_known(parts: Parts, file: Path) -> None:
    """A part that no step knows is told by what it is, before anything else is asked of the file."""
    unknown = [name for name in parts if not READ.fullmatch(name)]
    if not unknown:
        return
    words = network_like(unknown)
    if words is not None:
        raise unusable(file, Sentence("it has {words}", words=words))
    name = display_name(parts[unknown[0]].theirs)
    raise unusable(file, Sentence("no plain vision transformer has its part {part}", part=name))


def _variant(parts: Parts, said: Said, given: Variant | None, file: Path) -> Variant:
    """The variant by norms and activation; a file alone does not say which of two CLIP has."""
    if "fc_norm.weight" in parts and "norm.weight" not in parts:
        for kind in ("weight", "bias"):
            if f"fc_norm.{kind}" in parts:
                parts[f"norm.{kind}"] = parts.pop(f"fc_norm.{kind}")
        return "mean-norm"
    has_norm_before = "norm_pre.weight" in parts
    if given is not None:
        fits = VARIANTS[given].has_norm_before == has_norm_before and given != "mean-norm"
    else:
        if said.activation is not None and said.activation not in ACTIVATIONS:
            why = Sentence("its activation is {name}", name=display_name(said.activation))
            raise unusable(file, why)
        is_said = said.activation is not None or said.architecture is not None
        if has_norm_before and not is_said:
            raise ConfigError(
                "import.variant",
                "The file {file} is of CLIP, and does not say which activation its network has.",
                "Give --variant clip for weights of OpenAI, --variant openclip for most others.",
                file=display_name(str(file)),
            )
        wanted = (has_norm_before, ACTIVATIONS[said.activation] if said.activation else None)
        found = {
            (each.has_norm_before, each.activation): name
            for name, each in VARIANTS.items()
            if not each.norms_mean
        }
        given, fits = found.get(wanted), True
    if given is None or not fits:
        raise ConfigError(
            "import.variant_fits",
            "The network of {file} is of another variant: {norms} its blocks.",
            "Leave --variant out, or choose another.",
            file=display_name(str(file)),
            norms="it has a norm before" if has_norm_before else "it has no norm before",
        )
    return given


def _sizes(parts: Parts, file: Path, variant: Variant) -> tuple[StartFacts, int]:
    """What the shapes say (the heads are not among it), and the patches along a side.

    The tokens and the position table become those of a plain network.
    """
    for name, sides in (("pos_embed", 3), ("patch_embed.proj.weight", 4)):
        if name not in parts:
            raise unusable(
                file,
                "its pos_embed is missing: it has rotary positions, or none"
                if name == "pos_embed"
                else Sentence("its {name} is missing", name=name),
            )
        shape = tuple(parts[name].tensor.shape)
        if len(shape) != sides or 0 in shape:
            why = Sentence("its {name} has the shape {shape}", name=name, shape=shape)
            raise unusable(file, why)
    theirs, table = parts["pos_embed"]
    tokens, registers = prefix_of(parts)
    found = placed(table, tokens, registers)
    if found is None:
        raise unusable(
            file,
            Sentence(
                "its {places} positions are no square grid of patches after {tokens} tokens",
                places=table.shape[1],
                tokens=tokens + registers,
            ),
        )
    parts["pos_embed"] = Part(theirs, found[0])
    name_tokens(parts, file)
    if variant == "mean-norm":
        # Nothing reads the class token where the mean patch is normed.
        tokens, registers = 0, tokens + registers
    patch, width = parts["patch_embed.proj.weight"].tensor.shape[-1], table.shape[2]
    facts = StartFacts(
        name=display_name(file.name),
        width=width,
        depth=len(blocks_of(parts)),
        heads=None,
        patch_size=patch,
        image_size=found[1] * patch,
        tokens=tokens,
        registers=registers,
        variant=variant,
    )
    return facts, found[1]


def _table(facts: StartFacts) -> dict[str, tuple[int, ...]]:
    """Every tensor of a vision transformer of these sizes, by its name, with its shape."""
    width, patch, before = facts.width, facts.patch_size, facts.tokens + facts.registers
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
    shapes: dict[str, tuple[int, ...]] = {}
    if before:
        shapes["cls_token"] = (1, 1, width)
    if before > 1:
        shapes["reg_token"] = (1, before - 1, width)
    shapes["pos_embed"] = (1, before + (facts.image_size // patch) ** 2, width)
    if VARIANTS[facts.variant].has_norm_before:
        layers["norm_pre"] = (width,)
    for name, shape in layers.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    if VARIANTS[facts.variant].has_norm_before:
        del shapes["patch_embed.proj.bias"]
    return shapes


def _check_parts(parts: Parts, expected: Mapping[str, tuple[int, ...]], file: Path) -> None:
    """Every part is there and none besides, each of its shape."""
    for name, shape in expected.items():
        if name not in parts:
            raise unusable(file, Sentence("its {name} is missing", name=name))
        if tuple(parts[name].tensor.shape) != shape:
            why = Sentence(
                "its {name} has the shape {found} where {shape} is expected",
                name=name,
                found=tuple(parts[name].tensor.shape),
                shape=shape,
            )
            raise unusable(file, why)
    more = [name for name in parts if name not in expected]
    if more:
        part = display_name(parts[more[0]].theirs)
        raise unusable(file, Sentence("no plain vision transformer has its part {part}", part=part))


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


def plain_tensor(tensor: Tensor, name: str, file: Path) -> Tensor:
    """A copy as float32, which shares its memory with no other."""
    is_plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not (is_plain and tensor.is_floating_point()):
        why = Sentence("its {name} holds no plain numbers but {kind}", name=name, kind=tensor.dtype)
        raise unusable(file, why)
    copied = tensor.to(torch.float32, copy=True).contiguous()
    if not bool(torch.isfinite(copied).all()):
        raise unusable(file, Sentence("its {name} holds values that are not finite", name=name))
    return copied
