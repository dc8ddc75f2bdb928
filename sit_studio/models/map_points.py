"""An embedding map without its picture: what stands where, groups, view and nearest point; Qt-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Rows = NDArray[np.int64]
Key = Literal["class", "folder", "prediction", "split"]
KEYS: tuple[Key, ...] = ("class", "folder", "prediction", "split")

MOST_NAMED = 12
EDGE = 0.05  # of the picture, left free around all points
NEAREST_ZOOM, FARTHEST_ZOOM = 20_000.0, 0.5  # against the view that holds everything
MOST_CELLS = 512  # a side of the grid
POINTS_A_CELL = 4


@dataclass(frozen=True)
class Embedding:
    """What is known of each embedded image; -1 means none."""

    paths: Sequence[str]
    classes: tuple[str, ...]
    sub_folders: tuple[str, ...]
    splits: tuple[str, ...]
    labels: NDArray[np.int32]
    folder: NDArray[np.int32]
    split: NDArray[np.int8]
    prediction: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.paths)

    def names_of(self, key: Key) -> tuple[str, ...]:
        """The values that colours may stand for."""
        return {
            "class": self.classes,
            "folder": self.sub_folders,
            "prediction": self.classes,
            "split": self.splits,
        }[key]

    def values_of(self, key: Key) -> NDArray[np.integer]:
        """The value of each image, as an index into `names_of`."""
        found: dict[Key, NDArray[np.integer]] = {
            "class": self.labels,
            "folder": self.folder,
            "prediction": self.prediction,
            "split": self.split,
        }
        return found[key]

    def value(self, key: Key, row: int) -> str:
        """The value of one image; empty when it has none."""
        number = int(self.values_of(key)[row])
        return self.names_of(key)[number] if number >= 0 else ""

    def has(self, key: Key) -> bool:
        """Whether any image has such a value."""
        return bool(len(self) and (self.values_of(key) >= 0).any())


@dataclass(frozen=True)
class Grouping:
    """Images by colour: the most frequent values by name, then "others", then those without one."""

    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    counts: NDArray[np.int64]
    """Of each name, of the others, and of those without a value."""

    @property
    def others(self) -> int:
        """The code of values that have no name of their own."""
        return len(self.names)

    @property
    def nothing(self) -> int:
        """The code of images without a value."""
        return len(self.names) + 1


def group(embedding: Embedding, key: Key) -> Grouping:
    """Classes keep their place, and so their colour, whether labels or predictions are shown."""
    names, values = embedding.names_of(key), embedding.values_of(key)
    first = embedding.labels if key == "prediction" and embedding.has("class") else values
    many = np.bincount(first[first >= 0], minlength=len(names))
    named = np.sort(np.argsort(-many, kind="stable")[:MOST_NAMED])
    codes = np.full(len(names) + 1, len(named), dtype=np.uint8)
    codes[named] = np.arange(len(named))
    codes[-1] = len(named) + 1  # value -1
    found = codes[values]
    return Grouping(
        tuple(names[number] for number in named),
        found,
        np.bincount(found, minlength=len(named) + 2).astype(np.int64),
    )


@dataclass(frozen=True)
class MapWindow:
    """Which part of the map a picture of `width` × `height` pixels shows; y points up."""

    x: float
    y: float
    scale: float
    """Pixels a unit of the map."""
    width: int
    height: int

    def to_screen(self, points_P2: Array) -> tuple[Array, Array]:
        """Pixels from the left and from the top."""
        return (
            (points_P2[:, 0] - np.float32(self.x)) * np.float32(self.scale)
            + np.float32(self.width / 2),
            (np.float32(self.y) - points_P2[:, 1]) * np.float32(self.scale)
            + np.float32(self.height / 2),
        )

    def to_map(self, px: float, py: float) -> tuple[float, float]:
        """The place under a pixel."""
        return (
            self.x + (px - self.width / 2) / self.scale,
            self.y - (py - self.height / 2) / self.scale,
        )

    def moved(self, dx: float, dy: float) -> MapWindow:
        """The points go so many pixels right and down."""
        return MapWindow(
            self.x - dx / self.scale, self.y + dy / self.scale, self.scale, self.width, self.height
        )

    def zoomed(self, factor: float, px: float, py: float, whole: MapWindow) -> MapWindow:
        """Larger by `factor`; what is under the pixel stays there. Bounded against `whole`."""
        scale = self.scale * factor
        scale = min(max(scale, whole.scale * FARTHEST_ZOOM), whole.scale * NEAREST_ZOOM)
        x, y = self.to_map(px, py)
        return MapWindow(
            x - (px - self.width / 2) / scale,
            y + (py - self.height / 2) / scale,
            scale,
            self.width,
            self.height,
        )

    def resized(self, width: int, height: int) -> MapWindow:
        """The window with the same middle and zoom in a picture of another size."""
        return MapWindow(self.x, self.y, self.scale, width, height)


def whole_view(low: Array, high: Array, width: int, height: int) -> MapWindow:
    """All points between two corners in view."""
    least = 1e-6 * max(1.0, float(np.abs([low, high]).max()))
    span = np.maximum(high - low, least)
    room = 1 - 2 * EDGE
    scale = float(min(width * room / span[0], height * room / span[1]))
    x, y = (low + high) / 2
    return MapWindow(float(x), float(y), scale, width, height)


def core(points_P2: Array) -> tuple[Array, Array]:
    """Two corners round nearly all points: a few far ones must not squeeze the rest into a corner.

    From the 1st to the 99th percentile of each side and half as much again on both, but no farther
    than there are points.
    """
    if not len(points_P2):
        return np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    low, high = points_P2.min(0), points_P2.max(0)
    first, last = np.percentile(points_P2, [1, 99], axis=0)
    spare = (last - first) / 2
    return np.maximum(low, first - spare), np.minimum(high, last + spare)


class PointGrid:
    """Points in a grid of cells: which are in a rectangle, which one is nearest."""

    def __init__(self, points_P2: Array) -> None:
        self.points_P2 = points_P2
        count = len(points_P2)
        self.side = int(min(max(np.sqrt(count / POINTS_A_CELL), 1), MOST_CELLS))
        sides = (points_P2[:, 0], points_P2[:, 1]) if count else (np.zeros(1), np.zeros(1))
        self.low: Array = np.array([side.min() for side in sides], dtype=np.float32)
        self.high: Array = np.array([side.max() for side in sides], dtype=np.float32)
        self.core_low, self.core_high = core(points_P2)
        self.cell = np.maximum((self.high - self.low) / self.side, 1e-30)
        numbers = np.minimum(((points_P2 - self.low) / self.cell).astype(np.int64), self.side - 1)
        flat = numbers[:, 1] * self.side + numbers[:, 0]
        self.order: Rows = np.argsort(flat, kind="stable")
        self.starts = np.searchsorted(flat[self.order], np.arange(self.side * self.side + 1))

    def _lines(self, x0: float, y0: float, x1: float, y1: float) -> tuple[Rows, Rows]:
        """Where each line of cells begins and ends in `order`; none when the rectangle is outside."""
        first = np.floor((np.array([x0, y0]) - self.low) / self.cell)
        last = np.floor((np.array([x1, y1]) - self.low) / self.cell)
        if (last < 0).any() or (first > self.side).any():
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        c0, r0 = np.clip(first, 0, self.side - 1).astype(np.int64)
        c1, r1 = np.clip(last, 0, self.side - 1).astype(np.int64)
        lines = np.arange(r0, r1 + 1) * self.side
        return self.starts[lines + c0], self.starts[lines + c1 + 1]

    def count(self, x0: float, y0: float, x1: float, y1: float) -> int:
        """About how many points are in a rectangle: cells at its edge count whole."""
        begins, ends = self._lines(x0, y0, x1, y1)
        return int((ends - begins).sum())

    def rows(self, x0: float, y0: float, x1: float, y1: float) -> Rows:
        """The points of all cells that the rectangle touches."""
        begins, ends = self._lines(x0, y0, x1, y1)
        parts = [self.order[b:e] for b, e in zip(begins, ends, strict=True) if e > b]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def nearest(
        self, x: float, y: float, radius: float, allowed: NDArray[np.bool_] | None = None
    ) -> int:
        """The row of the nearest point within `radius`; -1 if there is none."""
        rows = self.rows(x - radius, y - radius, x + radius, y + radius)
        if allowed is not None:
            rows = rows[allowed[rows]]
        if not len(rows):
            return -1
        away = self.points_P2[rows] - np.array([x, y], dtype=np.float32)
        square = (away * away).sum(axis=1)
        best = int(square.argmin())
        return int(rows[best]) if square[best] <= radius * radius else -1
