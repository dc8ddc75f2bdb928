"""The picture of an embedding map: points stamped into a buffer by NumPy, in turns; Qt-free.

Each stamp adds its weight to the pixels it covers and leaves its colour there, the last one wins.
The weights make the opacity: smooth edges, and dense places darker than lone points. Size and
opacity of a point follow from how many are in view, so a picture costs about the same at any zoom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sit_studio.models.map_points import Array, MapWindow, Rows

Shape = Literal["disc", "square", "diamond", "triangle"]
SHAPES: tuple[Shape, ...] = ("disc", "square", "diamond", "triangle")
Pixels = NDArray[np.uint32]
Colour = tuple[int, int, int]

SMALLEST_PX, LARGEST_PX = 2.0, 9.0
FILLED = 0.35  # of the picture, by the stamps of all points in view
FAINTEST, STRONGEST = 0.5, 0.8  # opacity of one small and of one large point
FULL = 4  # weight of a pixel that a stamp covers whole
MOST_WEIGHT = 32
SHAPES_FROM_PX = 5.0  # smaller ones all look like dots
CHUNK = 15_000  # points in one turn
BAND = 128  # lines in one turn
MARGIN = 32


@dataclass(frozen=True)
class MapStyle:
    """How the codes of a grouping look: colour as RGB, opacity as a share, shape."""

    colours: tuple[Colour, ...]
    opacities: tuple[float, ...]
    shapes: tuple[Shape, ...]


def point_px(visible: int, width: int, height: int, ratio: float) -> float:
    """A point's diameter in device pixels."""
    wanted = np.sqrt(FILLED * width * height / max(visible, 1))
    return float(np.clip(wanted, SMALLEST_PX * ratio, LARGEST_PX * ratio))


def draw(
    points_P2: Array,
    codes: NDArray[np.uint8],
    layers: Sequence[Rows],
    view: MapWindow,
    style: MapStyle,
    px: float,
) -> Iterator[Pixels | None]:
    """Yields None after each turn of work, and the picture at the end: premultiplied ARGB.

    A layer is drawn over those before it.
    """
    width = view.width + 2 * MARGIN
    height = view.height + 2 * MARGIN
    code_of = np.zeros(width * height, dtype=np.uint8)
    weight_of = np.zeros(width * height, dtype=np.uint16)
    dots: tuple[Shape, ...] = tuple(SHAPES[0] for _ in style.shapes)
    shapes = style.shapes if px >= SHAPES_FROM_PX else dots
    stamps = {shape: stamp(shape, px) for shape in SHAPES if shape in shapes}
    for rows in _turns(layers):
        left, top = view.to_screen(points_P2[rows])
        column = np.floor(left).astype(np.int64) + MARGIN
        line = np.floor(top).astype(np.int64) + MARGIN
        edge = MARGIN // 2
        is_in = (column >= edge) & (column < width - edge) & (line >= edge)
        is_in &= line < height - edge
        flat, code = (line * width + column)[is_in], codes[rows[is_in]]
        for shape, (offsets, weights) in stamps.items():
            mine = np.array([one == shape for one in shapes])[code]
            _press(code_of, weight_of, flat[mine], code[mine] + 1, offsets, weights, width)
        yield None
    picture = np.empty((view.height, view.width), dtype=np.uint32)
    table = _table(style, px)
    codes_YX, weights_YX = code_of.reshape(height, width), weight_of.reshape(height, width)
    for first in range(0, view.height, BAND):
        last = min(first + BAND, view.height)
        part = np.s_[first + MARGIN : last + MARGIN, MARGIN : MARGIN + view.width]
        index = np.minimum(weights_YX[part], MOST_WEIGHT - 1)
        index += codes_YX[part].astype(np.uint16) * MOST_WEIGHT
        np.take(table, index, out=picture[first:last], mode="clip")
        yield None
    yield picture


def _turns(layers: Sequence[Rows]) -> Iterator[Rows]:
    for rows in layers:
        for start in range(0, len(rows), CHUNK):
            yield rows[start : start + CHUNK]


def _press(
    code_of: NDArray[np.uint8],
    weight_of: NDArray[np.uint16],
    flat: Rows,
    code: NDArray[np.uint8],
    offsets: list[tuple[int, int]],
    weights: list[int],
    width: int,
) -> None:
    for (dx, dy), weight in zip(offsets, weights, strict=True):
        places = flat + (dy * width + dx)
        code_of[places] = code
        np.add.at(weight_of, places, np.uint16(weight))


def stamp(shape: Shape, px: float) -> tuple[list[tuple[int, int]], list[int]]:
    """The pixels that a point covers, from its middle, and how much of each: 1 to FULL."""
    reach = int(np.ceil(px / 2))
    fine = (np.arange((2 * reach + 1) * 4) + 0.5) / 4 - reach - 0.5
    x, y = np.meshgrid(fine, fine)
    r = px / 2
    inside = {
        "disc": x * x + y * y <= r * r,
        "square": np.maximum(np.abs(x), np.abs(y)) <= 0.9 * r,
        "diamond": np.abs(x) + np.abs(y) <= 1.25 * r,
        "triangle": (y <= 0.8 * r) & (y >= 2 * np.abs(x) - 1.2 * r),
    }[shape]
    side = 2 * reach + 1
    share = inside.reshape(side, 4, side, 4).mean(axis=(1, 3))
    weights = np.round(FULL * share).astype(int)
    lines, columns = np.nonzero(weights)
    offsets = [
        (int(column) - reach, int(line) - reach)
        for line, column in zip(lines, columns, strict=True)
    ]
    return offsets, [
        int(weights[line, column]) for line, column in zip(lines, columns, strict=True)
    ]


def _table(style: MapStyle, px: float) -> Pixels:
    """The colour of each code at each weight; code 0 is empty ground."""
    way = np.clip((px - SMALLEST_PX) / (LARGEST_PX - SMALLEST_PX), 0, 1)
    one = FAINTEST + (STRONGEST - FAINTEST) * way
    times = np.arange(MOST_WEIGHT) / FULL
    table = np.zeros((len(style.colours) + 1, MOST_WEIGHT), dtype=np.uint32)
    for code, (colour, opacity) in enumerate(zip(style.colours, style.opacities, strict=True)):
        alpha = opacity * (1 - (1 - one) ** times)
        red, green, blue = (np.round(alpha * part).astype(np.uint32) for part in colour)
        table[code + 1] = (
            (np.round(alpha * 255).astype(np.uint32) << 24) | (red << 16) | (green << 8) | blue
        )
    return table.ravel()


def layers_of(
    codes: NDArray[np.uint8], is_behind: NDArray[np.bool_], shuffled: Rows
) -> tuple[Rows, Rows]:
    """Rows whose codes stand behind, then the others, each in the order of chance."""
    behind = is_behind[codes[shuffled]]
    return shuffled[behind], shuffled[~behind]
