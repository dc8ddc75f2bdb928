"""How a frame of a video is called: its file's path and the time it was asked for, `clip.mp4#t=12.5`.

The time is part of the name (W3C Media Fragments), so that whoever opens images by their paths can
open frames too, and so that a frame is the same whatever others are taken. The frame is the first one
at or after that time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_FRAME = re.compile(r"(.+)#t=(\d{1,9}(?:\.\d{1,3})?)", re.DOTALL)


def time_text(number: int, rate: float) -> str:
    """Seconds of frame `number` at so many frames a second, in whole thousandths rounded down.

    Rounded down, so that a picture that lies on the very moment is the one.
    """
    thousandths = int(number * 1000 / Fraction(rate).limit_denominator(1000))
    return f"{thousandths / 1000:.3f}".rstrip("0").rstrip(".")


def frame_name(path: str, time: str) -> str:
    """What the frame of a video at that time is called."""
    return f"{path}#t={time}"


def split_name(path: str) -> tuple[str, str | None]:
    """The path of the file, and the time where a frame of a video is meant."""
    found = _FRAME.fullmatch(path)
    return (found[1], found[2]) if found else (path, None)


def file_of(path: str) -> str:
    """The path of the file that this image or frame is in."""
    return split_name(path)[0]


def place_of(path: str) -> str:
    """Path on disk of an image, or of a frame's video; a file may itself be called like a frame."""
    return path if os.path.lexists(path) else file_of(path)


def frames_in(seconds: float, rate: float) -> int:
    """How many frames a video of that length gives: those at 0, 1/rate, … before its end."""
    return max(1, int(np.ceil(seconds * rate - 1e-3)))


def videos_of(root_of: NDArray[np.integer], paths: Sequence[str]) -> NDArray[np.int64] | None:
    """Which item each image is of: a number for each video, and one for each image on its own.

    None where there is no video, and every image is its own item.
    """
    numbers: dict[tuple[int, str], int] = {}
    items = np.empty(len(paths), dtype=np.int64)
    has_frames = False
    for row, (root, path) in enumerate(zip(root_of.tolist(), paths, strict=True)):
        file, time = split_name(path) if "#t=" in path else (path, None)
        has_frames = has_frames or time is not None
        items[row] = numbers.setdefault((root, file), len(numbers))
    return items if has_frames else None
