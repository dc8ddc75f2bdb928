"""A block of CSWin: attention within a cross of stripes, and an MLP (models.cswin builds with it).

Shapes: B images, h w rows and columns of the map, D its width, S stripes of one image, T places of a
stripe, G heads of a branch, K width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
MLP_RATIO = 4


class Position(nn.Module):
    """What a branch learns of places: a depth-wise 3 × 3 convolution of the values within a stripe."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.get_v = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, value_STC: Tensor, shape: tuple[int, int]) -> Tensor:
        """Values [B·S,T,G·K] of stripes of `shape` to as many; zeros stand around each stripe.

        In memory these are images in the order channels-last, which the convolution takes and gives.
        """
        image = torch.unflatten(value_STC, 1, shape).permute(0, 3, 1, 2)
        made: Tensor = self.get_v(image).permute(0, 2, 3, 1).flatten(1, 2)
        return made


class Mlp(nn.Module):
    """Two linear layers with GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, map_BhwD: Tensor) -> Tensor:
        """The MLP of every place: [B,h,w,D] to [B,h,w,D]."""
        made: Tensor = self.fc2(functional.gelu(self.fc1(map_BhwD)))
        return made


class Block(nn.Module):
    """y = x + attention(norm(x)), z = y + MLP(norm(y)) (arXiv 2107.00652, eq. 6).

    With a `stripe` of so many rows or columns the first half of the channels attends within vertical
    stripes and the second within horizontal ones; without, all of them to the whole map.
    """

    def __init__(self, width: int, heads: int, stripe: int | None, *, drop_path: float) -> None:
        super().__init__()
        self.heads, self.stripe, self.drop_path = heads, stripe, drop_path
        self.is_fused = False
        branches = 1 if stripe is None else 2
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.qkv = nn.Linear(width, 3 * width)
        self.attns = nn.ModuleList(Position(width // branches) for _ in range(branches))
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = Mlp(width)

    def forward(self, map_BhwD: Tensor) -> Tensor:
        """The block's output: [B,h,w,D] to [B,h,w,D]."""
        map_BhwD = map_BhwD + self._dropped(self.proj(self._attended(self.norm1(map_BhwD))))
        return map_BhwD + self._dropped(self.mlp(self.norm2(map_BhwD)))

    def mean_attention(self, map_BhwD: Tensor) -> Tensor:
        """Attention from the mean query where all attend to all: [B,h,w,D] to [B,G,h,w]."""
        qkv = self.qkv(self.norm1(map_BhwD)).flatten(1, 2)
        query_BNGK, key_BNGK, _ = torch.unflatten(qkv, 2, (3, self.heads, -1)).unbind(2)
        query_BGK = query_BNGK.mean(1) * query_BNGK.shape[-1] ** -0.5
        scores_BGN = torch.einsum("bgk,bngk->bgn", query_BGK, key_BNGK)
        shares_BGN = torch.softmax(scores_BGN.float(), -1)
        return shares_BGN.reshape(*shares_BGN.shape[:2], *map_BhwD.shape[1:3])

    def cross(self, map_BhwD: Tensor) -> tuple[Tensor, ...]:
        """How each place of [B,h,w,D] attends within its stripe of columns and its stripe of rows.

        [B,h,w,a,b] each, for a stripe of a × b places, as the mean over heads; one alone where all attend
        to all. What a place reads sums to one.
        """
        return tuple(
            self._shares(qkv, shape) for qkv, shape in self._branches(self.norm1(map_BhwD))
        )

    def _attended(self, normed_BhwD: Tensor) -> Tensor:
        branches = self._branches(normed_BhwD)
        made = [self._branch(number, *branch) for number, branch in enumerate(branches)]
        return made[0] if len(made) == 1 else torch.cat(made, -1)

    def _branches(self, normed_BhwD: Tensor) -> list[tuple[Tensor, tuple[int, int]]]:
        """Queries, keys and values [B,h,w,3,C] of each branch, and the shape of its stripes."""
        high, wide = int(normed_BhwD.shape[1]), int(normed_BhwD.shape[2])
        qkv = torch.unflatten(self.qkv(normed_BhwD), -1, (3, -1))
        if self.stripe is None:
            return [(qkv, (high, wide))]
        # A stripe that is wider than the map is the whole map.
        columns, rows = (high, min(self.stripe, wide)), (min(self.stripe, high), wide)
        half = qkv.shape[-1] // 2
        return [(qkv[..., :half], columns), (qkv[..., half:], rows)]

    def _branch(self, number: int, qkv_Bhw3C: Tensor, shape: tuple[int, int]) -> Tensor:
        """Attention within all stripes of a `shape` at once: [B,h,w,3,C] to [B,h,w,C].

        Positions are added to the values' mean after windowing, so that none look out of a stripe.
        """
        high, wide, channels = (int(qkv_Bhw3C.shape[axis]) for axis in (1, 2, -1))
        stripes, query, key, value = self._cut(qkv_Bhw3C, shape)
        mixed = self._attend(query, key, value).transpose(1, 2).flatten(2)
        mixed = mixed + self.attns[number](stripes[:, :, 2], shape)
        down, across = high // shape[0], wide // shape[1]
        placed: Tensor = mixed.reshape(-1, down, across, *shape, channels).permute(0, 1, 3, 2, 4, 5)
        return placed.reshape(-1, high, wide, channels)

    def _shares(self, qkv_Bhw3C: Tensor, shape: tuple[int, int]) -> Tensor:
        """Mean attention over heads of each place over its stripe of a × b: [B,h,w,a,b]."""
        high, wide = (int(qkv_Bhw3C.shape[axis]) for axis in (1, 2))
        _, query, key, _ = self._cut(qkv_Bhw3C, shape)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        shares = scores.float().softmax(-1).mean(1)
        down, across = high // shape[0], wide // shape[1]
        placed: Tensor = shares.reshape(-1, down, across, *shape, *shape)
        return placed.permute(0, 1, 3, 2, 4, 5, 6).reshape(-1, high, wide, *shape)

    def _cut(
        self, qkv_Bhw3C: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All stripes of a `shape`, [B·S,T,3,C]; their queries, keys and values, [B·S,G,T,K] each."""
        high, wide, channels = (int(qkv_Bhw3C.shape[axis]) for axis in (1, 2, -1))
        cut = torch.unflatten(qkv_Bhw3C, 2, (wide // shape[1], shape[1]))
        cut = torch.unflatten(cut, 1, (high // shape[0], shape[0]))
        # One copy, in which queries, keys, values and the positions' images are but views.
        stripes = cut.permute(0, 1, 3, 2, 4, 5, 6).reshape(-1, shape[0] * shape[1], 3, channels)
        each = torch.unflatten(stripes, 3, (self.heads // len(self.attns), -1))
        query, key, value = each.permute(2, 0, 3, 1, 4).unbind(0)
        return stripes, query, key, value

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of each stripe's queries over its values: [B·S,G,T,K]."""
        if self.is_fused:
            return functional.scaled_dot_product_attention(query, key, value)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        mixed: Tensor = scores.softmax(-1) @ value
        return mixed

    def _dropped(self, branch_BhwD: Tensor) -> Tensor:
        """Stochastic depth (arXiv 1603.09382): some images skip it, the others count more."""
        if self.drop_path == 0 or not self.training:
            return branch_BhwD
        kept = 1 - self.drop_path
        mask = branch_BhwD.new_empty((len(branch_BhwD), 1, 1, 1)).bernoulli_(kept)
        return branch_BhwD * mask / kept
