"""The built-in sample: grey crops of real photographs that ship with scikit-image and scikit-learn.

Used by `sit-engine demo`, the window's empty state and the tests. Nothing is downloaded. Shapes:
Y X pixels.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sit_engine.errors import DataError, DiskError

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom, as Pillow counts them."""

TRAIN_SHARE = 0.7
LARGEST_ZOOM = 2.0
# Photographs larger than this show sky and skin, not things, in a crop of 48 px.
MOST_SIDE_PX = 400
FLAT_DEVIATION = 8.0
_TRIES = 8

PHOTOGRAPHS: dict[str, tuple[str, str]] = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "brick": ("skimage", "data/brick.png"),
    "camera": ("skimage", "data/camera.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "coins": ("skimage", "data/coins.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
    "moon": ("skimage", "data/moon.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "page": ("skimage", "data/page.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "stars": ("skimage", "data/hubble_deep_field.jpg"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "tissue": ("skimage", "data/ihc.png"),
}


def write_sample(
    folder: str | Path,
    *,
    seed: int = 0,
    train_per_class: int = 120,
    test_per_class: int = 40,
    side: int = 48,
) -> tuple[Path, Path]:
    """Write train/<class>/NNN.png and test/<class>/NNN.png; returns the two folders.

    Training crops come from the left 70 % of each photograph and test crops from the right 30 %:
    they share no pixel. The same arguments give the same files.
    """
    train, test = Path(folder) / "train", Path(folder) / "test"
    for number, name in enumerate(PHOTOGRAPHS):
        with Image.open(_photograph(name)) as photograph:
            grey = photograph.convert("L")
        left, right = split_boxes(*grey.size)
        for part, (target, box, count) in enumerate(
            ((train, left, train_per_class), (test, right, test_per_class))
        ):
            # Cut first, shrunk afterwards: no filter reaches over the border.
            piece = _shrunk(grey.crop(box), MOST_SIDE_PX / min(grey.size))
            generator = np.random.default_rng([seed, number, part])
            _write(target / name, crops(piece, count, side, generator))
    return train, test


def split_boxes(width: int, height: int) -> tuple[Box, Box]:
    """The part for training and the part for testing."""
    border = round(width * TRAIN_SHARE)
    return (0, 0, border, height), (border, 0, width, height)


def crops(
    piece: Image.Image, count: int, side: int, generator: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """`count` turned, zoomed, contrast-normalised squares [side,side] of a grey picture."""
    for _ in range(count):
        tries = [_crop(piece, side, generator)]
        # Empty paper and black sky tell nothing: draw again, a few times.
        while tries[-1].std() < FLAT_DEVIATION and len(tries) < _TRIES:
            tries.append(_crop(piece, side, generator))
        best = max(tries, key=lambda crop: float(crop.std()))
        spread = (best - best.mean()) / max(float(best.std()), 1.0)
        yield np.clip(128.0 + 48.0 * spread + 0.5, 0, 255).astype(np.uint8)


def _crop(piece: Image.Image, side: int, generator: np.random.Generator) -> NDArray[np.float32]:
    # The square's circumscribed circle stays inside the piece, so that every turn is possible.
    most = min(piece.size) / math.sqrt(2.0) - 2.0
    zoom = generator.uniform(1.0, LARGEST_ZOOM)
    window = max(2.0, min(zoom * side, most))
    reach = math.ceil(window / math.sqrt(2.0)) + 1
    x, y = (
        int(generator.integers(reach, max(reach + 1, length - reach + 1))) for length in piece.size
    )
    around = piece.crop((x - reach, y - reach, x + reach, y + reach))
    turned = around.rotate(float(generator.uniform(0.0, 360.0)), Image.Resampling.BICUBIC)
    edge = reach - window / 2.0
    square = turned.resize(
        (side, side), Image.Resampling.BICUBIC, (edge, edge, edge + window, edge + window)
    )
    return np.asarray(square, dtype=np.float32)


def _shrunk(piece: Image.Image, factor: float) -> Image.Image:
    if factor >= 1.0:
        return piece
    width, height = (max(1, round(length * factor)) for length in piece.size)
    return piece.resize((width, height), Image.Resampling.BICUBIC)


def _photograph(name: str) -> Path:
    package, inner = PHOTOGRAPHS[name]
    # Found, not imported: scikit-image takes a second, and its own loader may want to download.
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / inner).is_file():
            return path
    raise DataError(
        "data.no_sample",
        "The photograph {file} of the built-in sample is missing.",
        "Install scikit-image and scikit-learn again.",
        file=f"{package}/{inner}",
    )


def _write(folder: Path, pictures: Iterator[NDArray[np.uint8]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / f"{number:03d}.png", compress_level=1)
    except OSError as error:
        raise DiskError(
            "disk.sample",
            "The built-in sample cannot be written to {path}: {why}.",
            "Choose a folder that you may write to, with 10 MB free.",
            path=folder,
            why=(error.strerror or str(error)).lower(),
        ) from None
