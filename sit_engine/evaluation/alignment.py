"""Where two videos show the same: the best path through the similarities of their clips or frames.

Shapes: q rows of the query, n of the reference, in the order of their times.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

GAP = 0.3
"""What a step that moves in one video alone costs, in units of what the best cell gains."""


class Path(NamedTuple):
    """First and last row in the query, first and last in the reference, and what was gained."""

    query_first: int
    query_last: int
    first: int
    last: int
    gain: float
    is_reversed: bool = False


def best_path(similar_qn: NDArray[np.floating], least: float) -> Path | None:
    """The local path that gains most, a cell giving its similarity − `least`; None: none gains.

    Smith and Waterman's recurrence (J. Mol. Biol. 147, 1981) on a matrix of similarities; the reference
    may also run backwards.
    """
    gain_qn = np.asarray(similar_qn, dtype=np.float64) - least
    forward = _local(gain_qn)
    backward = _local(gain_qn[:, ::-1])
    if backward is not None and (forward is None or backward.gain > 1.001 * forward.gain):
        count = gain_qn.shape[1]
        return backward._replace(
            first=count - 1 - backward.last, last=count - 1 - backward.first, is_reversed=True
        )
    return forward


def _local(gain_qn: NDArray[np.float64]) -> Path | None:
    rows, columns = gain_qn.shape
    gap = GAP * max(float(gain_qn.max()), 0.0)
    # Best gain of a path that ends in a cell, and where that path began.
    before = np.zeros(columns)
    began = [(0, column) for column in range(columns)]
    best: Path | None = None
    for row in range(rows):
        now = np.zeros(columns)
        here: list[tuple[int, int]] = [(row, column) for column in range(columns)]
        for column in range(columns):
            value, origin = gain_qn[row, column], (row, column)
            if column and row and before[column - 1] > 0:
                value, origin = value + before[column - 1], began[column - 1]
            # Staying at a row or column gains nothing, however alike it is: a still picture has no
            # length.
            if row and before[column] - gap > value:
                value, origin = before[column] - gap, began[column]
            if column and now[column - 1] - gap > value:
                value, origin = now[column - 1] - gap, here[column - 1]
            now[column], here[column] = max(0.0, value), origin
            if now[column] > (0.0 if best is None else best.gain):
                best = Path(origin[0], row, origin[1], column, float(now[column]))
        before, began = now, here
    return best
