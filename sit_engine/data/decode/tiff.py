"""What a TIFF's tags say of its values: whether this program reads them, and how.

Used by opening and deep. Pillow reads most kinds; those that it misreads or does not open are read
by tifffile. Shapes: Y X pixels, C channels.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from sit_engine.counted import Sentence
from sit_engine.data.decode.unreadable import DAMAGE, UnreadableError

Tags = TiffImagePlugin.ImageFileDirectory_v2
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# A TIFF that claims more is damaged; hyperspectral cameras give a few hundred.
_MOST_CHANNELS = 4096
_WHITE_IS_ZERO, _MOSAIC = 0, (32803, 34892)
# Channels that are colours, by photometric interpretation.
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3}
_SUB_IFDS, _DESCRIPTION, _ORIENTATION = 330, 270, 274
_DNG_VERSION = 50706
# TIFF 6.0, Orientation: how the stored rows and columns become upright ones.
_UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_STACK = re.compile(r"^(images|channels|slices|frames)=(\d+)", re.MULTILINE)
_OME_CHANNELS = re.compile(r'SizeC="(\d+)"')


def read_tags(file: IO[bytes], at: int | None = None) -> Tags | None:
    """The tags of the first page, or of the one at that place; None where there are none."""
    try:
        file.seek(0)
        start = file.read(8)
        prefix = start[:2]
        if b"+" in start[2:4]:  # BigTIFF; Pillow looks for the mark where little ends have it.
            start = b"II+\0" + start[4:] + file.read(8)
        tags = Tags(start, prefix=prefix)
        file.seek(tags.next if at is None else at)
        tags.load(file)
    except (OSError, *DAMAGE):
        return None
    return tags


def kind_of(tags: Tags) -> Literal["u", "i", "f"]:
    """The kind of the values: whole numbers without or with a sign, or floats."""
    formats = tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    return {2: "i", 3: "f"}.get(formats[0], "u")  # type: ignore[return-value]


def bits_of(tags: Tags) -> int:
    """Bits of one value."""
    return int(max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))))


def is_inverted(tags: Tags) -> bool:
    """Whether the least value is white."""
    return bool(tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO)


def refuse(tags: Tags, file: IO[bytes]) -> None:
    """Raise UnreadableError for what no reader here gives in full: raw and channels."""
    if _is_raw(tags, file):
        raise UnreadableError(
            "data.raw",
            "is a camera raw file, of which only a small preview could be read; "
            "develop it and export it as TIFF, PNG or JPEG",
        )
    samples = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
    if samples > _MOST_CHANNELS:
        raise ValueError("no real image")
    colours = _COLOURS.get(_photometric(tags), 3)
    if samples - min(_alphas(tags), 1) > colours:
        raise UnreadableError(
            "data.channels",
            Sentence(
                "has {channels} channels; grey or three colours, with or without alpha, can be read",
                channels=samples,
            ),
        )


def is_misread(tags: Tags) -> bool:
    """Whether Pillow opens such a TIFF and gives other values than it has."""
    bits, samples = bits_of(tags), int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
    is_planar = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    is_signed_byte = bits == 8 and kind_of(tags) == "i"
    return is_signed_byte or (is_planar and (bits > 8 or samples == 2))


def pages_are(tags: Tags) -> Literal["channels", "stack"] | None:
    """What a file's own description says that its pages are, beyond one picture.

    ImageJ writes a stack of more than 4 GB as one page, and only its description tells.
    """
    text = tags.get(_DESCRIPTION, "")
    if not isinstance(text, str):
        return None
    said = {name: int(number) for name, number in _STACK.findall(text)}
    if not text.startswith("ImageJ="):
        said = {"channels": int(found[1])} if (found := _OME_CHANNELS.search(text)) else {}
    own = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
    if said.get("channels", 1) > own:
        return "channels"
    return "stack" if said.get("images", 1) > 1 else None


class TiffValues(ImageFile.ImageFile):
    """The first page of a TIFF that Pillow cannot be asked for; `values` reads it."""

    format = "TIFF"
    format_description = "TIFF read by tifffile"

    def _open(self) -> None:
        tags = read_tags(self._file)
        if tags is None:
            raise ValueError("no tags")
        self.tags = tags
        with _pages(self._file) as page:
            if page.dtype is None or 0 in page.shape or not _is_plain(page, tags):
                raise UnreadableError(
                    "data.depth",
                    Sentence(
                        "stores {bits} bits a value in a layout that this program does not read",
                        bits=bits_of(tags),
                    ),
                )
            if not all(page.databytecounts):
                raise ValueError("holes")
            width, height = int(page.imagewidth), int(page.imagelength)
        if width * height > 2 * (Image.MAX_IMAGE_PIXELS or width * height):
            raise Image.DecompressionBombError
        turned = int(tags.get(_ORIENTATION, 1)) >= 5
        self._size = (height, width) if turned else (width, height)
        grey = "F" if self.is_deep else "L"
        self._mode = {1: grey, 2: "LA", 3: "RGB", 4: "RGBA"}[_samples(tags)]

    @property
    def _file(self) -> IO[bytes]:
        assert self.fp is not None
        return self.fp

    @property
    def is_deep(self) -> bool:
        """Whether the values are other than bytes of 0…255."""
        return bits_of(self.tags) > 8 or kind_of(self.tags) == "i"

    def load(self) -> Any:
        """Reads bytes as Pillow would; of deep values there are only `values`."""
        if self._im is None and not self.is_deep:
            bytes_YXC = self.values()
            if is_inverted(self.tags):
                # The alpha, if there is one, stays.
                bytes_YXC = bytes_YXC ^ np.array([255, 0], np.uint8)[: _samples(self.tags)]
            self.im = Image.fromarray(np.ascontiguousarray(bytes_YXC)).im
        return super().load()

    def values(self) -> NDArray[Any]:
        """The upright picture's values as they are in the file, [Y,X] or [Y,X,C]."""
        with _pages(self._file) as page:
            found = page.asarray()
        samples = _samples(self.tags)
        if samples > 1 and found.shape[-1] != samples:
            found = np.moveaxis(found, 0, -1)
        upright = _UPRIGHT.get(int(self.tags.get(_ORIENTATION, 1)), lambda a: a)(found)
        if samples in (2, 4) and 1 in _extra(self.tags):
            return _unassociated(upright)
        return np.asarray(upright)


class _pages:
    """The first page of a file for tifffile, which would print what it finds odd."""

    def __init__(self, file: IO[bytes]) -> None:
        import tifffile

        logging.getLogger("tifffile").setLevel(logging.CRITICAL)
        file.seek(0)
        self.found = tifffile.TiffFile(file, name="picture")

    def __enter__(self) -> Any:
        return self.found.pages[0]

    def __exit__(self, *_: object) -> None:
        self.found.close()


def _is_plain(page: Any, tags: Tags) -> bool:
    """Whether tifffile gives the values of grey or RGB, with or without alpha."""
    import tifffile

    tifffile.TIFF.DECOMPRESSORS[page.compression]  # It says which package it lacks.
    samples, photometric = _samples(tags), _photometric(tags)
    alphas = _alphas(tags)
    return (
        photometric in (0, 1, 2)
        and alphas <= 1
        and samples - alphas == _COLOURS[photometric]
        and page.dtype.itemsize * 8 == bits_of(tags)
        and page.dtype.kind == kind_of(tags)
    )


def _unassociated(values: NDArray[Any]) -> NDArray[Any]:
    """[Y,X,C] whose colours were multiplied with their alpha, divided by it again."""
    top = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    alpha = values[..., -1:].astype(np.float64)
    colours = values[..., :-1] * (top / np.where(alpha > 0, alpha, np.inf))
    both = np.concatenate([np.minimum(colours, top), alpha], axis=-1)
    return both if values.dtype.kind == "f" else (both + 0.5).astype(values.dtype)


def _is_raw(tags: Tags, file: IO[bytes]) -> bool:
    """A sensor's mosaic is among the pages, or the first page is smaller than one under it."""
    if _DNG_VERSION in tags or _photometric(tags) in _MOSAIC:
        return True
    width, height = (int(tags.get(name, 0)) for name in (256, 257))
    return any(
        _photometric(inner) in _MOSAIC
        or int(inner.get(256, 0)) * int(inner.get(257, 0)) > width * height
        for inner in _sub_pages(tags, file)
    )


def _sub_pages(tags: Tags, file: IO[bytes]) -> Iterator[Tags]:
    offsets = tags.get(_SUB_IFDS, ())
    for offset in (offsets if isinstance(offsets, tuple) else (offsets,))[:16]:
        if (inner := read_tags(file, int(offset))) is not None:
            yield inner


def _samples(tags: Tags) -> int:
    return int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))


def _photometric(tags: Tags) -> int:
    found = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 1)
    return int(found[0] if isinstance(found, tuple) else found)


def _extra(tags: Tags) -> tuple[int, ...]:
    found = tags.get(TiffImagePlugin.EXTRASAMPLES, ())
    return found if isinstance(found, tuple) else (found,)


def _alphas(tags: Tags) -> int:
    return sum(kind in (1, 2) for kind in _extra(tags))
