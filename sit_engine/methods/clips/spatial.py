"""What copies of videos suffer in each picture, the same for all pictures of a copy.

Crop, flip, letterbox, smaller, overlays of text and of a logo, colour, blur, noise, compression, on
uint8 squares. Shapes: S side, C = 3 colours.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

VERSION = 1
"""One name for this way of editing: raise it when the same draw would give other pixels."""
_TEXTS = ("SUBSCRIBE!", "Breaking news", "www.example.org", "Part 2/3", "watch till the end")


@dataclass(frozen=True)
class SpatialEdit:
    """All that is done to each picture of a copy; what is 0 or empty is not done."""

    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """Left, top, right and bottom of the crop, in shares."""
    is_flipped: bool = False
    bars: float = 0.0
    """Height of each black bar, as a share."""
    shrink: float = 1.0
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors of brightness, contrast and saturation."""
    text: str = ""
    text_at: float = 0.5
    logo: tuple[int, int, int] | None = None
    blur: float = 0.0
    """Radius as a share of the side."""
    noise: float = 0.0
    """Standard deviation, of 255."""
    quality: int = 0
    """Of JPEG."""


def draw_edit(rng: np.random.Generator) -> SpatialEdit:
    """A strong edit."""

    def some(share: float) -> bool:
        return bool(rng.random() < share)

    side = float(np.sqrt(rng.uniform(0.5, 1.0)))
    left, top = rng.uniform(0, 1 - side, 2).tolist()
    colour = tuple(rng.uniform(0.6, 1.4, 3).tolist())
    return SpatialEdit(
        box=(left, top, left + side, top + side),
        is_flipped=some(0.5),
        bars=float(rng.uniform(0.08, 0.2)) if some(0.3) else 0.0,
        shrink=float(rng.uniform(0.3, 0.7)) if some(0.3) else 1.0,
        colour=(colour[0], colour[1], colour[2]) if some(0.8) else (1.0, 1.0, 1.0),
        text=_TEXTS[int(rng.integers(len(_TEXTS)))] if some(0.5) else "",
        text_at=float(rng.uniform(0.05, 0.85)),
        logo=tuple(rng.integers(0, 256, 3).tolist()) if some(0.3) else None,
        blur=float(rng.uniform(0.005, 0.02)) if some(0.3) else 0.0,
        noise=float(rng.uniform(4, 16)) if some(0.3) else 0.0,
        quality=int(rng.integers(12, 50)) if some(0.6) else 0,
    )


def apply_edit(
    square_SSC: NDArray[np.uint8], found: SpatialEdit, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The edited picture [S,S,3]; `rng` draws the noise alone."""
    side = len(square_SSC)
    picture = Image.fromarray(square_SSC)
    box = tuple(round(side * share) for share in found.box)
    picture = picture.crop((box[0], box[1], max(box[0] + 1, box[2]), max(box[1] + 1, box[3])))
    inner = max(1, side - 2 * round(found.bars * side))
    if found.shrink < 1:
        small = max(2, round(side * found.shrink))
        picture = picture.resize((small, small), Image.Resampling.BILINEAR)
    picture = picture.resize((side, inner), Image.Resampling.BICUBIC)
    if found.is_flipped:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance, factor in zip(
        (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color),
        found.colour,
        strict=True,
    ):
        if factor != 1:
            picture = enhance(picture).enhance(factor)
    if inner < side:
        framed = Image.new("RGB", (side, side))
        framed.paste(picture, (0, (side - inner) // 2))
        picture = framed
    _overlay(picture, found)
    if found.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(found.blur * side))
    if found.noise:
        noisy = np.asarray(picture) + rng.normal(0, found.noise, (side, side, 3))
        picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if found.quality:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=found.quality)
        picture = Image.open(packed).convert("RGB")
    return np.asarray(picture, dtype=np.uint8)


def _overlay(picture: Image.Image, found: SpatialEdit) -> None:
    side = picture.width
    pen = ImageDraw.Draw(picture)
    if found.text:
        font = ImageFont.load_default(max(6, side // 9))
        at = (side * 0.04, side * found.text_at)
        pen.text(at, found.text, fill="white", font=font, stroke_width=1, stroke_fill="black")
    if found.logo is not None:
        size = side // 6
        pen.ellipse((side - size - 2, 2, side - 2, size + 2), fill=found.logo, outline="white")


def edited(
    squares_nSSC: NDArray[np.uint8], edits: list[SpatialEdit], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Each square by its own edit."""
    pairs = zip(squares_nSSC, edits, strict=True)
    return np.stack([apply_edit(square, found, rng) for square, found in pairs])
