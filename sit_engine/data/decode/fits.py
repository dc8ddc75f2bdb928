"""FITS images of one plane: what their cards say of the values that Pillow gives unscaled.

FITS Standard 4.0, 4.4.2.5: physical value = BZERO + BSCALE × stored value. Shapes: Y X pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import FitsImagePlugin, Image, ImageFile

from sit_engine.data.decode.unreadable import UnreadableError

_CARDS = "cards"
_CARD_BYTES = 80
_MOST_CARDS = 36 * 100


def refuse(image: Image.Image) -> None:
    """Raise UnreadableError for cubes and packed images; the cards of others are kept beside them.

    Of a cube Pillow would read the first plane alone.
    """
    if not isinstance(image, FitsImagePlugin.FitsImageFile):
        return
    cards = image.info[_CARDS] = _cards(image)
    planes = np.prod([cards.get(f"NAXIS{axis}", 1.0) for axis in range(3, 10)])
    if planes > 1 or image.tile[0].codec_name != "raw" or cards.get("NAXIS", 0) == 0:
        raise UnreadableError(
            "data.fits",
            "is a FITS file of another kind than one plain plane; export it as TIFF",
        )


def values(image: Image.Image, stored: NDArray[Any]) -> NDArray[np.float64]:
    """Physical values [Y,X]."""
    if stored.dtype == np.uint16:
        stored = stored.view(np.int16)  # FITS has no 16 bits without a sign.
    scale, zero = _scale(image)
    return stored.astype(np.float64) * scale + zero


def full_range(image: Image.Image) -> tuple[float, float]:
    """Physical values that the stored type can hold; floats 0…1."""
    if image.mode == "F":
        return (0.0, 1.0)
    top = 2.0 ** (15 if image.mode == "I;16" else 31)
    scale, zero = _scale(image)
    return (-top * scale + zero, (top - 1) * scale + zero)


def _scale(image: Image.Image) -> tuple[float, float]:
    cards = image.info[_CARDS]
    return cards.get("BSCALE", 1.0), cards.get("BZERO", 0.0)


def _cards(image: Image.Image) -> dict[str, float]:
    """The numbers of the first header."""
    assert isinstance(image, ImageFile.ImageFile)
    file = image.fp
    assert file is not None
    at = file.tell()
    file.seek(0)
    found: dict[str, float] = {}
    for _ in range(_MOST_CARDS):
        card = file.read(_CARD_BYTES)
        name, text = card[:8].decode("latin-1").strip(), card[10:].decode("latin-1")
        if len(card) < _CARD_BYTES or name == "END":
            break
        try:
            found[name] = float(text.split("/")[0].strip().replace("D", "E"))
        except ValueError:
            continue
    file.seek(at)
    return found
