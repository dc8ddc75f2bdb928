"""Vision transformers from timm, and the one way in which their features are read.

Shapes: B batch, T tokens before the patches, N patches, D width, H heads, K width of a head, C
channels, Y X pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.layers.patch_embed import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sit_engine.config.fields import no_auto
from sit_engine.config.tree import ModelOptions
from sit_engine.models.stem import ConvStem


def build_backbone(options: ModelOptions, *, drop_path: float, fused_attention: bool) -> nn.Module:
    """A ViT with as many tokens before the patches as `options`, resolved, say; no classifier.

    `fused_attention` is measured slower than plain attention on CPU (performance notes), so the
    caller switches it on for CUDA only.
    """
    tokens = options.token_count
    vit = VisionTransformer(
        img_size=no_auto(options.image_size),
        patch_size=no_auto(options.patch_size),
        embed_dim=no_auto(options.width),
        depth=no_auto(options.depth),
        num_heads=no_auto(options.heads),
        num_classes=0,
        class_token=tokens > 0,
        reg_tokens=max(0, tokens - 1),
        global_pool="token" if tokens else "avg",
        fc_norm=False,
        drop_path_rate=drop_path,
        embed_layer=ConvStem if options.has_conv_stem else PatchEmbed,
    )
    if tokens > 1:
        # timm starts tokens at 1e-6, where two would begin as the same (methods 1A: 0.02)
        for token in (vit.cls_token, vit.reg_token):
            assert token is not None
            nn.init.trunc_normal_(token, std=0.02)
    set_fused_attention(vit, fused=fused_attention)
    return vit


def set_fused_attention(vit: Any, *, fused: bool) -> None:
    """Choose torch's fused attention or the plain matrix products in every block."""
    for block in vit.blocks:
        block.attn.fused_attn = fused


def set_recompute(vit: Any, *, on: bool) -> None:
    """Whether each block works its activations out again in the backward pass, to keep less."""
    vit.set_grad_checkpointing(on)


def compiled(read: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A pass that torch compiles when it is first called; sets two of its options for the process."""
    import torch._dynamo.config
    import torch._inductor.config

    # Drop path must drop the same in a pass that is worked again, compiled in another graph.
    torch._inductor.config.fallback_random = True
    # Cut at the borders of gradient buckets, a graph could hold no checkpoint.
    torch._dynamo.config.optimize_ddp = False
    made: Callable[..., Tensor] = torch.compile(read)
    return made


def token_count(vit: Any) -> int:
    """Tokens before the patches, T."""
    count: int = vit.num_prefix_tokens
    return count


def all_tokens(vit: Any, image_BCYX: Tensor) -> Tensor:
    """All tokens after the final norm, those of the patches last: [B,C,Y,X] to [B,T+N,D]."""
    tokens: Tensor = vit.forward_features(image_BCYX)
    return tokens


def feature(vit: Any, image_BCYX: Tensor) -> Tensor:
    """The features that every measurement reads: [B,C,Y,X] to [B,T·D], of `read_tokens`."""
    return read_tokens(vit, image_BCYX).flatten(1)


def read_tokens(vit: Any, image_BCYX: Tensor) -> Tensor:
    """The tokens that are read, after the final norm: [B,C,Y,X] to [B,T,D].

    They are those before the patches; the last block is worked out for them alone, since no other
    output of it is read. Of a network without any (T = 0) it is the mean patch token, [B,1,D].
    """
    count = token_count(vit)
    if count == 0:
        return all_tokens(vit, image_BCYX).mean(1, keepdim=True)
    tokens_BND, block = _before_last_block(vit, image_BCYX)
    mixed_BTD = _attend_first(block.attn, block.norm1(tokens_BND), count)
    first_BTD = tokens_BND[:, :count] + block.drop_path1(block.ls1(mixed_BTD))
    hidden_BTD = block.ls2(block.mlp(block.norm2(first_BTD)))
    out: Tensor = vit.norm(first_BTD + block.drop_path2(hidden_BTD))
    return out


def class_attention(vit: Any, image_BCYX: Tensor) -> Tensor:
    """How the last block's tokens that are read attend to the patches: [B,C,Y,X] to [B,H,N].

    The mean over those before the patches; of a network without any, over the patches. Worked out
    from the queries and keys, so that fused attention hides nothing. Rows sum to one minus the
    share that such tokens keep for themselves.
    """
    tokens_BND, block = _before_last_block(vit, image_BCYX)
    first = token_count(vit)
    normed_BND = block.norm1(tokens_BND)
    batch, count, _ = normed_BND.shape
    qkv = block.attn.qkv(normed_BND).reshape(batch, count, 3, block.attn.num_heads, -1)
    query_BHNK, key_BHNK, _ = qkv.permute(2, 0, 3, 1, 4)
    asked_BHTK = query_BHNK[:, :, :first] if first else query_BHNK
    scores_BHTN = (asked_BHTK * block.attn.scale) @ key_BHNK.transpose(-2, -1)
    return torch.softmax(scores_BHTN.float(), dim=-1).mean(2)[:, :, first:]


def _before_last_block(vit: Any, image_BCYX: Tensor) -> tuple[Tensor, Any]:
    """Tokens [B,T+N,D] that enter the last block, and that block."""
    tokens_BND = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(image_BCYX))))
    *before, last = vit.blocks
    for block in before:
        tokens_BND = (
            checkpoint(block, tokens_BND, use_reentrant=False)
            if vit.grad_checkpointing
            else block(tokens_BND)
        )
    return tokens_BND, last


def _attend_first(attention: Any, normed_BND: Tensor, first: int) -> Tensor:
    """Softmax attention of the `first` T tokens over all: [B,T+N,D] to [B,T,D]."""
    batch, count, width = normed_BND.shape
    heads, weight, bias = attention.num_heads, attention.qkv.weight, attention.qkv.bias
    query = functional.linear(normed_BND[:, :first], weight[:width], bias[:width])
    key_value = functional.linear(normed_BND, weight[width:], bias[width:])
    query_BHTK = query.reshape(batch, first, heads, -1).transpose(1, 2)
    key_BHNK, value_BHNK = key_value.reshape(batch, count, 2, heads, -1).permute(2, 0, 3, 1, 4)
    scores_BHTN = (query_BHTK * attention.scale) @ key_BHNK.transpose(-2, -1)
    mixed_BHTK = scores_BHTN.softmax(dim=-1) @ value_BHNK
    out: Tensor = attention.proj(mixed_BHTK.transpose(1, 2).reshape(batch, first, width))
    return out
