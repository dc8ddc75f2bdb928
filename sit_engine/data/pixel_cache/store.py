"""The pixels of an image index: rows of the cache's map, and files for what the cache has no room for.

Made by cache.PixelCache.fill, read by batches. Shapes: B n images, S side.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.folder.index import Problem, ValueRange
from sit_engine.data.pixel_cache.guard import Guard
from sit_engine.data.pixel_cache.streaming import FileSquares
from sit_engine.errors import DataError
from sit_engine.records.events import Warned, warning

NOT_CACHED = -1
_TRIED_AT_ONCE = 256


def _no_hashes() -> NDArray[np.uint8]:
    return np.empty((0, 32), dtype=np.uint8)


@dataclass(frozen=True)
class PixelStore:
    """The pixels of one ImageIndex, in its order."""

    side: int
    pixels: NDArray[np.uint8]
    """[rows in the file, S, S, 3], mapped."""
    row_of: NDArray[np.int64]
    """-1: not in the cache, read from its file each time."""
    aspect: NDArray[np.float32]
    """Width / height of the originals."""
    value_range: ValueRange | None
    """What became 0 and 255 in deep images; None: their types' full ranges, or no deep image."""
    items: NDArray[np.int64] | None = None
    """Which item each is of, a video or an image on its own; None: each is an image."""
    hashes: NDArray[np.uint8] = field(default_factory=_no_hashes)
    """SHA-256 of each image's whole file [n,32]; empty where not all files were read."""
    files: FileSquares | None = None
    """Reads what is not in the cache; None: everything is."""
    guard: Guard | None = None
    """Checks what is read from the cache; None: the pixels are nobody's file."""
    problems: dict[int, Problem] = field(default_factory=dict)
    """Images that `read` could not give, in the order they were met."""

    def __len__(self) -> int:
        return len(self.row_of)

    @property
    def sha256(self) -> tuple[bytes, ...]:
        """SHA-256 of each image's whole file."""
        return tuple(row.tobytes() for row in self.hashes)

    @property
    def is_whole(self) -> bool:
        """Whether all pixels are in the cache."""
        return self.files is None

    @property
    def streamed(self) -> int:
        """How many images are read from their files each time."""
        return int((self.row_of == NOT_CACHED).sum())

    def readable(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """The images among these that can be read; of streamed ones that is not known before."""
        if self.files is None:
            return rows
        shape = (_TRIED_AT_ONCE, self.side, self.side, 3)
        out = np.empty(shape, dtype=np.uint8)
        failed = [
            start + place
            for start in range(0, len(rows), _TRIED_AT_ONCE)
            for place in self.read(rows[start : start + _TRIED_AT_ONCE], out)
        ]
        left: NDArray[np.integer[Any]] = np.delete(rows, failed)
        return left

    def rows(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """A copy of these images' pixels: uint8 [B,S,S,3]; raises DataError for one without any."""
        chosen = np.asarray(indices, dtype=np.int64)
        out = np.empty((len(chosen), self.side, self.side, 3), dtype=np.uint8)
        for problem in self.read(chosen, out).values():
            raise DataError(
                problem.code,
                "{path} {reason}.",
                "Remove the file, or scan the folder again.",
                path=problem.path,
                reason=problem.reason,
            )
        return out

    def read(self, indices: NDArray[np.integer[Any]], out: NDArray[np.uint8]) -> dict[int, Problem]:
        """Fill `out` [≥B,S,S,3]; gives why some could not be read, by their place in `indices`."""
        rows, out = self.row_of[indices], out[: len(indices)]
        is_cached = rows != NOT_CACHED
        there = is_cached if self.guard is None else is_cached & self.guard.present(indices)
        if there.all():
            self._announce(rows)
            # Rows are in range: what "raise" would do needs a second buffer.
            np.take(self.pixels, rows, axis=0, out=out, mode="clip")
        else:
            self._announce(rows[there])
            out[there] = self.pixels[rows[there]]
        failed: dict[int, Problem] = {}
        if self.guard is not None:
            failed |= self.guard.check(indices, np.flatnonzero(is_cached), out)
        if self.files is not None:
            failed |= self.files.read(indices, np.flatnonzero(~is_cached), out)
        for place, problem in failed.items():
            self.problems.setdefault(int(indices[place]), problem)
        return failed

    @property
    def mended(self) -> list[str]:
        """Names of the images whose cached pixels were damaged and are decoded anew."""
        return [] if self.guard is None else list(self.guard.mended)

    def tell_mended(self, emit: Callable[[Warned], None]) -> None:
        """Warn of damaged pixels in the cache, unless all of them were told."""
        if self.guard is None or len(mended := self.mended) == self.guard.told:
            return
        self.guard.told = len(mended)
        emit(
            warning(
                "data.mended",
                "The decoded pixels of {count} images in the cache were damaged, and were decoded "
                "anew; the first: {path}",
                count=len(mended),
                path=mended[0],
            )
        )

    def _announce(self, rows: NDArray[np.int64]) -> None:
        """Tell the system which rows come next: it reads from the disk side by side, not in turn.

        Three times as fast where they are not in memory (docs/benchmarks.md).
        """
        whole = self.pixels.base
        if not isinstance(whole, mmap.mmap) or not hasattr(whole, "madvise"):
            return
        row_bytes = self.side * self.side * 3
        for row in rows.tolist():
            start = row * row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
            whole.madvise(mmap.MADV_WILLNEED, start, (row + 1) * row_bytes - start)
