"""TIFFs of 16 bits whose colours lie in a plane each, which Pillow reads as noise: as one that it reads.

Used by opening. Shapes: Y X pixels, C colours.
"""

from __future__ import annotations

import io
import logging
from typing import IO

import numpy as np
from PIL import TiffImagePlugin

Tags = TiffImagePlugin.ImageFileDirectory_v2
_GREY, _RGB = (0, 1), 2
_ORIENTATION = 274


def can_interleave(tags: Tags) -> bool:
    """Whether `interleaved` may be asked: 16 whole bits a value, grey or RGB with or without alpha."""
    samples = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
    kind = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    return (
        set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) == {16}
        and set(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))) == {1}
        and ((samples == 1 and kind in _GREY) or (samples in (3, 4) and kind == _RGB))
    )


def interleaved(file: IO[bytes], tags: Tags) -> IO[bytes]:
    """The first page as a TIFF in memory, its colours side by side.

    Raises ValueError where the planes are packed in a way that is not read here.
    """
    import tifffile

    # It would print what it finds odd.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    file.seek(0)
    with tifffile.TiffFile(file, name="planes") as found:
        planes = found.pages[0].asarray()
    if planes.dtype.itemsize != 2:
        raise ValueError("not the values that its tags tell of")
    pixels = planes if planes.ndim == 2 else np.moveaxis(planes, 0, -1)
    kind = int(tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION])
    extra = tags.get(TiffImagePlugin.EXTRASAMPLES, ()) if pixels.ndim == 3 else ()
    turn = int(tags.get(_ORIENTATION, 1))
    out = io.BytesIO()
    tifffile.imwrite(
        out,
        np.ascontiguousarray(pixels, dtype=np.uint16),
        photometric=kind,
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=extra or None,
        metadata=None,
        extratags=[(_ORIENTATION, "H", 1, turn, True)],
    )
    out.seek(0)
    return out
