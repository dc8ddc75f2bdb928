"""Vision transformers from timm, and the one way in which their features are read.

Shapes: B batch, N patches, D width, H heads, C channels, Y X pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.config.fields import no_auto
from sit_engine.config.tree import ModelOptions


def build_backbone(options: ModelOptions, *, drop_path: float, fused_attention: bool) -> nn.Module:
    """A ViT with one class token and no classifier; `options` are resolved.

    `fused_attention` is measured slower than plain attention on CPU (performance notes), so the
    caller switches it on for CUDA only.
    """
    vit = VisionTransformer(
        img_size=no_auto(options.image_size),
        patch_size=no_auto(options.patch_size),
        embed_dim=no_auto(options.width),
        depth=no_auto(options.depth),
        num_heads=no_auto(options.heads),
        num_classes=0,
        drop_path_rate=drop_path,
    )
    set_fused_attention(vit, fused=fused_attention)
    return vit


def set_fused_attention(vit: Any, *, fused: bool) -> None:
    """Choose torch's fused attention or the plain matrix products in every block."""
    for block in vit.blocks:
        block.attn.fused_attn = fused


def all_tokens(vit: Any, image_BCYX: Tensor) -> Tensor:
    """Class token and patch tokens after the final norm: [B,C,Y,X] to [B,1+N,D]."""
    tokens: Tensor = vit.forward_features(image_BCYX)
    return tokens


def feature(vit: Any, image_BCYX: Tensor) -> Tensor:
    """The class token after the final norm: [B,C,Y,X] to [B,D]; every measurement reads this.

    Equals `all_tokens(...)[:, 0]`: the last block is worked out for the class token alone, since no
    other output of it is read.
    """
    tokens_BND, block = _before_last_block(vit, image_BCYX)
    mixed_B1D = _attend_class_token(block.attn, block.norm1(tokens_BND))
    class_B1D = tokens_BND[:, :1] + block.drop_path1(block.ls1(mixed_B1D))
    hidden_B1D = block.ls2(block.mlp(block.norm2(class_B1D)))
    out: Tensor = vit.norm(class_B1D + block.drop_path2(hidden_B1D))[:, 0]
    return out


def class_attention(vit: Any, image_BCYX: Tensor) -> Tensor:
    """How the last block's class token attends to the patches: [B,C,Y,X] to [B,H,N].

    Worked out from the queries and keys, so that fused attention hides nothing. Rows sum to one
    minus the share that the class token keeps for itself.
    """
    tokens_BND, block = _before_last_block(vit, image_BCYX)
    normed_BND = block.norm1(tokens_BND)
    batch, count, _ = normed_BND.shape
    qkv = block.attn.qkv(normed_BND).reshape(batch, count, 3, block.attn.num_heads, -1)
    query_BHNK, key_BHNK, _ = qkv.permute(2, 0, 3, 1, 4)
    scores_BH1N = (query_BHNK[:, :, :1] * block.attn.scale) @ key_BHNK.transpose(-2, -1)
    return torch.softmax(scores_BH1N.float(), dim=-1)[:, :, 0, 1:]


def _before_last_block(vit: Any, image_BCYX: Tensor) -> tuple[Tensor, Any]:
    """Tokens [B,1+N,D] that enter the last block, and that block."""
    tokens_BND = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(image_BCYX))))
    *before, last = vit.blocks
    for block in before:
        tokens_BND = block(tokens_BND)
    return tokens_BND, last


def _attend_class_token(attention: Any, normed_BND: Tensor) -> Tensor:
    """Softmax attention of the class token over all tokens: [B,1+N,D] to [B,1,D]."""
    batch, count, width = normed_BND.shape
    heads, weight, bias = attention.num_heads, attention.qkv.weight, attention.qkv.bias
    query = functional.linear(normed_BND[:, :1], weight[:width], bias[:width])
    key_value = functional.linear(normed_BND, weight[width:], bias[width:])
    query_BH1K = query.reshape(batch, 1, heads, -1).transpose(1, 2)
    key_BHNK, value_BHNK = key_value.reshape(batch, count, 2, heads, -1).permute(2, 0, 3, 1, 4)
    scores_BH1N = (query_BH1K * attention.scale) @ key_BHNK.transpose(-2, -1)
    mixed_BH1K = scores_BH1N.softmax(dim=-1) @ value_BHNK
    out: Tensor = attention.proj(mixed_BH1K.transpose(1, 2).reshape(batch, 1, width))
    return out
