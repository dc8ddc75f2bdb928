"""A vision transformer whose blocks have sizes of their own: the family `searched`.

All but the sizes of the blocks is that of plain ones, names of parameters too.
Shapes: B images, T tokens before the patches, N patches, D width, H heads, K width of a head.
"""

from __future__ import annotations

from typing import Never

from timm.layers.mlp import Mlp
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.config.families.network_shape import BlockShape
from sit_engine.config.families.searched import SearchedOptions
from sit_engine.models.vit import Vit


class Attention(nn.Module):
    """Self-attention that may be narrower or wider than the stream: [B,T+N,D] to [B,T+N,D].

    Queries are scaled by the width of a head to the power of −½.
    """

    def __init__(self, width: int, shape: BlockShape) -> None:
        super().__init__()
        self.num_heads = shape.heads
        self.scale = (shape.attention // shape.heads) ** -0.5
        self.fused_attn = False
        self.qkv = nn.Linear(width, 3 * shape.attention)
        self.proj = nn.Linear(shape.attention, width)

    def forward(self, tokens_BND: Tensor, **masks: None) -> Tensor:
        """[B,T+N,D] to [B,T+N,D]; timm's blocks name masks, of which there are none."""
        del masks
        mixed: Tensor = self.proj(
            attend(self.qkv(tokens_BND), self.num_heads, self.scale, fused=self.fused_attn)
        )
        return mixed


def attend(qkv: Tensor, heads: int, scale: float, *, fused: bool) -> Tensor:
    """Queries, keys and values one behind the other, [B,N,3A], to what heads mix of values, [B,N,A]."""
    batch, count, _ = qkv.shape
    query_BHNK, key_BHNK, value_BHNK = qkv.reshape(batch, count, 3, heads, -1).permute(
        2, 0, 3, 1, 4
    )
    if fused:
        mixed_BHNK = functional.scaled_dot_product_attention(
            query_BHNK, key_BHNK, value_BHNK, scale=scale
        )
    else:
        scores_BHNN = (query_BHNK * scale) @ key_BHNK.transpose(-2, -1)
        mixed_BHNK = scores_BHNN.softmax(dim=-1) @ value_BHNK
    return mixed_BHNK.transpose(1, 2).reshape(batch, count, -1)


class Searched(Vit):
    """A plain network, its blocks exchanged for those of the sizes that were asked for."""

    def __init__(self, options: SearchedOptions[Never], *, drop_path: float) -> None:
        self.options = options
        shape, tokens = options.shape, options.tokens
        super().__init__(
            tokens=tokens,
            img_size=options.image_size,
            patch_size=options.patch_size,
            embed_dim=shape.width,
            depth=shape.depth,
            num_heads=1,
            class_token=tokens > 0,
            reg_tokens=max(0, tokens - 1),
            global_pool="token" if tokens else "avg",
            drop_path_rate=drop_path,
        )
        for block, sizes in zip(self.blocks, shape.blocks, strict=True):
            assert isinstance(block, Block)
            block.attn = Attention(shape.width, sizes)
            block.mlp = Mlp(shape.width, sizes.mlp)
            block.apply(begin)
        if tokens > 1:
            separate(self.cls_token, self.reg_token)

    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """As plain ones; of an export the classifier is left."""
        own = self.state_dict()
        return super().fit({name: value for name, value in tensors.items() if name in own})


def begin(module: nn.Module) -> None:
    """Linear layers start as in plain ones: normal of 0.02."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def separate(*tokens: Tensor | None) -> None:
    """Several tokens start at 0.02: at timm's 1e-6 they would begin as the same (arXiv 2104.03602 v1)."""
    for token in tokens:
        assert token is not None
        nn.init.trunc_normal_(token, std=0.02)


def build_searched(
    options: SearchedOptions[Never], *, drop_path: float, fused_attention: bool
) -> Searched:
    """The untrained network that `options`, resolved, say."""
    built = Searched(options, drop_path=drop_path)
    built.set_fused_attention(fused=fused_attention)
    return built
