"""What never learns makes of all training frames and of their edited copies: worked out once, and kept.

It lies in the pixel cache, so that a run that goes on, or another one with the same start, reads nothing,
and one that was stopped or killed meanwhile reads the rest.
Shapes: n frames, S side of a square; a row is a feature [F], or what enters blocks that learn [T+N,D].
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine import ranks
from sit_engine.data.feed.batches import Batches
from sit_engine.data.pixel_cache.cache import FEATURES, PixelCache
from sit_engine.errors import OutOfMemoryError
from sit_engine.files import in_place_of
from sit_engine.methods.clips.reader import FrameReader
from sit_engine.methods.clips.spatial import VERSION, SpatialEdit, draw_edit, edited
from sit_engine.models.fingerprint import add_network
from sit_engine.records.on_progress import OnProgress, ProgressReporter
from sit_engine.views.seeds import numpy_stream

PIECE = 64
MOST_FILES = 4
MARGIN_BYTES = 64 << 20
MOST_OF_MEMORY = 0.5
"""Of what is free, where the disk has no room."""
BETWEEN_NOTES_S = 2.0
ENDING = ".frames.npy"
SPARE = 2
"""Rows at the end: a black frame and a noisy one."""
MADE_UP = 256
"""Rows that stand for all while steps are tried."""


def draw_edits(seed: int, item: int, copies: int) -> list[SpatialEdit]:
    """The edits of a video's copies: the same whenever they are asked for."""
    return [draw_edit(numpy_stream(seed, copy, item, "spatial edit")) for copy in range(copies)]


class FrameTable:
    """Rows of frames: those of copy c of frame p stand at c·n + p, copy 0 being the frame itself."""

    def __init__(self, batches: Batches, reader: FrameReader, copies: int) -> None:
        self.batches, self.reader, self.copies = batches, reader, copies
        self.count = len(batches.rows)
        items = batches.items
        self.items: NDArray[np.int64] = (
            np.arange(self.count, dtype=np.int64) if items is None else np.asarray(items)
        )
        # Frames of a video stand beside each other, in the order of their times.
        cuts = [0, *(np.flatnonzero(np.diff(self.items)) + 1).tolist(), self.count]
        self.first_n = np.repeat(cuts[:-1], np.diff(cuts))
        self.end_n = np.repeat(cuts[1:], np.diff(cuts))
        self.total = (copies + 1) * self.count + SPARE
        self._rows: NDArray[np.float16] = np.empty((0, 0), dtype=np.float16)

    @property
    def black(self) -> int:
        """The row of a black frame; that of a noisy one follows."""
        return self.total - SPARE

    def stretch(self, position: int) -> tuple[int, int]:
        """First and end of the frames of that frame's video."""
        return int(self.first_n[position]), int(self.end_n[position])

    def rows(self, places: NDArray[np.int64] | slice) -> NDArray[np.float16]:
        """A copy of the rows at those places."""
        if isinstance(places, slice):
            places = np.arange(*places.indices(self.total))
        return self._rows[places % len(self._rows)]

    def features(self, places: NDArray[np.int64] | slice) -> Tensor:
        """The features [n,F] of those rows, by the network as it is now, on the CPU."""
        return self.reader.features_of(self.rows(places))

    def make_up(self) -> None:
        """Random rows of the right shape: steps that are tried take as long, and nothing is read."""
        rng = np.random.default_rng(0)
        shape = (min(self.total, MADE_UP), *self._row_shape())
        self._rows = rng.standard_normal(shape, dtype=np.float32).astype(np.float16)

    def fill(self, on_progress: OnProgress | None = None) -> None:
        """Find the rows in the cache, or work out those that are not there yet.

        `on_progress` may raise: what was done until then is found the next time. Raises OutOfMemoryError
        where neither the disk nor the memory has room.
        """
        shape = (self.total, *self._row_shape())
        file = PixelCache().root / FEATURES / f"{self._fingerprint()}{ENDING}"
        try:
            kept = _Kept.open(file, shape, self.count)
        except OSError:
            # Nothing can be kept: it is read again at a resume.
            _check_memory(2 * math.prod(shape))
            kept = _Kept(np.zeros((self.total + 1, *shape[1:]), dtype=np.float16))
        if kept.done < self.count:
            self._fill(kept, on_progress)
            _forget_oldest(file.parent)
        self._rows = kept.rows

    def _row_shape(self) -> tuple[int, ...]:
        side = self.batches.store.side
        blank = np.zeros((1, side, side, 3), dtype=np.uint8)
        return tuple(self.reader.rows(blank, torch.ones(1)).shape[1:])

    def _fill(self, kept: _Kept, on_progress: OnProgress | None) -> None:
        progress = ProgressReporter(on_progress, "reading frames", self.count)
        progress.say(kept.done)
        try:
            if not kept.done:
                self._fill_spare(kept.rows)
            for start in range(kept.done, self.count, PIECE):
                end = min(start + PIECE, self.count)
                self._fill_piece(kept.rows, start, end)
                kept.note(end, is_last=end == self.count)
                progress.say(end)
        finally:
            kept.note(kept.done, is_last=True)

    def _fill_piece(self, out: NDArray[np.float16], start: int, end: int) -> None:
        positions, seed = np.arange(start, end), self.batches.seed
        squares = self.batches.some(positions).images_BSSC.cpu().numpy()
        aspect = self.batches.aspect[positions]
        out[start:end] = self.reader.rows(squares, aspect).cpu().numpy()
        edits = [draw_edits(seed, int(i), self.copies) for i in self.items[start:end]]
        for copy in range(self.copies):
            rng = numpy_stream(seed, copy, start, "noise")
            changed = edited(squares, [of_video[copy] for of_video in edits], rng)
            first = (copy + 1) * self.count
            found = self.reader.rows(changed, aspect).cpu().numpy()
            out[first + start : first + end] = found

    def _fill_spare(self, out: NDArray[np.float16]) -> None:
        side = self.batches.store.side
        rng = numpy_stream(self.batches.seed, 0, 0, "noisy frame")
        noise = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
        spare = np.stack([np.zeros_like(noise), noise])
        out[self.black : self.total] = self.reader.rows(spare, torch.ones(SPARE)).cpu().numpy()

    def _fingerprint(self) -> str:
        """Digest of all that rows come from, but for blocks that learn: a run that goes on has others."""
        store, rows, reader = self.batches.store, self.batches.rows, self.reader
        about = f"{VERSION} {reader.side} {self.copies} {self.batches.seed} {reader.trained_blocks}"
        digest = hashlib.sha256(about.encode())
        add_network(digest, reader.backbone, but=reader.learns)
        if store.guard is None or store.files is not None:
            for part in np.array_split(rows, max(1, len(rows) // 1024)):
                digest.update(np.ascontiguousarray(store.rows(part)[:, ::4, ::4]).tobytes())
        else:
            digest.update(np.ascontiguousarray(store.guard.sums[rows]).tobytes())
        digest.update(np.ascontiguousarray(self.items).tobytes())
        digest.update(self.batches.aspect.numpy().tobytes())
        return digest.hexdigest()[:32]


class _Kept:
    """A table on the disk, or in memory; a row behind its end counts the frames that are done.

    Whoever else fills the same file writes the same values.
    """

    def __init__(self, array: NDArray[np.float16]) -> None:
        self.array = array
        self.rows = array[:-1]
        self._count = array[-1].reshape(-1)[:4].view(np.int64)
        self.done = int(self._count[0])
        self.noted_s = time.monotonic()

    @classmethod
    def open(cls, file: Path, shape: tuple[int, ...], count: int) -> _Kept:
        """The one that is there, or a new one. Raises OSError where there is no room to fill it."""
        shape, taken = (shape[0] + 1, *shape[1:]), 0
        with suppress(OSError, ValueError, IndexError):
            found = cls(np.load(file, mmap_mode="r"))
            if found.array.shape == shape and found.array.dtype == np.float16:
                os.utime(file)  # Those used last stay.
                if found.done == count:
                    return found
                taken = 512 * getattr(file.stat(), "st_blocks", 0)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A mapped page without room on the disk would end the process, and not raise.
        free = shutil.disk_usage(file.parent).free + taken
        if free < 2 * math.prod(shape) + MARGIN_BYTES:
            raise OSError(errno.ENOSPC, "no room for the table of frames")
        if not taken:
            with in_place_of(file) as aside:
                np.lib.format.open_memmap(aside, mode="w+", dtype=np.float16, shape=shape).flush()
        kept = cls(np.load(file, mmap_mode="r+"))
        if not 0 <= kept.done <= count:
            kept.done = 0
        return kept

    def note(self, done: int, *, is_last: bool) -> None:
        """So many frames are done: told to the disk now and then, after what they are."""
        self.done = done
        if not is_last and time.monotonic() - self.noted_s < BETWEEN_NOTES_S:
            return
        if isinstance(self.array, np.memmap):
            self.array.flush()
            self._count[0] = done
            self.array.flush()
        self.noted_s = time.monotonic()


def _check_memory(needed: int) -> None:
    _, beside = ranks.on_this_machine()
    free = psutil.virtual_memory().available / beside
    if needed > MOST_OF_MEMORY * free:
        raise OutOfMemoryError(
            "memory.frames",
            "What is kept of all frames and their copies takes {needed} GB: the disk of the cache has no "
            "room for it, and {free} GB of memory are free.",
            "Make room, or set method.copies, method.trained_blocks or data.frame_rate lower.",
            needed=f"{needed / 1e9:.1f}",
            free=f"{free / 1e9:.1f}",
        )


def _forget_oldest(folder: Path) -> None:
    with suppress(OSError):
        files = sorted(folder.glob(f"*{ENDING}"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST_FILES]:
            file.unlink(missing_ok=True)
