"""Makes the network of a file a plain vision transformer that answers the same: what differs folds away.

Each step takes the parts by timm's names, changes them in place, and says in a line what it did.
Shapes: N patches, T tokens before them, D width, F hidden width of an MLP, C colours, P patch size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.config.families.vit_tensors import TOKENS
from sit_engine.counted import Sentence
from sit_engine.models.imports.foreign import unusable
from sit_engine.models.imports.layouts import Resampling
from sit_engine.models.imports.networks import Part

Parts = dict[str, Part]
BLOCK = re.compile(r"blocks\.(\d+)\.")
GREY = (0.299, 0.587, 0.114)
"""How much of each colour its grey is (ITU-R BT.601), as images are made grey."""
SECOND = "dist_token"


def made_plain(parts: Parts, file: Path) -> list[str]:
    """Every step; what is left must be a plain network, which is checked later."""
    found = []
    for step in STEPS:
        said = step(parts, file)
        found += [said] if said else []
    return found


def blocks_of(parts: Parts) -> list[int]:
    """Numbers of its blocks, in order."""
    return sorted({int(match[1]) for match in map(BLOCK.match, parts) if match})


def prefix_of(parts: Parts) -> tuple[int, int]:
    """Tokens that are read, and registers; call it before they are joined."""
    read = sum(name in parts for name in (TOKENS[0], SECOND))
    registers = parts["reg_token"].tensor.shape[-2] if "reg_token" in parts else 0
    return read, registers


def _joined(parts: Parts, file: Path) -> str | None:
    """Queries, keys and values are one layer, in that order; a bias that is not there is 0."""
    count = 0
    for index in blocks_of(parts):
        for kind in ("weight", "bias"):
            names = [f"blocks.{index}.attn.{letter}.{kind}" for letter in "qkv"]
            there = [name for name in names if name in parts]
            if not there or (kind == "weight" and len(there) < 3):
                continue
            like = parts[there[0]].tensor
            three = [
                parts[name].tensor if name in parts else torch.zeros_like(like) for name in names
            ]
            theirs = " + ".join(parts[name].theirs for name in there)
            parts[f"blocks.{index}.attn.qkv.{kind}"] = Part(theirs, torch.cat(three))
            for name in there:
                del parts[name]
            count += 1
    return "queries, keys and values of each block joined" if count else None


def _shaped(parts: Parts, file: Path) -> None:
    """Tokens are [1,T,D] and positions [1,N,D], whichever way they are written."""
    for name in (*TOKENS, SECOND, "pos_embed"):
        if name in parts and parts[name].tensor.dim() in (1, 2):
            theirs, tensor = parts[name]
            parts[name] = Part(theirs, tensor.reshape(1, -1, tensor.shape[-1]))


def _biased(parts: Parts, file: Path) -> str | None:
    """Layers without a bias get one of 0; patches before a norm have none."""
    added = []
    for name in list(parts):
        layer = name.removesuffix(".weight")
        is_linear = re.fullmatch(
            r"blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])|patch_embed\.proj", layer
        )
        if name == layer or not is_linear or f"{layer}.bias" in parts:
            continue
        is_bare = layer == "patch_embed.proj" and "norm_pre.weight" in parts
        # A single layer without is a file that is not whole; of all blocks it is how it was built.
        siblings = [other for other in parts if _kind(other) == _kind(f"{layer}.bias")]
        if not is_bare and not siblings:
            added.append(layer)
    for layer in added:
        weight = parts[f"{layer}.weight"]
        parts[f"{layer}.bias"] = Part("", torch.zeros(len(weight.tensor)))
    kinds = sorted({_kind(layer) for layer in added})
    return Sentence("{layers} have no bias: 0", layers=", ".join(kinds)) if added else None


def _kind(name: str) -> str:
    return BLOCK.sub("", name)


def _unscaled(parts: Parts, file: Path) -> str | None:
    """x + γ ⊙ (W·y + b) = x + (diag(γ)·W)·y + γ ⊙ b: a layer scale γ goes into the layer before it."""
    scales = [name for name in parts if re.fullmatch(r"blocks\.\d+\.ls[12]\.gamma", name)]
    if not scales:
        return None
    for index in blocks_of(parts):
        for scale, layer in (("ls1", "attn.proj"), ("ls2", "mlp.fc2")):
            name = f"blocks.{index}.{scale}.gamma"
            if name not in parts:
                raise unusable(file, Sentence("its {name} is missing", name=name))
            gamma = parts.pop(name).tensor.flatten()
            for kind in ("weight", "bias"):
                target = f"blocks.{index}.{layer}.{kind}"
                if target in parts and len(parts[target].tensor) == len(gamma):
                    theirs, tensor = parts[target]
                    scaled = tensor * (gamma[:, None] if kind == "weight" else gamma)
                    parts[target] = Part(theirs, scaled)
    return "layer scale folded into attn.proj and mlp.fc2"


def _coloured(parts: Parts, file: Path) -> str | None:
    """A projection of grey images takes coloured ones as the grey they would be."""
    name = "patch_embed.proj.weight"
    if name not in parts or parts[name].tensor.dim() != 4 or parts[name].tensor.shape[1] != 1:
        return None
    theirs, weight_D1PP = parts[name]
    parts[name] = Part(theirs, weight_D1PP * torch.tensor(GREY).view(1, 3, 1, 1))
    return "patches of grey images: colours count as their grey"


def _padded(parts: Parts, file: Path) -> str | None:
    """Hidden layers narrower than 4 · D get numbers that are always 0: GELU(0) = 0."""
    padded = set()
    for index in blocks_of(parts):
        names = [f"blocks.{index}.mlp.{name}" for name in ("fc1.weight", "fc1.bias", "fc2.weight")]
        if not all(name in parts for name in names):
            continue
        first, bias, second = (parts[name].tensor for name in names)
        hidden, width = first.shape[0], first.shape[-1]
        lacking = 4 * width - hidden
        if lacking <= 0 or len(bias) != hidden or second.shape != (width, hidden):
            continue
        wider = (
            torch.cat([first, first.new_zeros(lacking, width)]),
            torch.cat([bias, bias.new_zeros(lacking)]),
            torch.cat([second, second.new_zeros(width, lacking)], dim=1),
        )
        for name, tensor in zip(names, wider, strict=True):
            parts[name] = Part(parts[name].theirs, tensor)
        padded.add((hidden, 4 * width))
    if not padded:
        return None
    before, after = min(padded)
    return Sentence(
        "hidden layers of {before} filled to {after} with zeros", before=before, after=after
    )


STEPS: tuple[Callable[[Parts, Path], str | None], ...] = (
    _joined,
    _shaped,
    _biased,
    _unscaled,
    _coloured,
    _padded,
)


def placed(table: Tensor, tokens: int, registers: int) -> tuple[Tensor, int] | None:
    """The position table with a row for each token before the patches, and the side of its grid.

    Tables have rows for all tokens, for the class token alone (DINOv2), or for patches alone (timm's
    `no_embed_class`); a row that is not there is 0. None: no square grid of patches is left.
    """
    rows = table.shape[1]
    counts = [tokens + registers, 0] if not registers else [tokens + registers, tokens, 0]
    for before in counts:
        side = int(max(0, rows - before) ** 0.5 + 0.5)
        if side and side * side == rows - before:
            zeros = table.new_zeros(1, tokens + registers - before, table.shape[2])
            return torch.cat([table[:, :before], zeros, table[:, before:]], dim=1), side
    return None


def name_tokens(parts: Parts, file: Path) -> None:
    """The class token stays; all that follow it are one tensor of registers, the second token first."""
    more = [parts.pop(name) for name in (SECOND, TOKENS[1]) if name in parts]
    if TOKENS[0] not in parts and more:
        raise unusable(file, "it has tokens before its patches, and no class token")
    if more and len({part.tensor.shape[-1] for part in more}) == 1:
        theirs = " + ".join(part.theirs for part in more)
        parts[TOKENS[1]] = Part(theirs, torch.cat([part.tensor for part in more], dim=1))


def resampled(table_1ND: Tensor, before: int, side: int, way: Resampling) -> Tensor:
    """The patches' rows of a position table on a grid of `side` × `side`, as its origin does it.

    Bicubic everywhere. timm antialiases; torch's plain one has another kernel (its free parameter is
    −0.75 instead of −0.5), also where nothing gets smaller; DINO and DINOv2 work out a scale from a side
    a tenth too large.
    """
    first, places = table_1ND[:, :before], table_1ND[:, before:]
    old = math.isqrt(places.shape[1])
    grid_1DHW = places.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    size = {"scale_factor": (side + way.offset) / old} if way.offset else {"size": (side, side)}
    made = functional.interpolate(
        grid_1DHW, **size, mode="bicubic", align_corners=False, antialias=way.antialias
    )
    assert made.shape[-2:] == (side, side)
    return torch.cat([first, made.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
