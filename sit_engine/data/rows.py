"""The book of one cache folder: which row of `pixels.bin` holds which file, in `rows.jsonl`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.index import ImageIndex, ValueRange
from sit_engine.data.journal import Appender, Record, read_records
from sit_engine.data.names import escape_name
from sit_engine.errors import DiskError

# One name per way of decoding: raise it when the same file would give other pixels.
TREATMENT = 1


class RowBook:
    """Rows are only ever added: another process may be training on those that exist.

    A file is known by its path, size and time; a deep one also by the value range it was read
    with. Pixels are written before their line, so a line that stands there can be believed.
    """

    def __init__(self, folder: Path, side: int) -> None:
        self.folder, self.side = folder, side
        self.row_bytes = side * side * 3
        self.rows_file = folder / "rows.jsonl"
        self.pixels_file = folder / "pixels.bin"
        self.next_row = 0
        self.free_rows: list[int] = []
        self.appender: Appender | None = None

    def find(self, index: ImageIndex, value_range: ValueRange | None) -> list[Record | None]:
        """The record of each image that is known and unchanged, else None."""
        keys = [self.key(index, i, value_range) for i in range(len(index))]
        place = {_hashable(key): i for i, key in enumerate(keys)}
        found: list[Record | None] = [None] * len(index)
        whole_rows = self._whole_rows()
        self.next_row = 0
        for record in read_records(self.rows_file):
            row = record.get("row", -1)
            self.next_row = max(self.next_row, row + 1)
            i = place.get(_hashable(record), -1)
            if i >= 0 and row < whole_rows:
                is_same = (record["size"], record["mtime_ns"]) == (
                    int(index.bytes[i]),
                    int(index.mtime_ns[i]),
                )
                found[i] = record if is_same else found[i]
        return found

    def key(self, index: ImageIndex, i: int, value_range: ValueRange | None) -> Record:
        """What names a record: the file, and how it was read."""
        treatment = value_range if index.deep[i] else None
        return {
            "path": escape_name(index.path(i)),
            "treatment": TREATMENT,
            "range": None if treatment is None else list(treatment),
        }

    def make_room(self, records: list[Record | None], budget_bytes: int) -> bool:
        """Check the budget and the disk for what is missing; True if the cache was begun anew.

        Rows of other folders and of changed files stay until the budget is reached.
        """
        missing = sum(record is None for record in records)
        if len(records) * self.row_bytes > budget_bytes:
            raise DiskError(
                "disk.cache_budget",
                "The decoded pixels of {images} images would take {needed} GB; the cache budget "
                "is {budget} GB.",
                "Raise data.cache_gb, choose a smaller view size, or use fewer images.",
                images=len(records),
                needed=f"{len(records) * self.row_bytes / 1e9:.3g}",
                budget=f"{budget_bytes / 1e9:.3g}",
            )
        is_anew = (self.next_row + missing) * self.row_bytes > budget_bytes
        if is_anew:
            # The line goes before its pixels. A run that maps the old file keeps what it mapped.
            self.rows_file.unlink(missing_ok=True)
            self.pixels_file.unlink(missing_ok=True)
            missing = len(records)
        self._check_free(missing * self.row_bytes)
        return is_anew

    def _check_free(self, needed_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self.folder).free
        if needed_bytes > free_bytes:
            raise DiskError(
                "disk.full",
                "The decoded pixels take {needed} GB; the disk of {path} has {free} GB free.",
                "Free some space, or set SIT_CACHE_DIR to a folder on a larger disk.",
                needed=f"{needed_bytes / 1e9:.3g}",
                path=self.folder,
                free=f"{free_bytes / 1e9:.3g}",
            )

    @contextmanager
    def appending(self) -> Iterator[None]:
        """Open the files for new rows; the caller holds the lock."""
        self.pixels_file.touch()
        with Appender(self.rows_file) as self.appender:
            yield

    def append(self, record: Record) -> None:
        """Write the line of a file whose pixels are written."""
        assert self.appender is not None
        self.appender.append(record)

    def take_row(self) -> int:
        """The number of a row that nobody uses."""
        if self.free_rows:
            return self.free_rows.pop()
        self.next_row += 1
        return self.next_row - 1

    def give_back(self, row: int) -> None:
        """The file of this row turned out unusable."""
        self.free_rows.append(row)

    def open_pixels(self) -> NDArray[np.uint8]:
        """All rows as uint8 [rows, S, S, 3], mapped read-only."""
        shape = (self._whole_rows(), self.side, self.side, 3)
        if not shape[0]:
            return np.zeros(shape, dtype=np.uint8)
        return np.memmap(self.pixels_file, dtype=np.uint8, mode="r", shape=shape)

    def _whole_rows(self) -> int:
        try:
            return self.pixels_file.stat().st_size // self.row_bytes
        except FileNotFoundError:
            return 0


def _hashable(record: Record) -> tuple[object, ...]:
    value_range = record.get("range")
    low_high = None if value_range is None else tuple(value_range)
    return record.get("path"), record.get("treatment"), low_high
