"""Images of more than 8 bits a channel: their values, and their values scaled to 8 bits.

Shapes: Y X pixels, C channels.
"""

from __future__ import annotations

import sys
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from sit_engine.data.index import ValueRange as ValueRange


def is_deep(image: Image.Image) -> bool:
    """Whether the values need a range to become 8 bits."""
    return image.mode[0] in "IF" or raw_mode(image)[:6] in ("RGB;16", "RGBA;1")


def raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file: "RGB;16B" is 16 bits a colour, big end first."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def scaled(image: Image.Image, value_range: ValueRange | None) -> Image.Image:
    """A deep image as 8-bit L or RGB, its values scaled linearly; alpha goes over white."""
    low, high = value_range or full_range(image)
    values = deep_values(image)
    scale = 255.0 / (high - low) if high > low else 255.0
    spread = np.nan_to_num((values - low) * scale, nan=0.0, posinf=255.0, neginf=0.0)
    whole = (np.clip(spread, 0.0, 255.0) + 0.5).astype(np.uint8)
    if whole.ndim == 3 and whole.shape[2] == 4:
        alpha = np.clip(values[..., 3:] / 65535.0, 0.0, 1.0)
        whole = (whole[..., :3] * alpha + 255.0 * (1.0 - alpha) + 0.5).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(whole))


def full_range(image: Image.Image) -> ValueRange:
    """The full range of the type: 16-bit 0…65535, 32-bit whole numbers 0…2³¹-1, floats 0…1."""
    if image.mode == "F":
        return (0.0, 1.0)
    # Pillow holds some 16-bit formats (PGM, signed TIFF) as 32-bit; only a TIFF really has 32.
    return (0.0, 2.0**31 - 1) if image.mode == "I" and image.format == "TIFF" else (0.0, 65535.0)


def deep_values(image: Image.Image) -> NDArray[np.float32]:
    """The values of a deep image as float32, [Y,X] or [Y,X,C]."""
    if image.mode[0] in "IF":
        image.load()
        return np.asarray(image).astype(np.float32)
    return _both_bytes(image)


def _both_bytes(image: Image.Image) -> NDArray[np.float32]:
    """16 bits a colour, of which Pillow keeps one byte: read twice, with the byte order swapped."""
    assert isinstance(image, ImageFile.ImageFile)
    file = image.fp
    assert file is not None  # Not loaded yet.
    low = _read_again(file, swap=True)
    return _read_again(file, swap=False) * 256.0 + low


def _read_again(file: IO[bytes], *, swap: bool) -> NDArray[np.float32]:
    file.seek(0)
    with Image.open(file) as image:
        if swap:
            assert isinstance(image, ImageFile.ImageFile)
            image.tile = [tile._replace(args=_swapped(tile.args)) for tile in image.tile]
        image.load()
        return np.asarray(image).astype(np.float32)


def _swapped(arguments: tuple[Any, ...] | str | None) -> tuple[Any, ...] | str:
    """Pillow's decoder arguments with the byte order of the raw mode turned round."""
    if isinstance(arguments, tuple):
        return (_swapped(arguments[0]), *arguments[1:])
    base, order = str(arguments).rsplit(";16", 1)
    is_little = order == "L" or (order == "N" and sys.byteorder == "little")
    return f"{base};16{'B' if is_little else 'L'}"


RANKS = 1000


def value_ranks(image: Image.Image, most_values: int = 65_536) -> list[float]:
    """Up to `RANKS` values of a deep image, evenly spaced by rank: its histogram in short.

    From a regular grid of at most `most_values` pixels; without alpha, NaN and infinities.
    """
    values = deep_values(image)
    if values.ndim == 3:
        values = values[..., :3]
    flat = values.reshape(-1)
    flat = flat[:: -(-flat.size // most_values)]
    flat = np.sort(flat[np.isfinite(flat)])
    if flat.size > RANKS:
        flat = flat[((np.arange(RANKS) + 0.5) * flat.size / RANKS).astype(np.int64)]
    return [float(f"{value:.7g}") for value in flat]


def own_range(image: Image.Image) -> ValueRange | None:
    """The 0.1 and 99.9 percentiles of one deep image; None if it has no finite value."""
    ranks = value_ranks(image)
    if not ranks:
        return None
    low, high = np.percentile(ranks, [0.1, 99.9])
    return float(low), float(high)
