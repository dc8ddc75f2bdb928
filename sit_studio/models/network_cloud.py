"""Networks that a search asked as points, cost against score, and the order keys go in; Qt-free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

TICKS = 7
MANY, FAR_BELOW = 100, 0.02
"""Of more points than these that share stands at the edge, so that the others have room."""
ROOM = 0.08
"""Beyond the points, of their range."""


@dataclass(frozen=True)
class Cloud:
    """Points in the order they were asked; `kinds` are numbers of `names`."""

    costs_n: tuple[float, ...]
    scores_n: tuple[float, ...]
    kinds_n: tuple[int, ...]
    names: tuple[str, ...]
    front: tuple[int, ...]
    """Points by rising cost."""
    best: int
    x_title: str
    y_title: str

    @cached_property
    def cost_n(self) -> np.ndarray:
        """Costs as an array: [n]."""
        return np.array(self.costs_n)

    @cached_property
    def score_n(self) -> np.ndarray:
        """Scores as an array, what is no number as low as the lowest: [n]."""
        found = np.array(self.scores_n)
        known = found[np.isfinite(found)]
        return np.where(np.isfinite(found), found, known.min() if len(known) else 0.0)

    @cached_property
    def by_cost(self) -> list[int]:
        """Points by rising cost, of equal ones by rising score."""
        found: list[int] = np.lexsort((self.score_n, self.cost_n)).tolist()
        return found

    @cached_property
    def by_score(self) -> list[int]:
        """Points by rising score, of equal ones by falling cost."""
        found: list[int] = np.lexsort((-self.cost_n, self.score_n)).tolist()
        return found

    @cached_property
    def cost_range(self) -> tuple[float, float]:
        """Range of the cost axis."""
        return _range(self.cost_n, 0.0)

    @cached_property
    def score_range(self) -> tuple[float, float]:
        """Range of the score axis; of many points the few that lie far below are left out."""
        return _range(self.score_n, FAR_BELOW if len(self.score_n) > MANY else 0.0)


def _range(values_n: np.ndarray, least: float) -> tuple[float, float]:
    low, high = float(np.quantile(values_n, least)), float(values_n.max())
    room = ROOM * (high - low) or max(abs(high), 1.0) * ROOM
    return low - room, high + room


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two, at most eight."""
    raw = (high - low) / TICKS
    size = 10.0 ** np.floor(np.log10(raw))
    step = float(next(size * times for times in (1, 2, 5, 10) if size * times >= raw))
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [number * step for number in range(first, last + 1)]
