"""The pixel cache: every image decoded once to a small square, kept on disk, mapped into memory.

Filled before training; api calls `PixelCache().fill`. Shapes: B images, S side.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs
from numpy.typing import NDArray

from sit_engine.data.decode_pool import PASSING_PROBLEMS, Cancel, CancelledError, DecodePool
from sit_engine.data.index import ImageIndex, Problem, ValueRange
from sit_engine.data.journal import FileLock, Record
from sit_engine.data.label_file import UNMATCHED_ROWS
from sit_engine.data.rows import RowBook
from sit_engine.data.scan import OnProgress, Progress
from sit_engine.data.value_range import folder_range
from sit_engine.errors import DiskError

CACHE_MARGIN = 1.15
DEFAULT_BUDGET_BYTES = 20 * 10**9


def cache_side(view_px: int, index: ImageIndex) -> int:
    """Side of the cached squares: 1.15 × the view, but no larger than any image's shorter side.

    At least half the view, so that a folder of slivers keeps some of their length.
    """
    largest = int(index.sizes.min(axis=1).max()) if len(index) else view_px
    return max(min(math.ceil(CACHE_MARGIN * view_px), largest), math.ceil(view_px / 2))


@dataclass(frozen=True)
class PixelStore:
    """The cached pixels of one ImageIndex, in its order."""

    side: int
    pixels: NDArray[np.uint8]
    """[rows in the file, S, S, 3], mapped."""
    row_of: NDArray[np.int64]
    aspect: NDArray[np.float32]
    """Width / height of the originals."""
    value_range: ValueRange | None
    """What became 0 and 255 in deep images; None: their types' full ranges, or no deep image."""
    sha256: tuple[bytes, ...] = ()
    """Of each image's whole file."""

    def __len__(self) -> int:
        return len(self.row_of)

    def rows(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """A copy of these images' pixels: uint8 [B,S,S,3]."""
        return np.asarray(self.pixels[self.row_of[np.asarray(indices, dtype=np.int64)]])


class PixelCache:
    """Decoded pixels under one folder, keyed per file, shared by all runs of this user."""

    def __init__(self, root: str | Path | None = None, *, wait_s: float = 600.0) -> None:
        chosen = (
            root or os.environ.get("SIT_CACHE_DIR") or platformdirs.user_cache_dir("sit-studio")
        )
        self.root = Path(chosen) / "pixels"
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
        """Remove all decoded pixels; who has them mapped keeps them, who fills them is let finish."""
        with _disk_errors(self.root):
            for folder in sorted(self.root.glob("side-*")):
                with self._locked(folder / "lock", None, None):
                    # The line goes before its pixels.
                    (folder / "rows.jsonl").unlink(missing_ok=True)
                    (folder / "pixels.bin").unlink(missing_ok=True)
            if self.root.is_dir():
                with self._locked(self.root / "ranges.lock", None, None):
                    (self.root / "ranges.jsonl").unlink(missing_ok=True)

    def fill(
        self,
        index: ImageIndex,
        *,
        side: int,
        value_range: Literal["percentile", "full"] | ValueRange = "percentile",
        on_progress: OnProgress | None = None,
        cancel: Cancel | None = None,
        workers: int | None = None,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ) -> tuple[ImageIndex, PixelStore]:
        """Decode what is new or changed; the usable images with all problems, and their pixels.

        A resumed run gives the two values that its first leg found as `value_range`.
        """
        folder = self.root / f"side-{side}"
        with _disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            chosen = self._choose_range(index, value_range, on_progress, cancel, workers)
            book = RowBook(folder, side)
            records = book.find(index, chosen)
            # Mapped at once, or under the lock: from then on nobody can take the pixels away.
            pixels = book.open_pixels()
            if None in records:
                with self._locked(folder / "lock", on_progress, cancel):
                    job = _Filling(index, book, chosen, on_progress, cancel, workers)
                    records = job.run(budget_bytes)
                    pixels = book.open_pixels()
            return _result(index, pixels, [record for record in records if record], chosen)

    def _choose_range(
        self,
        index: ImageIndex,
        wish: Literal["percentile", "full"] | ValueRange,
        on_progress: OnProgress | None,
        cancel: Cancel | None,
        workers: int | None,
    ) -> ValueRange | None:
        if wish == "full" or not index.deep.any():
            return None
        if isinstance(wish, tuple):
            return wish
        known = self.root / "ranges.jsonl"
        progress = Progress(on_progress, "value range", int(index.deep.sum()))
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


def _disk_error(folder: Path, why: str, number: int | None) -> DiskError:
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

    def run(self, budget_bytes: int) -> list[Record | None]:
        """A record per image."""
        records = self.book.find(self.index, self.value_range)
        if self.book.make_room(records, budget_bytes):
            records = self.book.find(self.index, self.value_range)
        missing = [i for i, record in enumerate(records) if record is None]
        progress = Progress(self.on_progress, "decoding", len(missing))
        with self.book.appending(), DecodePool(self.workers) as pool:
            for i, answer in pool.run(self._jobs(missing), cancel=self.cancel):
                records[i] = self._keep(i, answer)
                progress.step()
        return records

    def _jobs(self, missing: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in missing:
            row = self.row_of_job[i] = self.book.take_row()
            yield (
                i,
                {
                    "job": "decode",
                    "path": self.index.path(i),
                    "side": self.book.side,
                    "range": self.value_range,
                    "out": str(self.book.pixels_file),
                    "offset": row * self.book.row_bytes,
                },
            )

    def _keep(self, i: int, answer: dict[str, Any]) -> Record:
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


def _result(
    index: ImageIndex,
    pixels: NDArray[np.uint8],
    records: list[Record],
    value_range: ValueRange | None,
) -> tuple[ImageIndex, PixelStore]:
    problems = {
        i: Problem(index.name(i), record["problem"], record["code"])
        for i, record in enumerate(records)
        if "problem" in record
    }
    usable = [record for record in records if "problem" not in record]
    sizes = np.array([(found["width"], found["height"]) for found in usable], dtype=np.int32)
    left = replace(index.without(problems), sizes=sizes.reshape(-1, 2))
    store = PixelStore(
        side=pixels.shape[1],
        pixels=pixels,
        row_of=np.array([found["row"] for found in usable], dtype=np.int64),
        aspect=(left.sizes[:, 0] / left.sizes[:, 1]).astype(np.float32),
        value_range=value_range,
        sha256=tuple(bytes.fromhex(found["sha256"]) for found in usable),
    )
    notes = Counter(note for found in usable for note in found["notes"])
    # The decode knows the images' own notes; this one is about the label file.
    notes.update({text: count for text, count in index.notes if text == UNMATCHED_ROWS})
    left = replace(left, notes=tuple(sorted(notes.items())))
    return replace(left, duplicates=_duplicates(left, usable)), store


def _duplicates(index: ImageIndex, usable: list[Record]) -> tuple[tuple[str, ...], ...]:
    names: dict[str, list[str]] = defaultdict(list)
    for i, record in enumerate(usable):
        names[record["sha256"]].append(index.name(i))
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
