"""The rows of a cache's `pixels.bin` as an array; the file may be cut or replaced meanwhile.

Made by rows.RowBook, read by store and guard. Shapes: S side.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.own_files import open_regular


class MappedRows:
    """`pixels` [rows,S,S,3], mapped read-only."""

    def __init__(self, path: Path, rows: int, side: int, *, sharp: bool = False) -> None:
        self.path, self.row_bytes, self.is_sharp = path, side * side * 3, sharp
        shape = (rows, side, side, 3)
        self.pixels: NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self.descriptor: int | None = None
        if not rows:
            return
        with open_regular(path) as file:
            # The same file is asked for its size, whatever takes its name.
            self.descriptor = os.dup(file.fileno())
            weakref.finalize(self, os.close, self.descriptor)
            self.pixels = np.memmap(file, dtype=np.uint8, mode="r", shape=shape)

    def present(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Which rows the file still has: to touch another in the map would end the process."""
        if self.descriptor is None:
            return np.zeros(len(rows), dtype=np.bool_)
        size = os.fstat(self.descriptor).st_size
        there: NDArray[np.bool_] = np.less(rows, min(len(self.pixels), size // self.row_bytes))
        return there

    def write(self, row: int, pixels: NDArray[np.uint8]) -> None:
        """Put the right pixels [S,S,3] in the place of damaged ones, if that can be done.

        Not into a newer file of the same name, whose rows are others.
        """
        if self.descriptor is None:
            return
        with contextlib.suppress(OSError), self.path.open("r+b", buffering=0) as file:
            if os.path.samestat(os.fstat(file.fileno()), os.fstat(self.descriptor)):
                file.seek(row * self.row_bytes)
                rest = np.ascontiguousarray(pixels).reshape(-1).data
                while rest:
                    rest = rest[file.write(rest) :]
