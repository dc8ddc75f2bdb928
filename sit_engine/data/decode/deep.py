"""Images of more than 8 bits a channel: their values, and their values scaled to 8 bits.

What is misread by Pillow is put right here or read otherwise. Shapes: Y X pixels, C channels.
"""

from __future__ import annotations

import sys
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, PpmImagePlugin, SgiImagePlugin, TiffImagePlugin

from sit_engine.data.decode import fits, tiff
from sit_engine.data.folder.index import ValueRange as ValueRange

Values = NDArray[Any]
_RAW_MODES = ("RGB;16", "RGBA;1", "LA;16B", "L;16B")
_SGI_HEAD_BYTES = 512


def is_deep(image: Image.Image) -> bool:
    """Whether the values need a range to become 8 bits."""
    if isinstance(image, tiff.TiffValues):
        return image.is_deep
    return (
        image.mode[0] in "IF"
        or raw_mode(image).startswith(_RAW_MODES)
        or _is_deep_sgi(image)
        or _ppm_top(image) > 255
    )


def raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file: "RGB;16B" is 16 bits a colour, big end first."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _is_deep_sgi(image: Image.Image) -> bool:
    tiles = image.tile if isinstance(image, SgiImagePlugin.SgiImageFile) else []
    return bool(tiles) and tiles[0].codec_name == "SGI16"


def _ppm_top(image: Image.Image) -> int:
    """The greatest value that a colour PPM tells of; 0 of what is none."""
    if isinstance(image, PpmImagePlugin.PpmImageFile) and image.mode == "RGB" and image.tile:
        arguments = image.tile[0].args
        return int(arguments[-1]) if isinstance(arguments, tuple) else 0
    return 0


def scaled(image: Image.Image, value_range: ValueRange | None) -> Image.Image:
    """A deep image as 8-bit L or RGB, its values scaled linearly; alpha goes over white."""
    low, high = value_range or full_range(image)
    colours, alpha = deep_values(image)
    scale = 255.0 / (high - low) if high > low else 255.0
    spread = np.nan_to_num((colours - low) * scale, nan=0.0, posinf=255.0, neginf=0.0)
    whole = (np.clip(spread, 0.0, 255.0) + 0.5).astype(np.uint8)
    if alpha is not None:
        over = alpha if whole.ndim == 2 else alpha[..., None]
        whole = (whole * over + 255.0 * (1.0 - over) + 0.5).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(whole))


def full_range(image: Image.Image) -> ValueRange:
    """The full range of the type: whole numbers from their least to their greatest, floats 0…1."""
    tags = _tags(image)
    if tags is not None:
        bits, kind = tiff.bits_of(tags), tiff.kind_of(tags)
        if kind == "f":
            return (0.0, 1.0)
        return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if kind == "i" else (0, 2.0**bits - 1)
    if image.format == "FITS":
        return fits.full_range(image)
    # Pillow holds some 16-bit formats (PGM) as 32-bit.
    return (0.0, 1.0) if image.mode == "F" else (0.0, 65535.0)


def _tags(image: Image.Image) -> tiff.Tags | None:
    if isinstance(image, tiff.TiffValues):
        return image.tags
    return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None


def deep_values(image: Image.Image) -> tuple[Values, NDArray[np.float32] | None]:
    """The values of a deep image as floats, [Y,X] or [Y,X,3], and its alpha of 0…1, if it has one."""
    values = _as_floats(_stored_values(image))
    alpha = None
    if values.ndim == 3 and values.shape[2] in (2, 4):
        alpha = np.clip(values[..., -1] / full_range(image)[1], 0.0, 1.0).astype(np.float32)
        values = values[..., 0] if values.shape[2] == 2 else values[..., :3]
    elif (key := image.info.get("transparency")) is not None and image.format == "PNG":
        # PNG 1.2, tRNS: one value or colour is transparent.
        same = values == np.asarray(key, dtype=values.dtype)
        alpha = 1.0 - (same if values.ndim == 2 else same.all(axis=-1)).astype(np.float32)
    tags = _tags(image)
    if tags is not None and tiff.is_inverted(tags):
        values = sum(full_range(image)) - values
    return values, alpha


def _as_floats(values: Values) -> Values:
    """32-bit whole numbers do not fit into a float32."""
    return values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32, copy=False)


def _stored_values(image: Image.Image) -> Values:
    """The values as they lie in the file, [Y,X] or [Y,X,C] with alpha last."""
    if isinstance(image, tiff.TiffValues):
        return image.values()
    if image.mode[0] in "IF":
        image.load()
        return _of_one_channel(image)
    assert isinstance(image, ImageFile.ImageFile)
    if _is_deep_sgi(image):
        return _sgi_values(image)
    if raw_mode(image) == "LA;16B":
        # Pillow keeps the first byte of each; taken as four channels of a byte, all are there.
        image.tile = [tile._replace(args="RGBA") for tile in image.tile]
        image.load()
        return np.asarray(image).view(">u2")
    if (top := _ppm_top(image)) > 255:
        return _ppm_values(image, top)
    return _both_bytes(image)


def _of_one_channel(image: Image.Image) -> Values:
    values = np.asarray(image)
    if image.format == "FITS":
        return fits.values(image, values)
    tags = _tags(image)
    if tags is not None and image.mode == "I" and tiff.kind_of(tags) == "u":
        return values.view(np.uint32)  # Pillow holds them with a sign.
    return values.astype(np.float32) if image.mode == "F" or tags is None else values


def _ppm_values(image: ImageFile.ImageFile, top: int) -> Values:
    """A binary or plain PPM of more than 8 bits, as if its greatest value were 65535."""
    file, (codec, _, offset, _) = image.fp, image.tile[0]
    assert file is not None
    file.seek(offset)
    count = image.width * image.height * 3
    if codec == "ppm_plain":
        lines = (line.split(b"#")[0] for line in file.read().splitlines())
        values = np.array(b" ".join(lines).split()[:count], dtype=np.float64)
    else:
        values = np.frombuffer(file.read(2 * count), dtype=">u2").astype(np.float64)
    if values.size < count:
        raise OSError("truncated")
    return (values * (65535.0 / top)).reshape(image.height, image.width, 3).astype(np.float32)


def _sgi_values(image: ImageFile.ImageFile) -> Values:
    """An SGI image without packing: a plane a channel, from the bottom up."""
    file, channels = image.fp, len(image.getbands())
    assert file is not None
    file.seek(_SGI_HEAD_BYTES)
    count = channels * image.height * image.width
    values = np.frombuffer(file.read(2 * count), dtype=">u2")
    if values.size < count:
        raise OSError("truncated")
    planes = values.reshape(channels, image.height, image.width)[:, ::-1]
    return planes[0] if channels == 1 else np.moveaxis(planes, 0, -1)


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
    if base == "L":
        return "L;16" if not is_little else "L;16B"
    return f"{base};16{'B' if is_little else 'L'}"


RANKS = 1000


def value_ranks(image: Image.Image, most_values: int = 65_536) -> list[float]:
    """Up to `RANKS` values of a deep image, evenly spaced by rank: its histogram in short.

    From a regular grid of at most `most_values` pixels; without alpha, NaN and infinities.
    """
    flat = deep_values(image)[0].reshape(-1)
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
