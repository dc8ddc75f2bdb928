"""What the cache does with the frames of a video together: decoded in one go, and one file to users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.counted import unpacked
from sit_engine.data.folder.frames import file_of, split_name
from sit_engine.data.folder.index import ImageIndex

FRAMES_A_JOB = 64
"""Of a video: what a kill costs at most, and as many as a line to a decoder holds."""


def each_of(answer: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The answers about the single images of a job; one on a video as a whole is all its frames'."""
    if "frames" not in answer:
        return [answer] * count
    stamp = {name: answer[name] for name in ("size", "mtime_ns")}
    return [unpacked(found) if "problem" in found else found | stamp for found in answer["frames"]]


Stretch = tuple[tuple[int, ...], str, list[str]]
"""Images of an index, the file that they are in, and their times if it is a video."""


def stretches(index: ImageIndex, images: NDArray[np.int64]) -> Iterator[Stretch]:
    """Single images, and frames beside each other of one video, few enough for a job's line."""
    if not index.videos:
        yield from (((i,), index.path(i), []) for i in images.tolist())
        return
    some: list[int] = []
    file, times = "", list[str]()
    for i in images.tolist():
        path, time = split_name(index.path(i))
        if some and (time is None or path != file or len(some) == FRAMES_A_JOB):
            yield tuple(some), file, times
            some, times = [], []
        if time is None:
            yield (i,), path, []
            continue
        file = path
        some.append(i)
        times.append(time)
    if some:
        yield tuple(some), file, times


def duplicates(index: ImageIndex, hashes: NDArray[np.uint8]) -> tuple[tuple[str, ...], ...]:
    """Groups of equal hashes, ordered by their first images."""
    if not len(hashes):
        return ()
    if index.videos:
        # Of a video the first frame tells, and the file is named.
        first = np.array([not _is_later(path) for path in index.paths])
        alone = replace(index.subset(np.flatnonzero(first)), videos=())
        return tuple(tuple(map(file_of, group)) for group in duplicates(alone, hashes[first]))
    # Equal hashes beside each other; of equal ones the earlier image first.
    words = hashes.view(np.uint64)
    order = np.lexsort(words.T)
    is_new = np.r_[True, (words[order[1:]] != words[order[:-1]]).any(axis=1)]
    starts = np.flatnonzero(is_new)
    groups = np.split(order, starts[1:]) if len(starts) < len(order) else []
    found = sorted(group.tolist() for group in groups if len(group) > 1)
    return tuple(tuple(index.name(i) for i in group) for group in found)


def _is_later(path: str) -> bool:
    return split_name(path)[1] not in (None, "0")
