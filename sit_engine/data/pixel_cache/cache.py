"""The pixel cache: every image decoded once to a small square, kept on disk, mapped into memory.

Filled before training; api calls `PixelCache().fill`. Shapes: B images, S side.
"""

from __future__ import annotations

import errno
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sit_engine.config.tree import CACHE_FACTOR
from sit_engine.data.decode.decode_pool import PASSING_PROBLEMS, Cancel, decoders
from sit_engine.data.folder.index import ImageIndex, ValueRange
from sit_engine.data.folder.label_file import UNMATCHED_ROWS
from sit_engine.data.pixel_cache import adopting
from sit_engine.data.pixel_cache.cache_rows import NO_ROW, Known, RowBook
from sit_engine.data.pixel_cache.guard import Guard
from sit_engine.data.pixel_cache.journal import FileLock, Record
from sit_engine.data.pixel_cache.mapped import MappedRows
from sit_engine.data.pixel_cache.store import PixelStore as PixelStore
from sit_engine.data.pixel_cache.streaming import FileSquares
from sit_engine.data.pixel_cache.stretches import duplicates, each_of, stretches
from sit_engine.data.pixel_cache.value_range import folder_range
from sit_engine.errors import CancelledError, DiskError, SitError
from sit_engine.files import cache_root, clear_asides, out_of_memory
from sit_engine.paths import unescape_name
from sit_engine.records.on_progress import OnProgress, ProgressReporter

FEATURES = "features"
"""The folder of features that networks read (evaluation.kept)."""
DEFAULT_BUDGET_BYTES = 20 * 10**9
MOST_OF_FREE = 0.9
"""Share of a disk's free space that a cache may fill before the rest is streamed."""

Streaming = Literal["refused", "allowed", "kept"]
"""Whether pixels may be read from files while training; "kept": as in a run that began so."""


def cache_side(view_px: int, index: ImageIndex, factor: float = CACHE_FACTOR) -> int:
    """Side of the cached squares of a folder: `squares_side` of its images."""
    return squares_side(view_px, index.sizes, factor)


def squares_side(view_px: int, sizes_n2: NDArray[np.int32], factor: float = CACHE_FACTOR) -> int:
    """Factor × the view, but no larger than the shorter side of any image.

    Where more than the usual factor is asked for, no larger than the longer side: an image that is
    not square would lose of it. At least half the view, so that a folder of slivers keeps some of
    their length.
    """
    of_image = sizes_n2.max(axis=1) if factor > CACHE_FACTOR else sizes_n2.min(axis=1)
    largest = int(of_image.max()) if len(sizes_n2) else view_px
    return max(min(math.ceil(factor * view_px), largest), math.ceil(view_px / 2))


class PixelCache:
    """Decoded pixels under one folder, keyed per file, shared by all runs of this user."""

    def __init__(self, root: str | Path | None = None, *, wait_s: float = 600.0) -> None:
        self.root = (cache_root() if root is None else Path(root)) / "pixels"
        self.wait_s = wait_s

    def size_bytes(self) -> int:
        """What it takes on the disk now."""
        with _disk_errors(self.root):
            return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def free_bytes(self) -> int:
        """What the disk that it is on has free."""
        nearest = next(path for path in (self.root, *self.root.parents) if path.exists())
        return shutil.disk_usage(nearest).free

    def clear(self) -> None:
        """Remove all decoded pixels, and features of them.

        Who has them mapped keeps them, who fills them is let finish.
        """
        with _disk_errors(self.root):
            for folder in sorted(self.root.glob("side-*")):
                with self._locked(folder / "lock", None, None):
                    # The line goes before its pixels.
                    (folder / "rows.jsonl").unlink(missing_ok=True)
                    (folder / "pixels.bin").unlink(missing_ok=True)
                    clear_asides(folder)
            if self.root.is_dir():
                with self._locked(self.root / "ranges.lock", None, None):
                    (self.root / "ranges.jsonl").unlink(missing_ok=True)
            for file in (self.root / FEATURES).glob("*"):
                file.unlink(missing_ok=True)

    def fill(
        self,
        index: ImageIndex,
        *,
        side: int,
        sharp: bool = False,
        value_range: Literal["percentile", "full"] | ValueRange = "percentile",
        on_progress: OnProgress | None = None,
        cancel: Cancel | None = None,
        workers: int | None = None,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        streaming: Streaming = "refused",
    ) -> tuple[ImageIndex, PixelStore]:
        """Decode what is new or changed; the usable images with all problems, and their pixels.

        A resumed run gives the two values that its first leg found as `value_range`. Where not all
        images have room and streaming is "allowed", as many as have are decoded, and the store reads
        the others from their files. Which of those are damaged is not known, so all stay in the
        index, as they do where streaming is "kept".
        """
        folder = self._folder(side, sharp=sharp)
        with _disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            chosen = self._choose_range(index, value_range, on_progress, cancel, workers)
            book = RowBook(folder, side, sharp=sharp)
            known = book.find(index, chosen)
            # From here on, or from under the lock, nobody can take the pixels away.
            mapped = known.mapped
            lost = known.is_lost & (known.row == NO_ROW)
            most = len(index)
            if streaming != "refused":
                most = min(most, self.most_rows(side, budget_bytes, sharp=sharp))
            if len(_wanted(known, most)) or len(known.without_sum()):
                with self._locked(folder / "lock", on_progress, cancel):
                    job = _Filling(index, book, chosen, on_progress, cancel, workers)
                    known = job.run(most, budget_bytes)
                    mapped = book.open_pixels()
            if streaming == "kept" or (most < len(index) and len(known.missing())):
                left, store = _streamed(index, mapped, known, chosen, workers)
            else:
                left, store = _result(index, mapped, known, chosen, workers)
            if store.guard is not None:
                store.guard.mended |= dict.fromkeys(map(index.name, np.flatnonzero(lost).tolist()))
            return left, store

    def hashes(self, side: int, *, sharp: bool) -> dict[str, str]:
        """SHA-256 of each file that was ever decoded so, by its path; the latest counts."""
        book = RowBook(self._folder(side, sharp=sharp), side, sharp=sharp)
        known = (record for record in book.records() if "sha256" in record)
        return {unescape_name(record["path"]): record["sha256"] for record in known}

    def _folder(self, side: int, *, sharp: bool) -> Path:
        return self.root / (f"side-{side}-sharp" if sharp else f"side-{side}")

    def most_rows(self, side: int, budget_bytes: int, *, sharp: bool = False) -> int:
        """How many squares the budget and the disk have room for, those of now included."""
        taken = self._folder(side, sharp=sharp) / "pixels.bin"
        own_bytes = taken.stat().st_size if taken.exists() else 0
        room = min(budget_bytes, int(MOST_OF_FREE * self.free_bytes()) + own_bytes)
        return room // (side * side * 3)

    def _choose_range(
        self,
        index: ImageIndex,
        asked: Literal["percentile", "full"] | ValueRange,
        on_progress: OnProgress | None,
        cancel: Cancel | None,
        workers: int | None,
    ) -> ValueRange | None:
        if asked == "full" or not index.deep.any():
            return None
        if isinstance(asked, tuple):
            return asked
        known = self.root / "ranges.jsonl"
        progress = ProgressReporter(on_progress, "value range", int(index.deep.sum()))
        with self._locked(self.root / "ranges.lock", on_progress, cancel):
            return folder_range(
                index, known, on_progress=progress.say_of, cancel=cancel, workers=workers
            )

    def _locked(
        self, path: Path, on_progress: OnProgress | None, cancel: Cancel | None
    ) -> FileLock:
        def on_wait() -> None:
            if cancel is not None and cancel():
                raise CancelledError
            if on_progress is not None:
                on_progress("waiting", 0, 0)

        return FileLock(path, wait_s=self.wait_s, on_wait=on_wait)


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _disk_error(folder, (error.strerror or str(error)).lower(), error.errno) from None


def _disk_error(folder: Path, why: str, number: int | None) -> SitError:
    if number == errno.ENOMEM:
        return out_of_memory()
    if number == errno.ENOSPC:
        return DiskError(
            "disk.full",
            "The disk is full: the decoded pixels do not fit in {path}.",
            "Free some space, or set SIT_CACHE_DIR to a folder on a larger disk. What was decoded "
            "is kept.",
            path=folder,
        )
    return DiskError(
        "disk.cache",
        "The pixel cache in {path} cannot be used: {why}.",
        "Set SIT_CACHE_DIR to a folder that you may write to.",
        path=folder,
        why=why,
    )


class _Filling:
    """One run of decoding what is missing, under the lock."""

    def __init__(
        self,
        index: ImageIndex,
        book: RowBook,
        value_range: ValueRange | None,
        on_progress: OnProgress | None,
        cancel: Cancel | None,
        workers: int | None,
    ) -> None:
        self.index, self.book, self.value_range = index, book, value_range
        self.on_progress, self.cancel, self.workers = on_progress, cancel, workers
        self.row_of_job: dict[int, int] = {}

    def run(self, most: int, budget_bytes: int) -> Known:
        """What is known when `most` images are decoded, those that already were among them."""
        known = self.book.find(self.index, self.value_range)
        if len(known.without_sum()):
            adopting.adopt(
                self.book,
                self.index,
                known,
                self.value_range,
                workers=self.workers,
                on_progress=self.on_progress,
                cancel=self.cancel,
            )
            known = self.book.find(self.index, self.value_range)
        if self.book.make_room(len(_wanted(known, most)), most, budget_bytes):
            known = self.book.find(self.index, self.value_range)
        missing = _wanted(known, most)
        progress = ProgressReporter(self.on_progress, "decoding", len(missing))
        with self.book.appending(), decoders(self.workers) as pool:
            for images, answer in pool.run(self._jobs(missing), cancel=self.cancel):
                for i, found in zip(images, each_of(answer, len(images)), strict=True):
                    known.keep(i, self._record(i, found))
                    progress.step()
        return known

    def _jobs(self, missing: NDArray[np.int64]) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
        """An image a job, and a stretch of a video's frames, which are decoded in one go."""
        how = {
            "side": self.book.side,
            "sharp": self.book.is_sharp,
            "out": str(self.book.pixels_file),
        }
        for images, path, times in stretches(self.index, missing):
            offsets = [self._offset(i) for i in images]
            job: dict[str, Any]
            if times:
                job = {"job": "frames", "times": times, "offsets": offsets}
            else:
                job = {"job": "decode", "range": self.value_range, "offset": offsets[0]}
            yield images, job | {"path": path} | how

    def _offset(self, i: int) -> int:
        row = self.row_of_job[i] = self.book.take_row()
        return row * self.book.row_bytes

    def _record(self, i: int, answer: dict[str, Any]) -> Record:
        row = self.row_of_job.pop(i)
        if "disk" in answer:
            number = errno.ENOSPC if answer["full"] else None
            raise _disk_error(self.book.folder, answer["disk"], number)
        stamp = {"size": int(self.index.bytes[i]), "mtime_ns": int(self.index.mtime_ns[i])}
        record = self.book.key(self.index, i, self.value_range) | stamp | answer
        if "problem" in answer:
            self.book.give_back(row)
        else:
            record["row"] = row
        if answer.get("code") not in PASSING_PROBLEMS:
            self.book.append(record)
        return record


def _wanted(known: Known, most: int) -> NDArray[np.int64]:
    """The images to decode so that `most` are; with all of them those of the start come first."""
    have = len(known.row) - len(missing := known.missing())
    return missing[: max(0, most - have)]


def _streamed(
    index: ImageIndex,
    mapped: MappedRows,
    known: Known,
    value_range: ValueRange | None,
    workers: int | None,
) -> tuple[ImageIndex, PixelStore]:
    """All images as their headers describe them, whichever have room: so a resumed run is the same."""
    side = mapped.pixels.shape[1]
    files = FileSquares(index, side, value_range, sharp=mapped.is_sharp, workers=workers)
    store = PixelStore(
        side=side,
        pixels=mapped.pixels,
        row_of=known.row,
        aspect=_aspect(index),
        items=index.items(),
        value_range=value_range,
        files=files,
        guard=Guard(index, mapped, known.row, known.sums, value_range=value_range, files=files),
        problems=dict(known.problems),
    )
    return index, store


def _result(
    index: ImageIndex,
    mapped: MappedRows,
    known: Known,
    value_range: ValueRange | None,
    workers: int | None,
) -> tuple[ImageIndex, PixelStore]:
    left = replace(index, sizes=known.sizes).without(known.problems)
    usable = np.ones(len(index), dtype=np.bool_)
    usable[list(known.problems)] = False
    rows, sums = known.row[usable], known.sums[usable]
    store = PixelStore(
        side=mapped.pixels.shape[1],
        pixels=mapped.pixels,
        row_of=rows,
        aspect=_aspect(left),
        items=left.items(),
        value_range=value_range,
        hashes=known.hashes[usable],
        guard=Guard(left, mapped, rows, sums, value_range=value_range, workers=workers),
    )
    notes = known.note_counts()
    # The decode knows the images' own notes; this one is about the label file.
    notes.update({text: count for text, count in index.notes if text == UNMATCHED_ROWS})
    left = replace(left, notes=tuple(sorted(notes.items())))
    return replace(left, duplicates=duplicates(left, store.hashes)), store


def _aspect(index: ImageIndex) -> NDArray[np.float32]:
    return (index.sizes[:, 0] / index.sizes[:, 1]).astype(np.float32)
