"""Many short texts in a file, opened at once and read one by one; used by saved_index.

Each line is JSON in ASCII, so that line breaks and bytes that are not UTF-8 survive; beside it
stands `<name>.offsets.npy`, where each line begins.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from sit_engine import own_files
from sit_engine.counted import Sentence
from sit_engine.records.arrays import load_array


def write_lines(path: Path, texts: Iterable[str]) -> None:
    """Write the texts, one a line, and their offsets."""
    offsets = [0]
    with path.open("wb") as file:
        for text in texts:
            offsets.append(offsets[-1] + file.write(json.dumps(text).encode("ascii") + b"\n"))
    np.save(_offsets_file(path), np.array(offsets, dtype=np.int64))


def _offsets_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.offsets.npy")


class Lines(Sequence[str]):
    """The texts of `write_lines`, mapped: a line becomes a text only when it is asked for.

    `moved`: beginnings of paths as they were written and as they are now.
    """

    def __init__(self, path: Path, moved: Sequence[tuple[str, str]] = ()) -> None:
        self.path, self.moved = path, moved
        self._offsets = load_array(_offsets_file(path), np.int64)
        self._bytes: bytes | mmap.mmap = b""
        with own_files.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not len(self._offsets) or self._offsets[0] or self._offsets[-1] != size:
                raise own_files.damaged(path, "its offsets do not fit")
            if size:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: int | slice) -> str | list[str]:
        rows = range(len(self))[i]
        return self._line(rows) if isinstance(rows, int) else [self._line(row) for row in rows]

    def _line(self, row: int) -> str:
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        found = own_files.parse_line(self._bytes[max(0, start) : max(0, end)], self.path)
        if not isinstance(found, str):
            raise own_files.damaged(self.path, Sentence("line {line} is no text", line=row + 1))
        before = next((pair for pair in self.moved if found.startswith(pair[0])), ("", ""))
        return before[1] + found.removeprefix(before[0])
