"""Tells damaged rows of the pixel cache by their checksums, and decodes those anew.

Used by store.PixelStore; made by cache. CRC-32 takes a fraction of the time of a copy
(docs/benchmarks.md). Shapes: B images, S side.
"""

from __future__ import annotations

import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.folder.index import ImageIndex, Problem, ValueRange
from sit_engine.data.pixel_cache.mapped import MappedRows
from sit_engine.data.pixel_cache.streaming import FileSquares


class Guard:
    """What the cached pixels of an index must be; each image is checked when it is first read."""

    def __init__(
        self,
        index: ImageIndex,
        mapped: MappedRows,
        row_of: NDArray[np.int64],
        sums: NDArray[np.int64],
        *,
        value_range: ValueRange | None,
        files: FileSquares | None = None,
        workers: int | None = None,
    ) -> None:
        self.index, self.mapped, self.row_of, self.sums = index, mapped, row_of, sums
        self.value_range, self.files, self.workers = value_range, files, workers
        self.unread = np.ones(len(row_of), dtype=np.bool_)
        self.mended: dict[str, None] = {}
        """Names of the images whose pixels were damaged, in the order they were met."""
        self.told = 0
        """How many of them the user was told of."""
        self.lock = threading.Lock()

    def present(self, indices: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Which images' rows may be touched; the others, cut off since, must be checked again."""
        there = self.mapped.present(self.row_of[indices])
        if not there.all():
            self.unread |= ~self.mapped.present(self.row_of)
        return there

    def check(
        self,
        indices: NDArray[np.integer[Any]],
        places: NDArray[np.integer[Any]],
        out: NDArray[np.uint8],
    ) -> dict[int, Problem]:
        """Compare `out[places]` [B,S,S,3], read from the cache; what is damaged is mended in it.

        Gives why some could not be mended, by their place in `indices`.
        """
        unread = places[self.unread[indices[places]]]
        damaged = []
        for place in unread.tolist():
            image = int(indices[place])
            if zlib.crc32(out[place]) == self.sums[image]:
                self.unread[image] = False
            else:
                damaged.append(place)
        return self._mend(indices, np.array(damaged, dtype=np.int64), out) if damaged else {}

    def _mend(
        self,
        indices: NDArray[np.integer[Any]],
        places: NDArray[np.int64],
        out: NDArray[np.uint8],
    ) -> dict[int, Problem]:
        """A mended row is written back and stays unread: what the disk makes of it is seen then."""
        with self.lock:
            if self.files is None:
                self.files = FileSquares(
                    self.index,
                    out.shape[1],
                    self.value_range,
                    sharp=self.mapped.is_sharp,
                    workers=self.workers,
                )
        failed = self.files.read(indices, places, out)
        for place in places.tolist():
            image = int(indices[place])
            if place in failed:
                continue
            found = zlib.crc32(out[place])
            if found != self.sums[image]:
                if self._is_changed(image):
                    failed[place] = Problem(
                        self.index.name(image),
                        "has changed since it was decoded, and its decoded pixels are damaged",
                        "data.changed_file",
                    )
                    continue
                # The same file by another version of the decoder: the right pixels of now.
                self.sums[image] = found
            self.mended[self.index.name(image)] = None
            self.mapped.write(int(self.row_of[image]), out[place])
        return failed

    def _is_changed(self, image: int) -> bool:
        try:
            state = Path(self.index.file(image)).stat()
        except OSError:
            return True
        stamp = int(self.index.bytes[image]), int(self.index.mtime_ns[image])
        return stamp != (state.st_size, state.st_mtime_ns)
