"""The book of one cache folder: which row of `pixels.bin` holds which file, in `rows.jsonl`."""

from __future__ import annotations

import itertools
import math
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.counted import packed, unpacked
from sit_engine.data.folder.index import ImageIndex, Problem, ValueRange
from sit_engine.data.pixel_cache.journal import UNSEALED, Appender, Record, read_records
from sit_engine.data.pixel_cache.mapped import MappedRows
from sit_engine.errors import DiskError
from sit_engine.files import folder_to_disk, in_place_of
from sit_engine.paths import escape_name

# One name per way of decoding: raise it when the same file would give other pixels.
TREATMENT = 1
DEEP_TREATMENT = 2
"""Of images of more than 8 bits. 2: white-is-zero, 32 bits and FITS are read as they are meant."""
NO_ROW = -1
NO_SUM = -1
"""Of pixels written by a version that kept no checksums."""
BETWEEN_SYNCS_S = 1.0
"""Lines wait so long for their pixels to be on the disk; what a power cut costs at most."""
_READ_AT_ONCE = 4096
_MOST_ROW = 1 << 40
_SHA256 = re.compile("[0-9a-f]{64}")


class Known:
    """What is known of each image of an index, as arrays: a million records would be a gigabyte."""

    def __init__(self, index: ImageIndex, mapped: MappedRows) -> None:
        self.index, self.mapped = index, mapped
        self.row = np.full(len(index), NO_ROW, dtype=np.int64)
        self.sizes = index.sizes.copy()
        self.hashes = np.zeros((len(index), 32), dtype=np.uint8)
        self.sums = np.full(len(index), NO_SUM, dtype=np.int64)
        """CRC-32 of each image's pixels."""
        self.is_lost = np.zeros(len(index), dtype=np.bool_)
        """A line names a row, but the file of pixels has become shorter than that."""
        self.problems: dict[int, Problem] = {}
        self.notes: dict[int, tuple[str, ...]] = {}
        """Only of images that have any."""

    def keep(self, i: int, record: Record) -> None:
        """A line of the book, or the answer of a decoder with its row, about image `i`."""
        self.notes.pop(i, None)
        if "problem" in record:
            self.row[i] = NO_ROW
            told = unpacked(record)
            self.problems[i] = Problem(self.index.name(i), told["problem"], told["code"])
            return
        self.problems.pop(i, None)
        self.row[i] = record["row"]
        self.sums[i] = record.get("crc", NO_SUM)
        self.sizes[i] = record["width"], record["height"]
        self.hashes[i] = np.frombuffer(bytes.fromhex(record["sha256"]), dtype=np.uint8)
        if record["notes"]:
            self.notes[i] = tuple(record["notes"])

    def missing(self) -> NDArray[np.int64]:
        """Images with neither a row nor a problem."""
        is_missing = self.row == NO_ROW
        is_missing[list(self.problems)] = False
        return np.flatnonzero(is_missing)

    def without_sum(self) -> NDArray[np.int64]:
        """Images whose row was written by a version that kept no checksums."""
        return np.flatnonzero((self.row != NO_ROW) & (self.sums == NO_SUM))

    def note_counts(self) -> Counter[str]:
        """How many images have which note."""
        return Counter(itertools.chain.from_iterable(self.notes.values()))


class RowBook:
    """Rows are only ever added: another process may be training on those that exist.

    A file is known by its path, size and time; a deep one also by the value range it was read
    with. Pixels are on the disk before their line is written; the line has their checksum, and one
    of its own.
    """

    def __init__(self, folder: Path, side: int, *, sharp: bool = False) -> None:
        self.folder, self.side, self.is_sharp = folder, side, sharp
        self.row_bytes = side * side * 3
        self.rows_file = folder / "rows.jsonl"
        self.pixels_file = folder / "pixels.bin"
        self.next_row = 0
        self.free_rows: list[int] = []
        self.pending: list[Record] = []
        self.appender: Appender | None = None
        self.pixels_descriptor = -1
        self.synced_s = 0.0

    def find(self, index: ImageIndex, value_range: ValueRange | None) -> Known:
        """What the book knows of the index's files as they are now."""
        # Mapped before the lines are read: of a file that takes its place then, nothing fits.
        known = Known(index, self.open_pixels())
        finder = _Finder(self, index, value_range)
        whole_rows = self._whole_rows()
        self.next_row = 0
        records = self.records()
        while some := list(itertools.islice(records, _READ_AT_ONCE)):
            for record, i in zip(some, finder.find(some), strict=True):
                row = record.get("row", NO_ROW)
                self.next_row = max(self.next_row, row + 1)
                if i is None:
                    continue
                stamp = (record["size"], record["mtime_ns"])
                if stamp == (int(index.bytes[i]), int(index.mtime_ns[i])):
                    known.is_lost[i] = row >= whole_rows
                    if row < len(known.mapped.pixels):
                        known.keep(i, record)
        return known

    def records(self) -> Iterator[Record]:
        """The lines that this program may have written."""
        return filter(_is_line, read_records(self.rows_file))

    def key(self, index: ImageIndex, i: int, value_range: ValueRange | None) -> Record:
        """What names a record: the file, and how it was read."""
        treatment = value_range if index.deep[i] else None
        return {
            "path": escape_name(index.path(i)),
            "treatment": DEEP_TREATMENT if index.deep[i] else TREATMENT,
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
            self.begin_anew()
            missing = images
        self._check_free(missing * self.row_bytes)
        return is_anew

    def begin_anew(self) -> None:
        """Forget all rows. A run that maps the old file keeps what it mapped."""
        # The line goes before its pixels.
        self.rows_file.unlink(missing_ok=True)
        self.pixels_file.unlink(missing_ok=True)

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
        self.pixels_descriptor = os.open(self.pixels_file, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            with Appender(self.rows_file) as self.appender:
                folder_to_disk(self.folder)
                self.synced_s = time.monotonic()
                try:
                    yield
                except BaseException:
                    # The first failure is the one to tell; what was decoded is kept if it can be.
                    with suppress(OSError):
                        self._write_pending()
                    raise
                self._write_pending()
                self.appender.to_disk()
        finally:
            os.close(self.pixels_descriptor)

    def append(self, record: Record) -> None:
        """The line of a file whose pixels are written; it follows when they are on the disk."""
        self.pending.append(packed(record))
        if time.monotonic() - self.synced_s >= BETWEEN_SYNCS_S:
            self._write_pending()

    def _write_pending(self) -> None:
        assert self.appender is not None
        os.fsync(self.pixels_descriptor)
        some, self.pending = self.pending, []
        self.appender.append(some)
        self.synced_s = time.monotonic()

    def rewrite(self, records: Iterator[Record]) -> None:
        """Other lines in place of all, or nothing; the caller holds the lock."""
        with in_place_of(self.rows_file) as aside, Appender(aside) as appender:
            while some := list(itertools.islice(records, _READ_AT_ONCE)):
                appender.append(some)

    def take_row(self) -> int:
        """The number of a row that nobody uses."""
        if self.free_rows:
            return self.free_rows.pop()
        self.next_row += 1
        return self.next_row - 1

    def give_back(self, row: int) -> None:
        """The file of this row turned out unusable."""
        self.free_rows.append(row)

    def open_pixels(self) -> MappedRows:
        """All rows of now."""
        return MappedRows(self.pixels_file, self._whole_rows(), self.side, sharp=self.is_sharp)

    def _whole_rows(self) -> int:
        try:
            return self.pixels_file.stat().st_size // self.row_bytes
        except FileNotFoundError:
            return 0


def _is_line(record: Record) -> bool:
    """Whether all values have their types; a line of an earlier version may have no `crc`."""
    whole = all(type(record.get(name)) is int for name in ("treatment", "size", "mtime_ns"))
    if not (whole and isinstance(record.get("path"), str) and _is_range(record.get("range"))):
        return False
    if UNSEALED in record and "crc" in record:
        return False  # One of now whose end has changed.
    if "problem" in record:
        return isinstance(record["problem"], str) and isinstance(record.get("code"), str)
    notes, digest = record.get("notes"), record.get("sha256")
    return (
        _is_number(record.get("row"), 0, _MOST_ROW)
        and all(_is_number(record.get(name), 1, 1 << 31) for name in ("width", "height"))
        and _is_number(record.get("crc", 0), 0, 1 << 32)
        and isinstance(digest, str)
        and _SHA256.fullmatch(digest) is not None
        and isinstance(notes, list)
        and all(isinstance(note, str) for note in notes)
    )


def _is_number(found: object, first: int, end: int) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and first <= found < end


def _is_range(found: object) -> bool:
    return found is None or (
        isinstance(found, list)
        and len(found) == 2
        and all(type(value) in (int, float) and math.isfinite(value) for value in found)
    )


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
        """The image of each record; None where it is of another folder, or was read another way."""
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
