"""A growing curve of numbers over steps, its smoothing and its thinning for the screen; no Qt.

Memory is bounded. When a curve passes `most_points`, each four neighbours in half of it, the
densest stretches but never the newest quarter, give way to their smallest and largest, where
these stood (a gap among them stays a gap). Extremes and gaps thus survive for ever, the newest
points are complete, and the old ones about evenly spaced; a day's replay takes no more memory
than an hour's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

MOST_POINTS = 200_000
FIRST_ROOM = 256
GROUP = 4  # neighbours which two extremes replace
STRETCHES = 48  # parts of the older three quarters, of which two thirds are merged at a time
BLOCK = 64  # side of the matrix which sums one block of the moving average


class Curve:
    """Steps, strictly ascending, and a value at each; NaN is a gap."""

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._most_points = max(most_points, 8 * GROUP)
        self._room_steps: Array = np.empty(FIRST_ROOM)
        self._room_values: Array = np.empty(FIRST_ROOM)
        self._count = 0
        self._edition = 0
        self._average = _Average(0.0)

    def __len__(self) -> int:
        return self._count

    @property
    def steps(self) -> Array:
        """A view of the steps, good until the next change."""
        return self._room_steps[: self._count]

    @property
    def values(self) -> Array:
        """A view of the values, good until the next change."""
        return self._room_values[: self._count]

    @property
    def edition(self) -> int:
        """Grows when points already seen went or moved; appending alone leaves it."""
        return self._edition

    def append(self, step: float, value: float) -> None:
        """Add a point; a step which does not lead on voids those from there on."""
        if self._count and step <= self._room_steps[self._count - 1]:
            self._cut(int(np.searchsorted(self.steps, step, side="left")))
        self._make_room(1)
        self._room_steps[self._count] = step
        self._room_values[self._count] = value if math.isfinite(value) else math.nan
        self._count += 1
        self._keep_bounded()

    def extend(self, steps: ArrayLike, values: ArrayLike) -> None:
        """Add many points, as if one after the other."""
        new_steps = np.asarray(steps, dtype=np.float64)
        new_values = np.asarray(values, dtype=np.float64)
        if not len(new_steps):
            return
        if not np.all(new_steps[1:] > new_steps[:-1]):
            for step, value in zip(new_steps, new_values, strict=True):
                self.append(float(step), float(value))
            return
        if self._count and new_steps[0] <= self._room_steps[self._count - 1]:
            self._cut(int(np.searchsorted(self.steps, new_steps[0], side="left")))
        for start in range(0, len(new_steps), self._most_points // 2):
            piece = slice(start, start + self._most_points // 2)
            self._add(new_steps[piece], new_values[piece])

    def clear_after(self, step: float) -> None:
        """Forget the points after this step: a resumed run walks that way again."""
        self._cut(int(np.searchsorted(self.steps, step, side="right")))

    def smoothed(self, weight: float) -> Array:
        """`smooth` of the values, computed only for the points that came since."""
        if self._average.weight != weight:
            self._average = _Average(weight)
        return self._average.of(self.values, self._edition)

    def _add(self, steps: Array, values: Array) -> None:
        self._make_room(len(steps))
        end = self._count + len(steps)
        self._room_steps[self._count : end] = steps
        self._room_values[self._count : end] = np.where(np.isfinite(values), values, np.nan)
        self._count = end
        self._keep_bounded()

    def _cut(self, count: int) -> None:
        if count < self._count:
            self._count = count
            self._edition += 1

    def _make_room(self, more: int) -> None:
        room = len(self._room_steps)
        if self._count + more > room:
            grown = max(2 * room, self._count + more)
            self._room_steps = _with_room(self.steps, grown)
            self._room_values = _with_room(self.values, grown)

    def _keep_bounded(self) -> None:
        while self._count > self._most_points:
            kept = _sparing(self.steps, self.values)
            self._room_steps, self._room_values = self.steps[kept], self.values[kept]
            self._count = len(self._room_steps)
            self._edition += 1


def smooth(values: Array, weight: float) -> Array:
    """Exponential moving average without bias at the start; a gap is skipped and stays a gap."""
    return _Average(weight).of(values, 0)


def thin(x: Array, y: Array, x0: float, x1: float, width_px: int) -> tuple[Array, Array]:
    """What a plot of that width shows of an ascending x: two points a column, its extremes.

    One point more on either side lets the line run out of the picture. A column of gaps alone
    stays a gap.
    """
    first = max(int(np.searchsorted(x, x0, side="left")) - 1, 0)
    last = min(int(np.searchsorted(x, x1, side="right")) + 1, len(x))
    columns = max(width_px, 1)
    if last - first <= 2 * columns:
        return x[first:last], y[first:last]
    edges = np.searchsorted(x[first:last], np.linspace(x0, x1, columns + 1)[1:-1], side="left")
    starts = np.concatenate(([0], edges))
    starts = starts[np.concatenate((starts[1:] > starts[:-1], [starts[-1] < last - first]))]
    part_x, part_y = x[first:last], y[first:last]
    low = np.fmin.reduceat(part_y, starts)
    high = np.fmax.reduceat(part_y, starts)
    ends = np.concatenate((starts[1:], [last - first])) - 1
    is_rising = ~(part_y[starts] > part_y[ends])
    thin_x = np.stack((part_x[starts], part_x[ends]), axis=1).ravel()
    thin_y = np.stack((np.where(is_rising, low, high), np.where(is_rising, high, low)), axis=1)
    return thin_x, thin_y.ravel()


class _Average:
    """The moving average of a growing array, with the state to go on from."""

    def __init__(self, weight: float) -> None:
        if not 0 <= weight < 1:
            raise ValueError(f"weight is {weight}; it must be at least 0 and less than 1")
        self.weight = weight
        self._edition = -1
        self._room: Array = np.empty(0)
        self._done = 0
        self._sum = 0.0
        self._seen = 0

    def of(self, values: Array, edition: int) -> Array:
        if self.weight == 0:
            return values
        if edition != self._edition or self._done > len(values):
            self._edition = edition
            self._done, self._sum, self._seen = 0, 0.0, 0
        if self._done < len(values):
            if len(self._room) < len(values):
                self._room = _with_room(self._room[: self._done], 2 * len(values))
            self._room[self._done : len(values)] = self._go_on(values[self._done :])
            self._done = len(values)
        return self._room[: self._done]

    def _go_on(self, values: Array) -> Array:
        is_number = np.isfinite(values)
        numbers = values if is_number.all() else values[is_number]
        if not len(numbers):
            return np.full(len(values), np.nan)
        sums = _decaying_sums((1 - self.weight) * numbers, self.weight, self._sum)
        self._sum = float(sums[-1])
        self._unbias(sums)
        self._seen += len(numbers)
        if len(numbers) == len(values):
            return sums
        result = np.full(len(values), np.nan)
        result[is_number] = sums
        return result

    def _unbias(self, sums: Array) -> None:
        """Divide by the weight given so far; soon it is 1 to the last bit."""
        biased = max(math.ceil(-40 / math.log(self.weight)) - self._seen, 0)
        counts = np.arange(1, min(biased, len(sums)) + 1) + self._seen
        sums[: len(counts)] /= 1 - self.weight**counts


def _decaying_sums(terms: Array, weight: float, before: float) -> Array:
    """s[i] = weight · s[i-1] + terms[i], block by block as a matrix product.

    The ends of the blocks obey the same law with weight ** BLOCK, hence the recursion.
    """
    if len(terms) <= BLOCK:
        result = np.empty(len(terms))
        for i, term in enumerate(terms.tolist()):
            before = weight * before + term
            result[i] = before
        return result
    blocks = -(-len(terms) // BLOCK)
    padded = np.zeros(blocks * BLOCK)
    padded[: len(terms)] = terms
    age = np.arange(BLOCK)[None, :] - np.arange(BLOCK)[:, None]
    matrix = np.where(age >= 0, weight ** np.maximum(age, 0), 0.0)
    sums: Array = padded.reshape(blocks, BLOCK) @ matrix
    ends = _decaying_sums(sums[:, -1], weight**BLOCK, before)
    carried = np.concatenate(([before], ends[:-1]))
    sums += carried[:, None] * weight ** np.arange(1, BLOCK + 1)[None, :]
    return sums.ravel()[: len(terms)]


def _sparing(steps: Array, values: Array) -> NDArray[np.bool_]:
    """Which points stay when the densest old stretches are merged."""
    kept = np.ones(len(steps), dtype=bool)
    length = max(len(steps) * 3 // 4 // STRETCHES // GROUP, 1) * GROUP
    stretches = len(steps) * 3 // 4 // length
    starts = np.arange(stretches) * length
    spans = steps[starts + length - 1] - steps[starts]
    for index in np.argsort(spans, kind="stable")[: -(-stretches * 2 // 3)]:
        stretch = slice(starts[index], starts[index] + length)
        kept[stretch] = _extremes(values[stretch])
    kept[0] = True
    return kept


def _extremes(values: Array) -> NDArray[np.bool_]:
    """Which points stay of each group: smallest, largest and the first gap."""
    groups = values.reshape(-1, GROUP)
    is_gap = np.isnan(groups)
    rows = np.arange(len(groups))
    kept = np.zeros(groups.shape, dtype=bool)
    kept[rows, np.where(is_gap, np.inf, groups).argmin(axis=1)] = True
    kept[rows, np.where(is_gap, -np.inf, groups).argmax(axis=1)] = True
    kept &= ~is_gap
    gap_rows = is_gap.any(axis=1)
    kept[gap_rows, is_gap[gap_rows].argmax(axis=1)] = True
    return kept.ravel()


def _with_room(values: Array | Sequence[float], room: int) -> Array:
    grown = np.empty(room)
    grown[: len(values)] = values
    return grown
