"""What networks of a space cost, from one table an operation, and draws that keep a budget; no torch.

Shapes: n codes of G genes; p patch sizes, d widths, h heads, a attention and m MLP widths of a space.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from sit_engine import own_files
from sit_engine.config.families.network_shape import BlockShape, NetworkShape
from sit_engine.config.families.space import FRONT, OF_SLOT, Identity, Space
from sit_engine.errors import ConfigError

CostUnit: TypeAlias = Literal["multiply-adds", "parameters", "milliseconds"]
DIGITS = 6
"""Of a table as text; times are in milliseconds."""
LEAST_SHARE = 0.9
"""Of the budget that a network takes at least, as published."""
AT_ONCE, MOST_DRAWS, CHECKED_DRAWS = 256, 200_000, 20_000
CALIBRATION_DRAWS, CALIBRATION_STEP = 1000, 0.01
"""Networks whose mean cost is compared with the budget, and how far the probability moves."""


@dataclass(frozen=True)
class CostTable:
    """The cost of each operation that a space has; that of a network is their sum."""

    first_pd: np.ndarray
    """From pixels to tokens, and whatever comes once: [p,d]."""
    attention_pdha: np.ndarray
    mlp_pdm: np.ndarray

    def costs(self, space: Space, codes_nG: np.ndarray) -> np.ndarray:
        """Costs of the networks, [n]."""
        patch, width = codes_nG[:, 0], codes_nG[:, 1]
        slots = codes_nG[:, FRONT:].reshape(len(codes_nG), -1, OF_SLOT)
        heads, attention, mlp = (slots[:, :, gene] for gene in range(OF_SLOT))
        own = (patch[:, None], width[:, None])
        inner = self.attention_pdha[(*own, heads, attention)] + self.mlp_pdm[(*own, mlp)]
        found: np.ndarray = self.first_pd[patch, width] + (inner * space.is_real(codes_nG)).sum(1)
        return found

    def cost(self, space: Space, shape: NetworkShape) -> float:
        """Cost of one network of the space; ValueError for any other."""
        return float(self.costs(space, space.code(shape)[None])[0])

    def of_patches(self, numbers: Sequence[int]) -> CostTable:
        """Table of the same space with these of its patch sizes alone."""
        return CostTable(*(value[list(numbers)] for value in vars(self).values()))

    def scaled(self, factor: float) -> CostTable:
        """Table with every cost so many times as high."""
        return CostTable(*(factor * value for value in vars(self).values()))

    def to_text(self) -> str:
        """The table as JSON."""
        return json.dumps(
            {name: np.round(value, DIGITS).tolist() for name, value in vars(self).items()}
        )

    @classmethod
    def of_text(cls, text: str, space: Space) -> CostTable:
        """What `to_text` gave; anything else, or a table of another space, is a sentence."""
        try:
            found = own_files.parse_json(text)
            table = cls(
                **{name: np.array(found[name], dtype=float) for name in cls.__annotations__}
            )
        except (KeyError, TypeError, ValueError):
            raise _no_table() from None
        pair = (len(space.patches), len(space.widths))
        inner = (*pair, len(space.heads), len(space.attentions))
        shapes = (table.first_pd.shape, table.attention_pdha.shape, table.mlp_pdm.shape)
        if shapes != (pair, inner, (*pair, len(space.mlps))):
            raise _no_table()
        return table


def _no_table() -> ConfigError:
    return ConfigError(
        "config.cost_table",
        "The table of times is none of this space.",
        "Search again in a new folder; times are measured anew then.",
    )


def counted_table(space: Space, unit: CostUnit, tokens: int = 1) -> CostTable:
    """Table of multiply-adds or parameters, by their formulas (config.families.network_shape)."""

    def count(patch: int, width: int, *blocks: BlockShape) -> int:
        shape = NetworkShape(patch, width, blocks)
        if unit == "parameters":
            return shape.parameters(space.image_size, tokens=tokens)
        return shape.multiply_adds(space.image_size)

    return filled_table(
        space,
        first=count,
        attention=lambda p, d, h, a: count(p, d, BlockShape(h, a, 0)) - count(p, d),
        mlp=lambda p, d, m: count(p, d, BlockShape(1, 0, m)) - count(p, d, BlockShape(1, 0, 0)),
    )


def filled_table(
    space: Space,
    *,
    first: Callable[[int, int], float],
    attention: Callable[[int, int, int, int], float],
    mlp: Callable[[int, int, int], float],
) -> CostTable:
    """Table from functions that say what an operation costs, each asked once a shape."""
    pairs = [(patch, width) for patch in space.patches for width in space.widths]
    sizes = (len(space.patches), len(space.widths))
    heads = [(heads, wide) for heads in space.heads for wide in space.attentions]
    return CostTable(
        np.array([first(*pair) for pair in pairs], dtype=float).reshape(sizes),
        np.array([attention(*pair, *one) for pair in pairs for one in heads], dtype=float).reshape(
            *sizes, len(space.heads), len(space.attentions)
        ),
        np.array(
            [mlp(*pair, hidden) for pair in pairs for hidden in space.mlps], dtype=float
        ).reshape(*sizes, len(space.mlps)),
    )


@dataclass(frozen=True)
class Limits:
    """What a network may cost, and how much memory an answer of it may take."""

    table: CostTable
    low: float
    high: float
    memory_mb: float | None = None

    def within(self, space: Space, codes_nG: np.ndarray) -> np.ndarray:
        """Which networks keep them: [n]."""
        costs_n = self.table.costs(space, codes_nG)
        is_within = (costs_n >= self.low) & (costs_n <= self.high)
        if self.memory_mb is not None:
            for row in np.flatnonzero(is_within):
                needed = space.shape(codes_nG[row]).answer_bytes(space.image_size)
                is_within[row] = needed <= 1e6 * self.memory_mb
        return is_within

    def draw(
        self, space: Space, identity: Identity, generator: np.random.Generator, count: int = 1
    ) -> np.ndarray:
        """So many codes within the limits, [count,G], as often drawn as that takes."""
        found: list[np.ndarray] = []
        tried = 0
        while sum(map(len, found)) < count:
            if tried >= MOST_DRAWS and not found:
                raise out_of_reach(self)
            codes_nG = space.draw(AT_ONCE, identity, generator)
            tried += AT_ONCE
            found.append(codes_nG[self.within(space, codes_nG)])
            found = [rows for rows in found if len(rows)]
        return np.concatenate(found)[:count]

    def calibrate(self, space: Space) -> float:
        """The probability of an identity with which the mean cost of drawn networks keeps the budget.

        From one half in steps of 0.01, by a thousand networks each, as published. Where slots alone
        cannot bring the mean into the window, the end that comes nearest.
        """
        identity, moved = 0.5, 0.0
        for turn in range(round(1 / CALIBRATION_STEP)):
            generator = np.random.default_rng([turn, 1])
            mean = self.table.costs(
                space, space.draw(CALIBRATION_DRAWS, identity, generator)
            ).mean()
            step = CALIBRATION_STEP if mean > self.high else -CALIBRATION_STEP
            # Turning back means that one step jumps over the window.
            if self.low <= mean <= self.high or step == -moved or not 0 <= identity + step < 1:
                break
            identity, moved = round(identity + step, 4), step
        return identity

    def of_patches(self, space: Space, numbers: Sequence[int]) -> tuple[Space, Limits]:
        """The space with these of its patch sizes alone, and what its networks may cost."""
        left = space._replace(patches=tuple(space.patches[number] for number in numbers))
        return left, replace(self, table=self.table.of_patches(numbers))

    def calibrate_each(self, space: Space) -> tuple[float, ...]:
        """As `calibrate`, for each patch size by itself.

        Where one costs four times another there is no probability for both: either the mean is above
        the budget, or networks of all but the fewest blocks are never drawn.
        """
        each = (self.of_patches(space, [number]) for number in range(len(space.patches)))
        return tuple(limits.calibrate(alone) for alone, limits in each)

    def kept_by_patch(self, space: Space, identity: Identity) -> np.ndarray:
        """How many of very many draws keep the limits, by patch size: [p]."""
        codes_nG = space.draw(CHECKED_DRAWS, identity, np.random.default_rng(7))
        kept_nG = codes_nG[self.within(space, codes_nG)]
        return np.bincount(kept_nG[:, 0], minlength=len(space.patches))


def said_cost(cost: float) -> str:
    """A cost in digits, for a sentence."""
    return f"{cost:,.0f}" if cost >= 1000 else f"{cost:.3g}"


def out_of_reach(limits: Limits) -> ConfigError:
    """None of very many networks kept the limits, or hardly any."""
    window = {"low": said_cost(limits.low), "high": said_cost(limits.high)}
    if limits.memory_mb is None:
        return ConfigError(
            "config.search_budget",
            "Too few networks of the space cost between {low} and {high}.",
            "Give another budget or another space.",
            **window,
        )
    return ConfigError(
        "config.search_memory",
        "Too few networks between {low} and {high} answer an image in {memory} MB.",
        "Give a larger memory, another budget, or another space.",
        **window,
        memory=f"{limits.memory_mb:.4g}",
    )
