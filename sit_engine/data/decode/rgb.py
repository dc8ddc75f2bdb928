"""One image file to 8-bit RGB pixels; used by the decoder child, and in process by evaluation.

Shapes: Y X pixels, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from sit_engine.data.decode.deep import is_deep, own_range, raw_mode, scaled
from sit_engine.data.decode.opening import opened
from sit_engine.data.decode.tiff import pages_are
from sit_engine.data.decode.unreadable import DAMAGE, UnreadableError
from sit_engine.data.folder.index import (
    CHANNEL_PAGES,
    DEEP_ALPHA,
    PARTLY,
    SEVERAL_PAGES,
    ValueRange,
)
from sit_engine.errors import DataError
from sit_engine.paths import display_name

_LOOKED_AT = 1 << 16
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class ImageHeader:
    """What an image says of itself; width and height are those of the upright picture."""

    width: int
    height: int
    format: str
    mode: str
    channels: int
    deep: bool
    notes: tuple[str, ...]


def decode_rgb(path: str | Path, *, value_range: ValueRange | None) -> NDArray[np.uint8]:
    """All pixels [Y,X,3] of the upright picture, alpha over white; raises DataError.

    Safe in threads. Files should have been found usable by a scan: a decoder that crashes here
    takes the process with it.
    """
    try:
        with opened(path) as (image, _):
            return np.asarray(turned(to_rgb(image, value_range), image).convert("RGB"))
    except UnreadableError as problem:
        raise DataError(
            problem.code,
            "{path} {reason}.",
            "Remove the file, or scan the folder again.",
            path=display_name(str(path)),
            reason=problem.reason,
        ) from None


def read_header(image: Image.Image) -> ImageHeader:
    """What the header alone says; pixels are not read."""
    width, height = image.size
    # A PNG may carry its EXIF after the pixels, and Pillow would decode all of it to look there.
    if (image.format != "PNG" or "exif" in image.info) and _orientation(image) >= 5:
        width, height = height, width
    notes = [note] if (note := _pages_note(image)) else []
    if not is_deep(image) and (";16" in raw_mode(image) or _is_deep_jpeg2000(image)):
        notes.append(DEEP_ALPHA)
    kind, channels = image.format or "", len(image.getbands())
    return ImageHeader(width, height, kind, image.mode, channels, is_deep(image), tuple(notes))


def _pages_note(image: Image.Image) -> str | None:
    """What to say where a file holds more pictures than the one that is used."""
    tags = getattr(image, "tag_v2", getattr(image, "tags", None))
    said = None if tags is None else pages_are(tags)
    # What Pillow calls frames of a PSD are its layers; the picture of all of them is used.
    is_layered = image.format == "PSD"
    try:
        several = said is not None or (not is_layered and getattr(image, "is_animated", False))
    except (OSError, *DAMAGE):
        return None  # The pages after the first are damaged, and are not used.
    if not several:
        return None
    return CHANNEL_PAGES if said == "channels" else SEVERAL_PAGES


def _is_deep_jpeg2000(image: Image.Image) -> bool:
    """Whether a JPEG 2000 of several channels has more than 8 bits: Pillow gives the upper 8."""
    if image.format != "JPEG2000" or not isinstance(image, ImageFile.ImageFile) or not image.fp:
        return False
    at = image.fp.tell()
    image.fp.seek(0)
    start = image.fp.read(_LOOKED_AT)
    image.fp.seek(at)
    # ISO 15444-1, A.5.1: the marker SIZ follows SOC; the depth less one is its 41st byte.
    depth = start.find(b"\xff\x4f\xff\x51") + 42
    return 42 <= depth < len(start) and (start[depth] & 0x7F) + 1 > 8


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1…8; Pillow has already turned a TIFF."""
    if image.format == "TIFF":
        return 1
    try:
        found = image.getexif().get(_ORIENTATION_TAG, 1)
    except (OSError, *DAMAGE):
        return 1
    return found if found in _TURNS else 1


def turned(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """`pixels` upright, as the loaded `image` they come from says."""
    turn = _TURNS.get(_orientation(image))
    return pixels if turn is None else pixels.transpose(turn)


def to_rgb(image: Image.Image, value_range: ValueRange | None) -> Image.Image:
    """The image as 8-bit RGB or L as it lies in the file, not yet turned; alpha over white."""
    if is_deep(image):
        return scaled(image, value_range)
    _load(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _load(image: Image.Image) -> None:
    """Read the pixels; of a PNG whose data break off in the middle, those before the break.

    That is what Pillow gives at the second asking, and what browsers show. A truncated file fails
    both times. Other formats are not asked twice: they would give black pictures.
    """
    try:
        image.load()
    except OSError:
        if image.format != "PNG":
            raise
        image.load()
        image.info[PARTLY] = True


def squash(
    image: Image.Image, side: int, value_range: ValueRange | None, *, sharp: bool = False
) -> tuple[bytes, int, int]:
    """The upright picture resized to side × side whatever its shape, with its true size.

    RGB bytes row by row, width, height. Sharp: by Lanczos from all pixels, which makes good what
    the second resize of a view takes.
    """
    size = image.size
    if image.format in ("JPEG", "MPO") and not sharp:
        # Decode at 1/2, 1/4 or 1/8 of the size where that still is at least `side` both ways.
        image.draft(None, (side, side))
    pixels = to_rgb(image, value_range)
    if sharp:
        small = pixels.resize((side, side), Image.Resampling.LANCZOS)
    else:
        small = pixels.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    width, height = size if _orientation(image) < 5 else (size[1], size[0])
    return turned(small, image).convert("RGB").tobytes(), width, height


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """The upright picture as RGB, fitting in side × side, its shape kept and never enlarged.

    Deep values are spread over the image's own range.
    """
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if image.format in ("JPEG", "MPO"):
        image.draft(None, size)
    pixels = to_rgb(image, own_range(image) if is_deep(image) else None)
    small = pixels.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    return turned(small, image).convert("RGB")
