"""What copies suffer in time: segments shuffled and dropped, speed, reverse, pause, cut, insertion.

Each edit takes frames by number and gives numbers, or what stands in for a frame. The list follows S²VS
(github.com/gkordo/s2vs at 03eb0c9, its temporal transformations), with cut and insertion added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

Edit = Literal["shuffle", "fast", "slow", "reverse", "pause", "cut", "insert", "none"]
EDITS: tuple[Edit, ...] = get_args(Edit)
SHARES = (0.5, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05)
BLACK, NOISE = -1, -2
"""Stand in for a frame."""


def edit(
    kind: Edit, frames: Sequence[int], length: int, others: Sequence[int], rng: np.random.Generator
) -> list[int]:
    """Frames of an edited copy, 1 to `length` of them; `frames` are up to twice as many, in their order.

    `others` are frames of another video, for "insert".
    """
    window = list(frames)
    clip = window[:length]
    match kind:
        case "shuffle":
            return shuffled(clip, rng) or clip[:1]
        case "fast":
            return window[::2][:length]
        case "slow":
            return [frame for frame in clip for _ in "12"][:length]
        case "reverse":
            return clip[::-1]
        case "pause":
            at = int(rng.integers(len(clip)))
            again = int(rng.integers(1, max(1, length // 4) + 1))
            return [*clip[: at + 1], *[clip[at]] * again, *clip[at + 1 :]][:length]
        case "cut":
            left = int(rng.integers((len(clip) + 1) // 2, len(clip) + 1))
            start = int(rng.integers(len(clip) - left + 1))
            return clip[start : start + left]
        case "insert":
            count = int(rng.integers(1, max(1, length // 4) + 1))
            at = int(rng.integers(len(clip) + 1))
            return [*clip[:at], *list(others)[:count], *clip[at:]][:length] or clip
        case "none":
            return clip


def shuffled(clip: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Segments of an eighth to half a clip, half the time in another order; three in ten are dropped.

    Of those dropped half leave nothing, and the others black or noise, a coin a frame.
    """
    least, most = max(1, len(clip) // 8), max(2, len(clip) // 2)
    segments: list[list[int]] = []
    at = 0
    while at < len(clip):
        count = int(rng.integers(least, most))
        segments.append(list(clip[at : at + count]))
        at += count
    if rng.random() < 0.5:
        segments = [segments[i] for i in rng.permutation(len(segments))]
    found: list[int] = []
    for segment in segments:
        if rng.random() >= 0.3:
            found += segment
        elif rng.random() < 0.5:
            found += [BLACK if rng.random() < 0.5 else NOISE for _ in segment]
    return found


def draw(rng: np.random.Generator) -> Edit:
    """Which edit a copy suffers."""
    return EDITS[int(rng.choice(len(EDITS), p=SHARES))]
