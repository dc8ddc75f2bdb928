"""The book of one cache folder: which row of `pixels.bin` holds which file, in `rows.jsonl`."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.index import ImageIndex, Problem, ValueRange
from sit_engine.data.journal import Appender, Record, read_records
from sit_engine.data.names import escape_name
from sit_engine.errors import DiskError

# One name per way of decoding: raise it when the same file would give other pixels.
TREATMENT = 1
NO_ROW = -1
_READ_AT_ONCE = 4096


class Known:
    """What is known of each image of an index, as arrays: a million records would be a gigabyte."""

    def __init__(self, index: ImageIndex) -> None:
        self.index = index
        self.row = np.full(len(index), NO_ROW, dtype=np.int64)
        self.sizes = index.sizes.copy()
        self.hashes = np.zeros((len(index), 32), dtype=np.uint8)
        self.problems: dict[int, Problem] = {}
        self.notes: dict[int, tuple[str, ...]] = {}
        """Only of images that have any."""

    def keep(self, i: int, record: Record) -> None:
        """A line of the book, or the answer of a decoder with its row, about image `i`."""
        self.notes.pop(i, None)
        if "problem" in record:
            self.row[i] = NO_ROW
            self.problems[i] = Problem(self.index.name(i), record["problem"], record["code"])
            return
        self.problems.pop(i, None)
        self.row[i] = record["row"]
        self.sizes[i] = record["width"], record["height"]
        self.hashes[i] = np.frombuffer(bytes.fromhex(record["sha256"]), dtype=np.uint8)
        if record["notes"]:
            self.notes[i] = tuple(record["notes"])

    def missing(self) -> NDArray[np.int64]:
        """Images with neither a row nor a problem."""
        is_missing = self.row == NO_ROW
        is_missing[list(self.problems)] = False
        return np.flatnonzero(is_missing)

    def note_counts(self) -> Counter[str]:
        """How many images have which note."""
        return Counter(itertools.chain.from_iterable(self.notes.values()))


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

    def find(self, index: ImageIndex, value_range: ValueRange | None) -> Known:
        """What the book knows of the index's files as they are now."""
        known = Known(index)
        finder = _Finder(self, index, value_range)
        whole_rows = self._whole_rows()
        self.next_row = 0
        records = read_records(self.rows_file)
        while some := list(itertools.islice(records, _READ_AT_ONCE)):
            for record, i in zip(some, finder.find(some), strict=True):
                row = record.get("row", NO_ROW)
                self.next_row = max(self.next_row, row + 1)
                if i is None or row >= whole_rows:
                    continue
                stamp = (record["size"], record["mtime_ns"])
                if stamp == (int(index.bytes[i]), int(index.mtime_ns[i])):
                    known.keep(i, record)
        return known

    def key(self, index: ImageIndex, i: int, value_range: ValueRange | None) -> Record:
        """What names a record: the file, and how it was read."""
        treatment = value_range if index.deep[i] else None
        return {
            "path": escape_name(index.path(i)),
            "treatment": TREATMENT,
            "range": None if treatment is None else list(treatment),
        }

    def make_room(self, missing: int, images: int, budget_bytes: int) -> bool:
        """Room for the missing of so many images; True if the cache was begun anew for all of them.

        Raises DiskError where all of them do not fit. Rows of other folders and of changed files
        stay until the budget is reached.
        """
        if images * self.row_bytes > budget_bytes:
            raise DiskError(
                "disk.cache_budget",
                "The decoded pixels of {images} images would take {needed} GB; the cache budget "
                "is {budget} GB.",
                "Raise data.cache_gb, choose a smaller view size, or use fewer images.",
                images=images,
                needed=f"{images * self.row_bytes / 1e9:.3g}",
                budget=f"{budget_bytes / 1e9:.3g}",
            )
        free_bytes = shutil.disk_usage(self.folder).free
        own_bytes = self._whole_rows() * self.row_bytes
        is_anew = (self.next_row + missing) * self.row_bytes > budget_bytes or (
            missing * self.row_bytes > free_bytes
            and images * self.row_bytes <= free_bytes + own_bytes
        )
        if is_anew:
            # The line goes before its pixels. A run that maps the old file keeps what it mapped.
            self.rows_file.unlink(missing_ok=True)
            self.pixels_file.unlink(missing_ok=True)
            missing = images
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


class _Finder:
    """Which image of an index a record is about, by sorted hashes: 16 bytes an image."""

    def __init__(self, book: RowBook, index: ImageIndex, value_range: ValueRange | None) -> None:
        self.book, self.index, self.value_range = book, index, value_range
        numbers = range(len(index))
        hashes = np.fromiter((hash(self._key(i)) for i in numbers), np.int64, len(index))
        self.order = np.argsort(hashes)
        self.hashes = hashes[self.order]

    def _key(self, i: int) -> tuple[object, ...]:
        return _hashable(self.book.key(self.index, i, self.value_range))

    def find(self, records: Sequence[Record]) -> Iterator[int | None]:
        """For each record its image; None: of another folder, or read another way."""
        keys = [_hashable(record) for record in records]
        wanted = np.array([hash(key) for key in keys], dtype=np.int64)
        starts = np.searchsorted(self.hashes, wanted, "left").tolist()
        ends = np.searchsorted(self.hashes, wanted, "right").tolist()
        for key, start, end in zip(keys, starts, ends, strict=True):
            found = (int(i) for i in self.order[start:end])
            yield next((i for i in found if self._key(i) == key), None)


def _hashable(record: dict[str, Any]) -> tuple[object, ...]:
    value_range = record.get("range")
    low_high = None if value_range is None else tuple(value_range)
    return record.get("path"), record.get("treatment"), low_high
