"""CSWin as the paper has it, place by place: what the network's stripes are compared with.

Weights come by the authors' names; every pair of places is told by a mask whether it may see each other,
and the positions are worked out one stripe after the other (arXiv 2107.00652, sections 3.2 and 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional


def sees(high: int, wide: int, stripe: int | None, *, is_vertical: bool) -> Tensor:
    """[N,N] whether place i reads place j: those of one stripe see each other, and no others."""
    places = list(product(range(high), range(wide)))
    if stripe is None:
        return torch.ones(len(places), len(places), dtype=torch.bool)
    stripe_of = [(column if is_vertical else row) // stripe for row, column in places]
    return torch.tensor([[a == b for b in stripe_of] for a in stripe_of])


def position(
    value_BNC: Tensor, weight: Tensor, bias: Tensor, high: int, wide: int, *,
    stripe: int | None, is_vertical: bool,
) -> Tensor:  # fmt: skip
    """The depth-wise 3 × 3 sum of each place over those neighbours that its stripe holds."""
    mask = sees(high, wide, stripe, is_vertical=is_vertical)
    out = bias.expand_as(value_BNC).clone()
    for (row, column), down, across in product(
        product(range(high), range(wide)), (-1, 0, 1), (-1, 0, 1)
    ):
        here, y, x = row * wide + column, row + down, column + across
        if 0 <= y < high and 0 <= x < wide and mask[here, y * wide + x]:
            out[:, here] += value_BNC[:, y * wide + x] * weight[:, 0, down + 1, across + 1]
    return out


def block(
    state: Mapping[str, Tensor], name: str, x_BND: Tensor, high: int, wide: int,
    stripe: int | None, heads: int,
) -> Tensor:  # fmt: skip
    """One block, from its weights alone."""
    width = x_BND.shape[-1]

    def linear(part: str, value: Tensor) -> Tensor:
        return functional.linear(
            value, state[f"{name}.{part}.weight"], state[f"{name}.{part}.bias"]
        )

    def norm(part: str, value: Tensor) -> Tensor:
        own = state[f"{name}.{part}.weight"], state[f"{name}.{part}.bias"]
        return functional.layer_norm(value, (width,), *own, eps=1e-5)

    query, key, value = linear("qkv", norm("norm1", x_BND)).chunk(3, -1)
    made = []
    branches = 1 if stripe is None else 2
    size, head = width // branches, width // heads
    for branch in range(branches):
        mask = sees(high, wide, stripe, is_vertical=branch == 0)
        own = slice(branch * size, (branch + 1) * size)
        mixed = []
        for start in range(own.start, own.stop, head):
            one = slice(start, start + head)
            scores = query[..., one] @ key[..., one].transpose(1, 2) / head**0.5
            shares = scores.masked_fill(~mask, float("-inf")).softmax(-1)
            mixed.append(shares @ value[..., one])
        part = f"{name}.attns.{branch}.get_v"
        where = position(
            value[..., own], state[f"{part}.weight"], state[f"{part}.bias"], high, wide,
            stripe=stripe, is_vertical=branch == 0,
        )  # fmt: skip
        made.append(torch.cat(mixed, -1) + where)
    y_BND = x_BND + linear("proj", torch.cat(made, -1))
    return y_BND + linear("mlp.fc2", functional.gelu(linear("mlp.fc1", norm("norm2", y_BND))))


def layers(
    state: Mapping[str, Tensor], image_BCYX: Tensor, *,
    depths: tuple[int, ...], heads: tuple[int, ...], stripes: tuple[int, ...], stem: int = 4,
) -> list[Tensor]:  # fmt: skip
    """The places after each block, [B,N,D], row by row; no final norm."""

    def convolved(name: str, map_BCYX: Tensor, **how: int) -> Tensor:
        return functional.conv2d(map_BCYX, state[f"{name}.weight"], state[f"{name}.bias"], **how)

    def placed(name: str, map_BCYX: Tensor) -> Tensor:
        x = map_BCYX.flatten(2).transpose(1, 2)
        own = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], *own, eps=1e-5)

    map_BCYX = convolved(
        "stage1_conv_embed.0", image_BCYX, stride=stem, padding=2 if stem == 4 else 1
    )
    x_BND, found = placed("stage1_conv_embed.2", map_BCYX), []
    for stage, depth in enumerate(depths):
        if stage:
            image = x_BND.transpose(1, 2).reshape(len(x_BND), -1, *map_BCYX.shape[2:])
            map_BCYX = convolved(f"merge{stage}.conv", image, stride=2, padding=1)
            x_BND = placed(f"merge{stage}.norm", map_BCYX)
        high, wide = map_BCYX.shape[2:]
        stripe = stripes[stage] if stage < len(stripes) else None
        for number in range(depth):
            name = f"stage{stage + 1}.{number}"
            x_BND = block(state, name, x_BND, high, wide, stripe, heads[stage])
            found.append(x_BND)
    return found


def feature(state: Mapping[str, Tensor], last_BND: Tensor) -> Tensor:
    """The mean place after the final norm, [B,D]."""
    own = state["norm.weight"], state["norm.bias"]
    return functional.layer_norm(last_BND, last_BND.shape[-1:], *own, eps=1e-5).mean(1)
