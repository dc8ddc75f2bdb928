"""Frames of a clip to one vector: attention without positions, so that their order says nothing.

Shapes: B clips, k frames, F length of a frame's feature, D width, H heads.
"""

# No `from __future__ import annotations` here: torch.jit cannot read annotations that are strings.

import torch
from torch import Tensor, nn
from torch.nn import functional


class ClipBlock(nn.Module):
    """Attention and feed-forward, each after a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens_BkD: Tensor, is_there_Bk: Tensor) -> Tensor:
        """[B,k,D] and which tokens there are [B,k] to [B,k,D]."""
        B, k, D = tokens_BkD.shape
        qkv = self.qkv(self.norm_1(tokens_BkD)).view(B, k, 3, self.heads, D // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mask = is_there_Bk[:, None, None, :]
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        tokens_BkD = tokens_BkD + self.out(seen.transpose(1, 2).reshape(B, k, D))
        more: Tensor = self.down(functional.gelu(self.up(self.norm_2(tokens_BkD))))
        return tokens_BkD + more


class ClipEncoder(nn.Module):
    """Features of frames to unit vectors: of each frame, and of the clip.

    The clip's is the mean of the frames' before they get unit length, plus what the transformer's clip
    token adds, which is nothing at first: training begins where pooling by the mean ends.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, feature: int, width: int, blocks: int, heads: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(feature))
        self.register_buffer("scale", torch.zeros(()))
        """0: not measured yet."""
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(feature, width, bias=False)
        nn.init.orthogonal_(self.project.weight)
        self.clip_token = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.clip_token, std=0.02)
        self.blocks = nn.ModuleList(ClipBlock(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.add = nn.Linear(width, width)
        nn.init.zeros_(self.add.weight)
        nn.init.zeros_(self.add.bias)

    def measure(self, feature_nF: Tensor) -> None:
        """What all frames have in common is taken off from now on, and their mean length becomes 1."""
        self.mean.copy_(feature_nF.mean(0))
        self.scale.copy_(1 / (feature_nF - self.mean).norm(dim=1).mean().clamp(min=1e-6))

    def projected(self, feature_BkF: Tensor) -> Tensor:
        """[B,k,F] to [B,k,D], not of unit length."""
        projected: Tensor = self.project(self.dropout((feature_BkF - self.mean) * self.scale))
        return projected

    def frames(self, feature_BkF: Tensor) -> Tensor:
        """The unit vectors of single frames [B,k,D]."""
        return functional.normalize(self.projected(feature_BkF), dim=-1)

    def forward(self, feature_BkF: Tensor, is_there_Bk: Tensor) -> Tensor:
        """Features [B,k,F] and which frames there are, one at least [B,k], to unit vectors [B,D]."""
        own_BkD = self.projected(feature_BkF)
        weight_Bk1 = is_there_Bk[:, :, None].to(own_BkD.dtype)
        # A frame that is not there may hold anything.
        own_BkD = torch.where(is_there_Bk[:, :, None], own_BkD, torch.zeros_like(own_BkD))
        mean_BD = own_BkD.sum(1) / weight_Bk1.sum(1)
        token_B1D = self.clip_token.to(own_BkD.dtype).expand(own_BkD.shape[0], 1, -1)
        tokens = torch.cat([token_B1D, own_BkD], dim=1)
        there = torch.cat([torch.ones_like(is_there_Bk[:, :1]), is_there_Bk], dim=1)
        for block in self.blocks:
            tokens = block(tokens, there)
        return functional.normalize(mean_BD + self.add(self.norm(tokens[:, 0])), dim=-1)
