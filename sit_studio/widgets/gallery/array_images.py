"""Arrays to pictures: error and heat colours, upsampling, QImage; decodes no file."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from sit_studio.look import theme

Pixels = NDArray[np.uint8]

SMOOTH_FROM_PX = 64
# Blue to red and magma, as anchors at even distances; interpolated once. No difference is as light
# or dark as what is around the picture.
ERROR_ANCHORS = {
    False: ((33, 74, 138), (104, 158, 206), (247, 247, 247), (228, 132, 104), (154, 24, 42)),
    True: ((150, 198, 240), (62, 116, 176), (36, 43, 52), (186, 84, 62), (250, 170, 146)),
}
HEAT_ANCHORS = (
    (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122),
    (229, 80, 100), (251, 135, 97), (254, 194, 135), (252, 253, 191),
)  # fmt: skip


def to_image(pixels: Pixels) -> QImage:
    """[Y,X,3] as a picture of its own memory."""
    height, width, _ = pixels.shape
    packed = np.ascontiguousarray(pixels)
    return QImage(packed.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def scaled(image: QImage, side_px: int) -> QImage:
    """Hard pixels for small pictures, smooth for others."""
    is_small = image.width() < SMOOTH_FROM_PX
    smooth = Qt.TransformationMode.SmoothTransformation
    way = Qt.TransformationMode.FastTransformation if is_small else smooth
    return image.scaled(side_px, side_px, Qt.AspectRatioMode.KeepAspectRatio, way)


def error_colours(difference: NDArray[np.int16]) -> Pixels:
    """int16 [Y,X,3], output minus input, to [Y,X,3]: red too bright, blue too dark."""
    mean = difference.sum(axis=2, dtype=np.int32) // 3
    colours: Pixels = error_table(theme.is_dark())[np.clip(mean + 255, 0, 510)]
    return colours


def heat_colours(heat: NDArray[np.float32], side_px: int) -> Pixels:
    """[g,g] stretched from its least to its greatest, made smooth, to [side,side,3] of magma."""
    low, high = float(np.nanmin(heat, initial=np.inf)), float(np.nanmax(heat, initial=-np.inf))
    span = high - low
    levels = np.zeros(heat.shape, dtype=np.float32)
    if np.isfinite(span) and span > 0:
        levels = np.nan_to_num((heat - low) / span).astype(np.float32)
    index = (_enlarged(levels, side_px) * 255 + 0.5).astype(np.uint8)
    colours: Pixels = heat_table()[index]
    return colours


def cell_colours(heat: NDArray[np.float32], side_px: int) -> Pixels:
    """[h,w] from 0 to its greatest, each place as it is, to [side,side,3] of magma."""
    greatest = float(np.nanmax(heat, initial=0.0))
    levels = np.nan_to_num(heat / greatest if 0 < greatest < np.inf else np.zeros_like(heat))
    rows, columns = (np.arange(side_px) * cells // side_px for cells in heat.shape)
    index = (np.clip(levels, 0, 1) * 255 + 0.5).astype(np.uint8)
    colours: Pixels = heat_table()[index[rows][:, columns]]
    return colours


def outside_dark(pixels: Pixels, kept: NDArray[np.bool_]) -> Pixels:
    """A picture [Y,X,3] as it is where a mask [h,w] is on, and black elsewhere."""
    rows, columns = (
        np.arange(side) * cells // side
        for side, cells in zip(pixels.shape[:2], kept.shape, strict=True)
    )
    return np.where(kept[rows][:, columns, None], pixels, np.uint8(0))


@cache
def error_table(is_dark: bool) -> Pixels:
    """511 colours for the differences -255…255, more of them for the small ones."""
    place = np.arange(-255, 256) / 255
    bent = np.sign(place) * np.abs(place) ** 0.6
    return _interpolated(ERROR_ANCHORS[is_dark], (bent + 1) / 2)


@cache
def heat_table() -> Pixels:
    """256 colours of magma."""
    return _interpolated(HEAT_ANCHORS, np.linspace(0, 1, 256))


def _interpolated(anchors: tuple[tuple[int, int, int], ...], places: NDArray[np.float64]) -> Pixels:
    at = np.linspace(0, 1, len(anchors))
    channels = [np.interp(places, at, [colour[c] for colour in anchors]) for c in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def _enlarged(grid: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """Cubic along each side, as two small matrix products; clipped to 0…1."""
    rows, columns = _weights(side_px, grid.shape[0]), _weights(side_px, grid.shape[1])
    grown: NDArray[np.float32] = np.clip(rows @ grid @ columns.T, 0, 1)
    return grown


@cache
def _weights(size: int, cells: int) -> NDArray[np.float32]:
    """[size, cells]: Catmull-Rom weights of the cells for each pixel centre, edges repeated."""
    centre = (np.arange(size) + 0.5) * cells / size - 0.5
    first = np.floor(centre).astype(int)
    weights = np.zeros((size, cells), dtype=np.float32)
    for offset in (-1, 0, 1, 2):
        distance = np.abs(centre - (first + offset))
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        weight = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
        np.add.at(weights, (np.arange(size), np.clip(first + offset, 0, cells - 1)), weight)
    return weights
