"""Small files of public weights as their authors lay them out, and a plain forward of what is in them.

The names are written from the key tables of the originals, not from ours. Shapes: B batch, N tokens,
D width, H heads, K width of a head, C colours, Y X pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tests.models.imports.foreign_files import SMALL, Shapes, Size, drawn, linear

HEADS = 4


@dataclass(frozen=True)
class Names:
    """What the parts of a network are called; `{}` is the number of a block, "" what it has not."""

    patch: str = "patch_embed.proj"
    class_token: str = "cls_token"
    second: str = ""
    registers: str = ""
    positions: str = "pos_embed"
    norm_before: str = ""
    norm1: str = "blocks.{}.norm1"
    qkv: str | tuple[str, str, str] = "blocks.{}.attn.qkv"
    proj: str = "blocks.{}.attn.proj"
    scale1: str = ""
    norm2: str = "blocks.{}.norm2"
    first: str = "blocks.{}.mlp.fc1"
    last: str = "blocks.{}.mlp.fc2"
    scale2: str = ""
    norm: str = "norm"
    norm_of_mean: str = ""


TIMM = Names()
TIMM_SCALED = replace(TIMM, scale1="blocks.{}.ls1.gamma", scale2="blocks.{}.ls2.gamma")
_LAYER = "encoder.layer.{}"
HUGGING_FACE = Names(
    patch="embeddings.patch_embeddings.projection",
    class_token="embeddings.cls_token",
    positions="embeddings.position_embeddings",
    norm1=f"{_LAYER}.layernorm_before",
    qkv=(
        f"{_LAYER}.attention.attention.query",
        f"{_LAYER}.attention.attention.key",
        f"{_LAYER}.attention.attention.value",
    ),
    proj=f"{_LAYER}.attention.output.dense",
    norm2=f"{_LAYER}.layernorm_after",
    first=f"{_LAYER}.intermediate.dense",
    last=f"{_LAYER}.output.dense",
    norm="layernorm",
)
HF_DINOV2 = replace(
    HUGGING_FACE,
    norm1=f"{_LAYER}.norm1",
    scale1=f"{_LAYER}.layer_scale1.lambda1",
    norm2=f"{_LAYER}.norm2",
    first=f"{_LAYER}.mlp.fc1",
    last=f"{_LAYER}.mlp.fc2",
    scale2=f"{_LAYER}.layer_scale2.lambda1",
)
_OF = "encoder.layers.{}"
TOWER = Names(
    patch="embeddings.patch_embedding",
    class_token="",
    positions="embeddings.position_embedding.weight",
    norm1=f"{_OF}.layer_norm1",
    qkv=(f"{_OF}.self_attn.q_proj", f"{_OF}.self_attn.k_proj", f"{_OF}.self_attn.v_proj"),
    proj=f"{_OF}.self_attn.out_proj",
    norm2=f"{_OF}.layer_norm2",
    first=f"{_OF}.mlp.fc1",
    last=f"{_OF}.mlp.fc2",
    norm="post_layernorm",
)
HF_CLIP = replace(TOWER, class_token="embeddings.class_embedding", norm_before="pre_layrnorm")
_RES = "transformer.resblocks.{}"
OPEN_CLIP = Names(
    patch="conv1",
    class_token="class_embedding",
    positions="positional_embedding",
    norm_before="ln_pre",
    norm1=f"{_RES}.ln_1",
    qkv=f"{_RES}.attn.in_proj",
    proj=f"{_RES}.attn.out_proj",
    norm2=f"{_RES}.ln_2",
    first=f"{_RES}.mlp.c_fc",
    last=f"{_RES}.mlp.c_proj",
    norm="ln_post",
)


@dataclass(frozen=True)
class Network:
    """How a network of those names is built."""

    names: Names
    size: Size = SMALL
    registers: int = 0
    rows: str = "all"
    """Of the position table before the patches: for "all" tokens, the "class" token alone, or "none"."""
    activation: Callable[[Tensor], Tensor] = functional.gelu
    epsilon: float = 1e-6
    colours: int = 3
    hidden: int | None = None
    has_qkv_bias: bool = True
    is_flat: bool = False
    """Whether its tokens and its table have no side for the batch."""

    @property
    def before(self) -> int:
        """Tokens before the patches."""
        return bool(self.names.class_token) + bool(self.names.second) + self.registers

    def shapes(self) -> Shapes:
        """Every part, with its shape."""
        names, size = self.names, self.size
        width, hidden = size.width, self.hidden or 4 * size.width
        one: tuple[int, ...] = (1, 1, width)
        rows = {"all": self.before, "class": 1, "none": 0}[self.rows] + size.patches
        found: Shapes = {names.positions: (rows, width) if self.is_flat else (1, rows, width)}
        if names.class_token:
            found[names.class_token] = (width,) if self.is_flat else one
        if names.second:
            found[names.second] = one
        if self.registers:
            found[names.registers] = (1, self.registers, width)
        patch = linear(names.patch, width, self.colours, size.patch, size.patch)
        if names.norm_before:
            del patch[f"{names.patch}.bias"]
            found |= linear(names.norm_before, width)
        found |= patch
        for number in range(size.depth):
            for layer, shape in self._block(width, hidden).items():
                found |= linear(layer.format(number), *shape)
            for scale in filter(None, (names.scale1, names.scale2)):
                found[scale.format(number)] = (width,)
        if isinstance(names.qkv, str) and names.qkv.endswith("in_proj"):
            # torch's own attention joins name and kind otherwise.
            found = {name.replace("in_proj.", "in_proj_"): shape for name, shape in found.items()}
        if not self.has_qkv_bias:
            found = {n: s for n, s in found.items() if "qkv.bias" not in n}
        return found | linear(names.norm or names.norm_of_mean, width)

    def _block(self, width: int, hidden: int) -> dict[str, tuple[int, ...]]:
        names = self.names
        qkv = (names.qkv,) if isinstance(names.qkv, str) else names.qkv
        share = 3 // len(qkv)
        return {
            names.norm1: (width,),
            **dict.fromkeys(qkv, (share * width, width)),
            names.proj: (width, width),
            names.norm2: (width,),
            names.first: (hidden, width),
            names.last: (width, hidden),
        }

    def draw(self, seed: int = 1) -> dict[str, Tensor]:
        """Values of every part; layer scales between −1 and 1."""
        found = drawn(self.shapes(), seed)
        draw = torch.Generator().manual_seed(seed)
        names = self.names
        for number in range(self.size.depth):
            for scale in filter(None, (names.scale1, names.scale2)):
                found[scale.format(number)] = torch.rand(self.size.width, generator=draw) * 2 - 1
            for norm in (names.norm1, names.norm2):
                found[f"{norm.format(number)}.weight"] += 1
        return found

    @torch.inference_mode()
    def forward(self, tensors: Mapping[str, Tensor], image_BCYX: Tensor) -> tuple[Tensor, Tensor]:
        """What is read, [B,T,D] (of a norm of the mean the feature, [B,1,D]), and the patches [B,N,D]."""
        names, batch, width = self.names, len(image_BCYX), self.size.width
        patches = functional.conv2d(
            image_BCYX, tensors[f"{names.patch}.weight"], tensors.get(f"{names.patch}.bias"),
            stride=self.size.patch,
        )  # fmt: skip
        x = patches.flatten(2).transpose(1, 2)
        given = [name for name in (names.class_token, names.second, names.registers) if name]
        before = [tensors[name].reshape(1, -1, width).expand(batch, -1, width) for name in given]
        table = tensors[names.positions].reshape(1, -1, width)
        if self.rows == "all":
            x = torch.cat([*before, x], dim=1) + table
        elif self.rows == "none":
            x = torch.cat([*before, x + table], dim=1)
        else:
            x = torch.cat([before[0], x], dim=1) + table
            x = torch.cat([x[:, :1], *before[1:], x[:, 1:]], dim=1)
        if names.norm_before:
            x = self._norm(tensors, names.norm_before, x)
        for number in range(self.size.depth):
            x = self._through(tensors, number, x)
        read = self.before - self.registers
        if names.norm_of_mean:
            mean = x[:, self.before :].mean(1, keepdim=True)
            return self._norm(tensors, names.norm_of_mean, mean), x[:, self.before :]
        x = self._norm(tensors, names.norm, x)
        return x[:, :read], x[:, self.before :]

    def _through(self, tensors: Mapping[str, Tensor], number: int, x_BND: Tensor) -> Tensor:
        names, (batch, _, width) = self.names, x_BND.shape
        normed = self._norm(tensors, names.norm1.format(number), x_BND)
        if isinstance(names.qkv, str):
            parts = self._layer(tensors, names.qkv.format(number), normed).chunk(3, dim=-1)
        else:
            parts = tuple(self._layer(tensors, n.format(number), normed) for n in names.qkv)
        query, key, value = (
            part.reshape(batch, -1, HEADS, width // HEADS).transpose(1, 2) for part in parts
        )
        scores = query @ key.transpose(-2, -1) * (width // HEADS) ** -0.5
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, -1, width)
        out = self._layer(tensors, names.proj.format(number), mixed)
        x_BND = x_BND + out * (tensors[names.scale1.format(number)] if names.scale1 else 1)
        normed = self._norm(tensors, names.norm2.format(number), x_BND)
        hidden = self.activation(self._layer(tensors, names.first.format(number), normed))
        out = self._layer(tensors, names.last.format(number), hidden)
        return x_BND + out * (tensors[names.scale2.format(number)] if names.scale2 else 1)

    def _layer(self, tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
        join = "_" if name.endswith("in_proj") else "."
        return functional.linear(
            x, tensors[f"{name}{join}weight"], tensors.get(f"{name}{join}bias")
        )

    def _norm(self, tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
        weight = tensors[f"{name}.weight"]
        return functional.layer_norm(
            x, weight.shape, weight, tensors[f"{name}.bias"], eps=self.epsilon
        )


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's."""
    return x * torch.sigmoid(1.702 * x)


def gelu_tanh(x: Tensor) -> Tensor:
    """SigLIP's."""
    return functional.gelu(x, approximate="tanh")


def under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The same with longer names."""
    return {f"{prefix}{name}": value for name, value in tensors.items()}
