"""Small files of weights as others lay them out (SiT, DINO, MoCo v3), and a plain forward
of what stands in them.

Shapes: B batch, N tokens, D width, H heads, K width of a head, C colours, Y X pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]


class Size(NamedTuple):
    """A vision transformer on square views."""

    width: int = 32
    depth: int = 2
    patch: int = 4
    side: int = 16

    @property
    def patches(self) -> int:
        return (self.side // self.patch) ** 2


SMALL = Size()


def trunk(size: Size, tokens: Sequence[str]) -> Shapes:
    """The part that all layouts share."""
    width, patch = size.width, size.patch
    shapes: Shapes = dict.fromkeys(tokens, (1, 1, width))
    shapes["pos_embed"] = (1, len(tokens) + size.patches, width)
    shapes |= linear("patch_embed.proj", width, 3, patch, patch)
    for index in range(size.depth):
        block = f"blocks.{index}"
        shapes |= linear(f"{block}.norm1", width)
        shapes |= linear(f"{block}.attn.qkv", 3 * width, width)
        shapes |= linear(f"{block}.attn.proj", width, width)
        shapes |= linear(f"{block}.norm2", width)
        shapes |= linear(f"{block}.mlp.fc1", 4 * width, width)
        shapes |= linear(f"{block}.mlp.fc2", width, 4 * width)
    return shapes | linear("norm", width)


def linear(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def batch_norm(name: str, width: int, *, affine: bool) -> Shapes:
    found: Shapes = linear(name, width) if affine else {}
    statistics: Shapes = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return found | statistics | {f"{name}.num_batches_tracked": ()}


def under(prefix: str, shapes: Shapes) -> Shapes:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def drawn(shapes: Shapes, seed: int) -> dict[str, Tensor]:
    """Values large enough that a wrong order of anything shows."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=draw) * (shape[-1] ** -0.5 if len(shape) > 1 else 0.3)
        found[name] = value + 1 if "norm" in name and name.endswith("weight") else value
        if name.endswith("num_batches_tracked"):
            found[name] = torch.tensor(7)
    return found


def optimiser() -> dict[str, Any]:
    """The state of a real AdamW after a step."""
    weight = torch.nn.Parameter(torch.ones(3))
    adamw = torch.optim.AdamW([weight], lr=1e-3)
    weight.grad = torch.ones(3)
    adamw.step()
    return adamw.state_dict()


def sit2022(size: Size = SMALL, hidden: int = 64, out: int = 16) -> dict[str, Any]:
    """Student and teacher of December 2022."""
    width = size.width
    head = linear("mlp.0", hidden, width) | batch_norm("mlp.1", hidden, affine=True)
    head |= linear("mlp.3", hidden, hidden) | batch_norm("mlp.4", hidden, affine=True)
    head |= linear("mlp.6", out, hidden) | batch_norm("mlp.7", out, affine=False)
    recons: Shapes = {}
    for number in (0, 2, 4):
        recons |= linear(f"mlp.{number}", width, width)
    recons |= {"convTrans.weight": (width, 3, size.patch, size.patch), "convTrans.bias": (3,)}
    names = under("module.backbone.", trunk(size, ["cls_token"]))
    names |= under("module.head.", head) | under("module.head_recons.", recons)
    return {
        "student": drawn(names, 1),
        "teacher": drawn(names, 2),
        "optimizer": optimiser(),
        "epoch": 3,
        "args": argparse.Namespace(model="vit_small", drop_type="zeros", lr=0.0005),
        "fp16_scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 12},
    }


def sit2021(size: Size = SMALL, contrast: int = 24, classes: int | None = None) -> dict[str, Any]:
    """The first version, pretrained; with `classes` finetuned, with a layer before each head."""
    width, patch = size.width, size.patch
    names = trunk(size, ["rot_token", "contrastive_token"])
    if classes is None:
        names |= linear("rot_head", 4, width) | linear("contrastive_head", contrast, width)
        names |= {"convTrans.weight": (width, 3, patch, patch), "convTrans.bias": (3,)}
        names |= {"rot_w": (1,), "contrastive_w": (1,), "recons_w": (1,)}
    else:
        names |= linear("pre_logits_rot.fc", 20, width)
        names |= linear("pre_logits_contrastive.fc", 20, width)
        names |= linear("rot_head", classes, 20) | linear("contrastive_head", classes, 20)
    return {
        "model": drawn(names, 3),
        "optimizer": optimiser(),
        "lr_scheduler": {"base_values": [0.001], "t_initial": 501, "noise_range_t": None},
        "epoch": 5,
        "model_ema": drawn(names, 4),
        "scaler": {"scale": 1024.0},
        "args": argparse.Namespace(model="SiT_base_patch16_224", opt_betas=None, device="cuda"),
    }


def dino(size: Size = SMALL, prototypes: int = 40) -> dict[str, Any]:
    """The full checkpoint: the student on several GPUs, the teacher on one."""
    head = linear("mlp.0", 48, size.width) | linear("mlp.2", 48, 48) | linear("mlp.4", 12, 48)
    head |= {"last_layer.weight_g": (prototypes, 1), "last_layer.weight_v": (prototypes, 12)}
    names = under("backbone.", trunk(size, ["cls_token"])) | under("head.", head)
    return {
        "student": drawn(under("module.", names), 5),
        "teacher": drawn(names, 6),
        "optimizer": optimiser(),
        "epoch": 100,
        "args": argparse.Namespace(arch="vit_small", local_crops_scale=(0.05, 0.4)),
        "dino_loss": {"center": torch.zeros(1, prototypes)},
    }


def moco(size: Size = SMALL) -> dict[str, Any]:
    """Both encoders with their projectors, and the predictor; linear layers without bias."""
    projector: Shapes = {}
    for number, (into, out) in {0: (size.width, 40), 3: (40, 40), 6: (40, 8)}.items():
        projector |= {f"head.{number}.weight": (out, into)}
        projector |= batch_norm(f"head.{number + 1}", out, affine=number < 6)
    encoder = trunk(size, ["cls_token"]) | projector
    predictor: Shapes = {"0.weight": (40, 8), **batch_norm("1", 40, affine=True)}
    predictor |= {"3.weight": (8, 40), **batch_norm("4", 8, affine=False)}
    names = under("module.base_encoder.", encoder) | under("module.momentum_encoder.", encoder)
    return {
        "epoch": 300,
        "arch": "vit_small",
        "state_dict": drawn(names | under("module.predictor.", predictor), 7),
        "optimizer": optimiser(),
        "scaler": {"scale": 512.0},
    }


def timm(size: Size = SMALL, classes: int = 10) -> dict[str, Tensor]:
    """A flat dictionary with its classifier."""
    return drawn(trunk(size, ["cls_token"]) | linear("head", classes, size.width), 8)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def saved(content: Any, path: Path, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def forward(
    tensors: Mapping[str, Tensor],
    image_BCYX: Tensor,
    prefix: str,
    tokens: Sequence[str],
    heads: int,
) -> Tensor:
    """All tokens after the final norm, from the key table alone: [B,C,Y,X] to [B,N,D]."""

    def get(name: str) -> Tensor:
        return tensors[prefix + name].float()

    def layer(name: str, x: Tensor) -> Tensor:
        return functional.linear(x, get(f"{name}.weight"), get(f"{name}.bias"))

    def norm(name: str, x: Tensor) -> Tensor:
        weight, bias = get(f"{name}.weight"), get(f"{name}.bias")
        return functional.layer_norm(x, weight.shape, weight, bias, eps=1e-6)

    kernel = get("patch_embed.proj.weight")
    batch, width = len(image_BCYX), len(kernel)
    patches = functional.conv2d(
        image_BCYX, kernel, get("patch_embed.proj.bias"), stride=kernel.shape[-1]
    )
    before = [get(name).expand(batch, 1, width) for name in tokens]
    x_BND = torch.cat([*before, patches.flatten(2).transpose(1, 2)], dim=1) + get("pos_embed")
    index = 0
    while f"{prefix}blocks.{index}.norm1.weight" in tensors:
        block = f"blocks.{index}"
        qkv = layer(f"{block}.attn.qkv", norm(f"{block}.norm1", x_BND))
        query, key, value = (
            part.reshape(batch, -1, heads, width // heads).transpose(1, 2)
            for part in qkv.chunk(3, dim=-1)
        )
        scores_BHNN = query @ key.transpose(-2, -1) * (width // heads) ** -0.5
        mixed = (scores_BHNN.softmax(-1) @ value).transpose(1, 2).reshape(batch, -1, width)
        x_BND = x_BND + layer(f"{block}.attn.proj", mixed)
        hidden = functional.gelu(layer(f"{block}.mlp.fc1", norm(f"{block}.norm2", x_BND)))
        x_BND = x_BND + layer(f"{block}.mlp.fc2", hidden)
        index += 1
    assert index
    return norm("norm", x_BND)
