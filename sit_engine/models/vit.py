"""Vision transformers from timm as backbones: the family `vit`.

Shapes: B images, T tokens before the patches, N patches, D width, H heads, K width of a head, C
channels, Y X pixels.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Never

import torch
from timm.layers.norm import LayerNorm
from timm.layers.patch_embed import PatchEmbed
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.layers.pos_embed_sincos import build_sincos2d_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sit_engine.config.families.vit import VitOptions
from sit_engine.models.backbone import Backbone, Maps
from sit_engine.models.stem import ConvStem, freeze_stem
from sit_engine.models.variants import VARIANTS


class Vit(VisionTransformer, Backbone):
    """timm's own network, parameter by parameter, for views of any size that patches divide.

    Of the tokens before the patches the first `tokens` are read; what follows are registers.
    """

    def __init__(self, *, tokens: int, norms_mean: bool = False, **arguments: Any) -> None:
        super().__init__(num_classes=0, fc_norm=False, **arguments)
        self.norms_mean = norms_mean
        self.patch_embed.strict_img_size = False
        self.width, self.blocks_deep = self.embed_dim, len(self.blocks)
        self.stride = self.patch_embed.patch_size[0]
        self.tokens_before = tokens

    def maps(self, image_BCYX: Tensor) -> Maps:
        """All tokens after the final norm."""
        tokens_BND = self._embedded(image_BCYX)
        for block in self.blocks:
            tokens_BND = self._through(block, tokens_BND)
        return self._maps(self._normed(tokens_BND), image_BCYX)

    def pooled(self, image_BCYX: Tensor) -> Tensor:
        """The tokens before the patches after the final norm, [B,T,D]; without any the mean patch.

        The last block is worked out for them alone, since no other output of it is read.
        """
        count = self.tokens_before
        if count == 0:
            return self.maps(image_BCYX).places.mean(1, keepdim=True)
        return self._last_pooled(*self._before_last_block(image_BCYX))

    def entering(self, image_BCYX: Tensor, *, but_last: int) -> Tensor:
        """Tokens [B,T+N,D] that enter so many last blocks."""
        tokens_BND = self._embedded(image_BCYX)
        for block in self.blocks[: self.blocks_deep - but_last]:
            tokens_BND = self._through(block, tokens_BND)
        return tokens_BND

    def pooled_after(self, entered: Tensor, *, but_last: int) -> Tensor:
        """`pooled` of what `entering` gave."""
        *before, last = self.blocks[self.blocks_deep - but_last :]
        for block in before:
            entered = self._through(block, entered)
        if self.tokens_before:
            return self._last_pooled(entered, last)
        normed_BND = self._normed(self._through(last, entered))
        return normed_BND[:, self.num_prefix_tokens :].mean(1, keepdim=True)

    def maps_after(self, entered: Tensor, *, but_last: int) -> Maps:
        """`maps` of what `entering` gave, of views of the network's own size."""
        for block in self.blocks[self.blocks_deep - but_last :]:
            entered = self._through(block, entered)
        normed_BND = self._normed(entered)
        before, (height, width) = self.num_prefix_tokens, self.patch_embed.grid_size
        places = normed_BND[:, before:]
        return Maps(normed_BND[:, : self.tokens_before], places, (height, width))

    def _last_pooled(self, tokens_BND: Tensor, block: Any) -> Tensor:
        """What the last block makes of the tokens before the patches alone, normed."""
        count = self.tokens_before
        mixed_BTD = _attend_first(block.attn, block.norm1(tokens_BND), count)
        first_BTD = tokens_BND[:, :count] + block.drop_path1(block.ls1(mixed_BTD))
        hidden_BTD = block.ls2(block.mlp(block.norm2(first_BTD)))
        out: Tensor = self.norm(first_BTD + block.drop_path2(hidden_BTD))
        return out

    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        """Tokens after each block."""
        found, tokens_BND = [], self._embedded(image_BCYX)
        for block in self.blocks:
            tokens_BND = self._through(block, tokens_BND)
            found.append(self._maps(tokens_BND, image_BCYX))
        return found

    def attention(self, image_BCYX: Tensor) -> Tensor:
        """The mean over the tokens before the patches; of a network without any, over the patches.

        Worked out from queries and keys, so that fused attention hides nothing. Rows sum to one minus
        the share that such tokens keep for themselves.
        """
        tokens_BND, block = self._before_last_block(image_BCYX)
        first, before = self.tokens_before, self.num_prefix_tokens
        normed_BND = block.norm1(tokens_BND)
        batch, count, _ = normed_BND.shape
        qkv = block.attn.qkv(normed_BND).reshape(batch, count, 3, block.attn.num_heads, -1)
        query_BHNK, key_BHNK, _ = qkv.permute(2, 0, 3, 1, 4)
        asked_BHTK = query_BHNK[:, :, :first] if first else query_BHNK[:, :, before:]
        scores_BHTN = (asked_BHTK * block.attn.scale) @ key_BHNK.transpose(-2, -1)
        found_BHN = torch.softmax(scores_BHTN.float(), dim=-1).mean(2)[:, :, before:]
        return found_BHN.reshape(batch, -1, *self._grid(image_BCYX))

    def level(self, name: str) -> int:
        """The level by timm's names."""
        if name.startswith("blocks."):
            return int(name.split(".")[1]) + 1
        return self.blocks_deep + 1 if name.startswith("norm.") else 0

    def first_layer(self) -> list[nn.Parameter]:
        """The patch projection, or the whole convolutional stem in its place."""
        return list(self.patch_embed.parameters())

    def freeze(self, *, but_last: int) -> None:
        """Freeze, with a stem's averages."""
        self.requires_grad_(False)
        freeze_stem(self)
        last = self.blocks_deep - but_last
        for block in self.blocks[:last]:
            for path in (block.drop_path1, block.drop_path2):
                if hasattr(path, "drop_prob"):
                    path.drop_prob = 0.0
        if but_last:
            for part in (*self.blocks[last:], self.norm):
                part.requires_grad_(True)

    def set_fused_attention(self, *, fused: bool) -> None:
        """Choose torch's fused attention or plain products in every block."""
        for block in self.blocks:
            block.attn.fused_attn = fused  # type: ignore[union-attr]

    def set_recompute(self, *, on: bool) -> None:
        """Set recomputation of activations in every block."""
        self.set_grad_checkpointing(on)

    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The patch part of the position table resized bicubically, as usual for vision transformers."""
        table = tensors["pos_embed"]
        if self.pos_embed is None or table.shape == self.pos_embed.shape:
            return tensors
        return tensors | {"pos_embed": self._resized(table, self.patch_embed.grid_size)}

    def _grid(self, image_BCYX: Tensor) -> tuple[int, int]:
        # While torch.jit traces, sizes are tensors; what is traced is of our own size.
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            height, width = self.patch_embed.grid_size
            return height, width
        return image_BCYX.shape[-2] // self.stride, image_BCYX.shape[-1] // self.stride

    def _maps(self, tokens_BND: Tensor, image_BCYX: Tensor) -> Maps:
        return Maps(
            tokens_BND[:, : self.tokens_before],
            tokens_BND[:, self.num_prefix_tokens :],
            self._grid(image_BCYX),
        )

    def _normed(self, tokens_BND: Tensor) -> Tensor:
        """The final norm of each token; with `norms_mean` by the figures of the mean patch alone.

        A norm of the mean patch, as some networks have it before their classifier, is linear in the
        patches once its mean and deviation are known, so that the mean of these is that norm's answer.
        """
        if not self.norms_mean:
            out: Tensor = self.norm(tokens_BND)
            return out
        assert isinstance(self.norm, nn.LayerNorm)
        mean_B1D = tokens_BND[:, self.num_prefix_tokens :].mean(1, keepdim=True)
        variance, level = torch.var_mean(mean_B1D, dim=-1, keepdim=True, correction=0)
        scaled_BND = (tokens_BND - level) * torch.rsqrt(variance + self.norm.eps)
        return scaled_BND * self.norm.weight + self.norm.bias

    def _embedded(self, image_BCYX: Tensor) -> Tensor:
        """Tokens [B,T+N,D] with their positions, whose table is resized for views of another size."""
        patches_BND, grid = self.patch_embed(image_BCYX), self._grid(image_BCYX)
        if grid == self.patch_embed.grid_size:
            tokens_BND = self._pos_embed(patches_BND)
        else:
            before = [token for token in (self.cls_token, self.reg_token) if token is not None]
            firsts = [token.expand(len(patches_BND), -1, -1) for token in before]
            tokens_BND = torch.cat([*firsts, patches_BND], dim=1)
            assert self.pos_embed is not None
            tokens_BND = self.pos_drop(tokens_BND + self._resized(self.pos_embed, grid))
        out: Tensor = self.norm_pre(self.patch_drop(tokens_BND))
        return out

    def _resized(self, table_1ND: Tensor, grid: tuple[int, int]) -> Tensor:
        resized: Tensor = resample_abs_pos_embed(
            table_1ND, new_size=list(grid), num_prefix_tokens=self.num_prefix_tokens
        )
        return resized

    def _through(self, block: nn.Module, tokens_BND: Tensor) -> Tensor:
        out: Tensor = (
            checkpoint(block, tokens_BND, use_reentrant=False)
            if self.grad_checkpointing
            else block(tokens_BND)
        )
        return out

    def _before_last_block(self, image_BCYX: Tensor) -> tuple[Tensor, Any]:
        """Tokens [B,T+N,D] that enter the last block, and that block."""
        tokens_BND = self._embedded(image_BCYX)
        *before, last = self.blocks
        for block in before:
            tokens_BND = self._through(block, tokens_BND)
        return tokens_BND, last


def build_vit(options: VitOptions[Never], *, drop_path: float, fused_attention: bool) -> Vit:
    """A ViT with as many tokens before the patches as `options`, resolved, say.

    `fused_attention` is measured slower than plain attention on CPU (performance notes), so the
    caller switches it on for CUDA only.
    """
    tokens, before = options.token_count, options.prefix_count
    differs = VARIANTS[options.variant]
    more = differs.arguments
    if differs.epsilon is not None:
        more["norm_layer"] = partial(LayerNorm, eps=differs.epsilon)
    vit = Vit(
        tokens=tokens,
        norms_mean=differs.norms_mean,
        img_size=options.image_size,
        patch_size=options.patch_size,
        embed_dim=options.width,
        depth=options.depth,
        num_heads=options.heads,
        class_token=before > 0,
        reg_tokens=max(0, before - 1),
        global_pool="token" if tokens else "avg",
        drop_path_rate=drop_path,
        embed_layer=ConvStem if options.has_conv_stem else PatchEmbed,
        **more,
    )
    if before > 1:
        # timm starts tokens at 1e-6, where two would begin as the same (0.02 in arXiv 2104.03602 v1)
        for token in (vit.cls_token, vit.reg_token):
            assert token is not None
            nn.init.trunc_normal_(token, std=0.02)
    if options.first_weights == "xavier":
        _xavier(vit)
    if options.positions == "sincos":
        _fix_positions(vit)
    vit.set_fused_attention(fused=fused_attention)
    return vit


def _xavier(vit: Vit) -> None:
    """Uniform within √(6 / (in + out)), query, key and value as three layers; biases are 0.

    As MoCo v3 begins (arXiv 2104.02057). A convolutional stem keeps its own start.
    """
    for name, module in vit.named_modules():
        if isinstance(module, nn.Linear):
            out, into = module.weight.shape
            _uniform(module, into + (out // 3 if name.endswith("attn.qkv") else out))
    if isinstance(vit.patch_embed, PatchEmbed):
        projection = vit.patch_embed.proj
        assert isinstance(projection, nn.Conv2d)
        _uniform(projection, projection.weight[0].numel() + vit.width)


def _uniform(layer: nn.Linear | nn.Conv2d, sides: int) -> None:
    bound = math.sqrt(6 / sides)
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


@torch.no_grad()
def _fix_positions(vit: Vit) -> None:
    """Sines and cosines of row and column in the place of a learned table; 0 for the tokens before.

    A place at row y and column x has sin(y·ω), cos(y·ω), sin(x·ω), cos(x·ω) of the D/4 frequencies
    ω_i = 10000^(−i / (D/4)) (arXiv 2104.02057).
    """
    assert vit.pos_embed is not None
    table_ND = build_sincos2d_pos_embed(
        list(vit.patch_embed.grid_size), vit.width, interleave_sin_cos=True
    )
    vit.pos_embed.zero_()
    vit.pos_embed[0, vit.num_prefix_tokens :] = table_ND
    vit.pos_embed.requires_grad_(False)


def _attend_first(attention: Any, normed_BND: Tensor, first: int) -> Tensor:
    """Softmax attention of the `first` T tokens over all: [B,T+N,D] to [B,T,D]."""
    batch, count, _ = normed_BND.shape
    heads, weight, bias = attention.num_heads, attention.qkv.weight, attention.qkv.bias
    width = len(weight) // 3
    query = functional.linear(normed_BND[:, :first], weight[:width], bias[:width])
    key_value = functional.linear(normed_BND, weight[width:], bias[width:])
    query_BHTK = query.reshape(batch, first, heads, -1).transpose(1, 2)
    key_BHNK, value_BHNK = key_value.reshape(batch, count, 2, heads, -1).permute(2, 0, 3, 1, 4)
    scores_BHTN = (query_BHTK * attention.scale) @ key_BHNK.transpose(-2, -1)
    mixed_BHTK = scores_BHTN.softmax(dim=-1) @ value_BHNK
    out: Tensor = attention.proj(mixed_BHTK.transpose(1, 2).reshape(batch, first, width))
    return out
