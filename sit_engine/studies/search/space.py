"""The space that a search takes for a budget, and the plain network of the same cost beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from sit_engine.config.families.network_cost import said_cost
from sit_engine.config.families.network_shape import BlockShape, NetworkShape, uniform
from sit_engine.config.families.space import Space, tenths
from sit_engine.errors import ConfigError

NEAR = 0.95
"""Of a budget, for a plain network that has about that cost."""
HEADS = {False: (1, 2, 4), True: (2, 4, 8)}
WIDE = 64
"""Numbers of heads that are tried, of networks narrower and wider than that."""
WIDTH_STEP, HEAD_WIDTH, MLP_RATIO = 8, 32, 4
MLP_RATIOS = (MLP_RATIO, 3.5, 4.5, 3, 5)
"""The usual one, and others where no network of that is near the budget."""
BLOCK_WIDTH = 24
"""A plain network has a block for so much of its width: 96 wide are 4 deep, as "auto" has it."""
WIDEST, SHALLOW, DEEPEST = 1024, 4, 24
LARGER = 2
"""The widest networks of a space are so much wider than the plain one; published: 384 to 192."""
FEWEST_ACROSS, FINEST = 2, 4
"""Patches along a view, and pixels along a patch."""

Cost = Callable[[NetworkShape], float]


def plain_under(patch: int, cost: Cost, high: float) -> NetworkShape:
    """The plain vision transformer of about the budget, never above it, of the most usual proportions.

    ConfigError where even the smallest costs more.
    """
    found: list[NetworkShape] = []
    for ratio in MLP_RATIOS:
        found += [
            shape
            for width in range(WIDTH_STEP, WIDEST + 1, WIDTH_STEP)
            for depth in _depths(width)
            if cost(shape := _plain(patch, width, depth, ratio)) <= high
        ]
        if any(cost(shape) >= NEAR * high for shape in found):
            break
    return _usual(found, cost, high, _plain(patch, WIDTH_STEP, 1))


def _depths(width: int) -> range:
    usual = width / BLOCK_WIDTH
    return range(max(1, round(usual / 2)), min(DEEPEST, max(SHALLOW, round(2 * usual))) + 1)


def _plain(patch: int, width: int, depth: int, mlp_ratio: float = MLP_RATIO) -> NetworkShape:
    wanted = width / HEAD_WIDTH
    heads = min(HEADS[width >= WIDE], key=lambda count: abs(math.log(count / wanted)))
    return uniform(patch, width, depth=depth, heads=heads, mlp=round(mlp_ratio * width))


def space_around(plain: NetworkShape, image_size: int) -> Space:
    """Lists up to about twice the plain network's sizes, in the proportions of the published space.

    The plain network is in it.
    """
    patch = plain.patch_size
    patches = [patch]
    if image_size % (2 * patch) == 0 and image_size // (2 * patch) >= FEWEST_ACROSS:
        patches.append(2 * patch)
    if patch % 2 == 0 and patch // 2 >= FINEST:
        patches.insert(0, patch // 2)
    heads = HEADS[plain.width >= WIDE]
    unit = max(heads)
    step = unit * max(1, round(LARGER * plain.width / 10 / unit))
    hidden = plain.blocks[0].mlp
    return Space(
        image_size,
        tuple(patches),
        _listed(
            (wide for wide in tenths(LARGER * plain.width, 3) if wide >= WIDTH_STEP), plain.width
        ),
        max(1, plain.depth // 2),
        math.ceil(4 / 3 * plain.depth),
        heads,
        _listed((step * number for number in range(1, 11)), plain.width),
        _listed(tenths(3 * hidden // 2), hidden),
    )


def _listed(values: Iterable[int], own: int) -> tuple[int, ...]:
    return tuple(sorted({*values, own}))


def plain_in(space: Space, patch: int, cost: Cost, high: float) -> NetworkShape:
    """The network of a space nearest to a plain one, with all blocks alike and within the budget.

    ConfigError where none of that patch size does.
    """
    every = []
    for width in space.widths:
        inner = BlockShape(
            min(space.heads, key=lambda count: abs(math.log(count * HEAD_WIDTH / width))),
            min(space.attentions, key=lambda wide: abs(wide - width)),
            min(space.mlps, key=lambda hidden: abs(hidden - MLP_RATIO * width)),
        )
        depths = range(space.least_depth, space.slots + 1)
        every += [NetworkShape(patch, width, (inner,) * depth) for depth in depths]
    return _usual([shape for shape in every if cost(shape) <= high], cost, high, every[0])


def _usual(
    found: Sequence[NetworkShape], cost: Cost, high: float, smallest: NetworkShape
) -> NetworkShape:
    """The network of most usual proportions near the budget, else the costliest; ConfigError: none."""
    if not found and math.isinf(cost(smallest)):
        raise ConfigError(
            "search.memory_small",
            "Even the smallest network takes more memory for an answer than it may.",
            "Give a larger --memory.",
        )
    if not found:
        raise ConfigError(
            "search.budget_small",
            "The smallest network costs {least}, more than the budget of {budget}.",
            "Give a larger budget.",
            least=said_cost(cost(smallest)),
            budget=said_cost(high),
        )
    near = [shape for shape in found if cost(shape) >= NEAR * high]
    if not near:
        return max(found, key=cost)
    return min(near, key=lambda shape: abs(math.log(BLOCK_WIDTH * shape.depth / shape.width)))
