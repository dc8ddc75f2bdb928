"""Squares of image files that the cache has no room for, decoded each time they are asked for.

Used by store.PixelStore. The decoding is that of the cache, in the same sacrificial children.
Shapes: B images, S side.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.decode.decode_pool import DecodePool
from sit_engine.data.folder.index import ImageIndex, Problem, ValueRange
from sit_engine.files import disk_error


class FileSquares:
    """Decoder children that live as long as this object; threads take turns.

    Squares pass through a file of a few rows in the system's temporary folder.
    """

    def __init__(
        self,
        index: ImageIndex,
        side: int,
        value_range: ValueRange | None,
        *,
        sharp: bool = False,
        workers: int | None = None,
    ) -> None:
        self.index, self.side, self.value_range = index, side, value_range
        self.is_sharp = sharp
        self.row_bytes = side * side * 3
        self.lock = threading.Lock()
        self.pool = DecodePool(workers)
        self.folder = Path(tempfile.mkdtemp(prefix="sit-stream-"))
        self.passage = self.folder / "squares.bin"
        self.squares = self.passage.open("w+b", buffering=0)
        self.free: list[int] = []
        self.places = 0
        weakref.finalize(self, _close, self.pool, self.squares, self.folder)

    def share_cores(self, processes: int) -> None:
        """Share the cores among `count` processes of this machine that stream."""
        self.pool.workers = max(1, self.pool.workers // processes)

    def read(
        self,
        indices: NDArray[np.integer[Any]],
        wanted: NDArray[np.integer[Any]],
        out: NDArray[np.uint8],
    ) -> dict[int, Problem]:
        """Decode the images `indices[wanted]` into `out[wanted]` [B,S,S,3].

        Gives why some could not be read, by their place in `indices`.
        """
        failed: dict[int, Problem] = {}
        slot_of: dict[int, int] = {}
        with self.lock:
            for place, answer in self.pool.run(self._jobs(indices, wanted, slot_of)):
                slot = slot_of.pop(place)
                self.free.append(slot)
                if "disk" in answer:
                    number = errno.ENOSPC if answer["full"] else errno.EIO
                    raise disk_error(OSError(number, answer["disk"]), self.passage)
                if "problem" in answer:
                    name = self.index.name(int(indices[place]))
                    failed[place] = Problem(name, answer["problem"], answer["code"])
                else:
                    self._take(slot, out[place])
        return failed

    def _jobs(
        self,
        indices: NDArray[np.integer[Any]],
        wanted: NDArray[np.integer[Any]],
        slot_of: dict[int, int],
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for place in wanted.tolist():
            i = int(indices[place])
            if not self.free:
                self.free.append(self.places)
                self.places += 1
            slot = slot_of[place] = self.free.pop()
            yield (
                place,
                {
                    "job": "squash",
                    "path": self.index.path(i),
                    "side": self.side,
                    "sharp": self.is_sharp,
                    "range": self.value_range if self.index.deep[i] else None,
                    "out": str(self.passage),
                    "offset": slot * self.row_bytes,
                },
            )

    def _take(self, slot: int, out: NDArray[np.uint8]) -> None:
        self.squares.seek(slot * self.row_bytes)
        rest = out.reshape(-1).data
        while rest:
            if not (got := self.squares.readinto(rest)):
                raise disk_error(OSError(errno.EIO, os.strerror(errno.EIO)), self.passage)
            rest = rest[got:]


def _close(pool: DecodePool, squares: IO[bytes], folder: Path) -> None:
    pool.__exit__()
    squares.close()
    shutil.rmtree(folder, ignore_errors=True)
