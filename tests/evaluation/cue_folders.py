"""Images whose labels live on one thing: colour, shape in any colour, or the way an arrow points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
SIDE = 32


def by_colour(count: int = 240) -> tuple[Pixels, Labels]:
    """Three classes of a colour each, two blocks of it anywhere; all of the same brightness."""
    # Equal by the weights of grey: 0.299, 0.587, 0.114.
    inks = np.array([[200, 68, 100], [20, 140, 151], [120, 95, 175]], dtype=np.float32)
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, count)
    return np.stack([_blocks(generator, inks[label]) for label in labels]), labels


def by_shape(count: int = 240) -> tuple[Pixels, Labels]:
    """An upright bar, a lying bar, or a cross, of any colour on any ground."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, count)
    images = []
    for label in labels:
        image = _ground(generator)
        ink = generator.integers(150, 256, 3)
        if label in (0, 2):
            image[2:-2, 13:19] = ink
        if label in (1, 2):
            image[13:19, 2:-2] = ink
        images.append(image)
    return np.stack(images), labels


def by_direction(count: int = 240, turns: tuple[int, ...] = (0, 2)) -> tuple[Pixels, Labels]:
    """An arrow whose class is its quarter turn: 0 points left, 2 right, 1 and 3 down and up."""
    generator = np.random.default_rng(2)
    labels = generator.integers(0, len(turns), count)
    y, x = np.mgrid[:SIDE, :SIDE]
    images = []
    for label in labels:
        image = _ground(generator)
        top, left = generator.integers(14, 19, 2)
        is_arrow = (np.abs(y - top) <= (x - left + 8) / 1.5) & (np.abs(x - left) < 8)
        image[is_arrow] = generator.integers(150, 256, 3)
        images.append(np.rot90(image, turns[label]))
    return np.stack(images), labels


def grey(images: Pixels) -> Pixels:
    """The same without colours."""
    mean = images.astype(np.float32).mean(-1, keepdims=True).astype(np.uint8)
    return np.repeat(mean, 3, axis=-1)


def _ground(generator: np.random.Generator) -> Pixels:
    colour = generator.integers(0, 100, 3)
    noise = generator.normal(0, 8, (SIDE, SIDE, 3))
    return np.clip(colour + noise, 0, 255).astype(np.uint8)


def _blocks(generator: np.random.Generator, ink: NDArray[np.float32]) -> Pixels:
    """Two blocks of one colour on noise that is as bright as it."""
    image = np.full((SIDE, SIDE, 3), 110.0) + generator.normal(0, 8, (SIDE, SIDE, 3))
    for _ in range(2):
        top, left = generator.integers(0, SIDE - 12, 2)
        shade = generator.uniform(0.8, 1.2)
        image[top : top + 12, left : left + 12] = ink * shade
    return np.clip(image, 0, 255).astype(np.uint8)
