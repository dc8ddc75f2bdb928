"""The features of all training frames and of their edited copies, read once by the frozen network.

Kept in the pixel cache, so that a run that goes on, or another one with the same start, reads nothing.
Shapes: n frames, F length of a feature, S side of a square.
"""

from __future__ import annotations

import errno
import hashlib
import math
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.data.feed.batches import Batches
from sit_engine.data.pixel_cache.cache import FEATURES, PixelCache
from sit_engine.files import in_place_of
from sit_engine.methods.svrtn.spatial import VERSION, SpatialEdit, draw_edit, edited
from sit_engine.models.backbone import Backbone
from sit_engine.models.fingerprint import add_network
from sit_engine.to_device import to_device
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import centre_params
from sit_engine.views.seeds import numpy_stream

PIECE = 64
MOST_FILES = 4
MARGIN_BYTES = 64 << 20
ENDING = ".frames.npy"
SPARE = 2
"""Rows at the end: a black frame and a noisy one."""


@torch.no_grad()
def frame_features(
    backbone: Backbone, squares_nSSC: NDArray[np.uint8], aspect_n: Tensor, side: int
) -> Tensor:
    """[n,F]: what is pooled, and the mean place; squares [n,S,S,3] are seen as centred views."""
    device = next(backbone.parameters()).device
    was_training = backbone.training
    backbone.eval()
    images = to_device(np.ascontiguousarray(squares_nSSC), device)
    views = apply_views(images, centre_params(aspect_n), (side, side))
    found = both(backbone, views)
    backbone.train(was_training)
    return found


def both(backbone: Backbone, views_BCVV: Tensor) -> Tensor:
    """What is read of a frame: the token that features are of, and the mean of the places, [B,F]."""
    seen = backbone.maps(views_BCVV)
    return torch.cat([seen.token(-1), seen.places.mean(1)], dim=1).float()


def draw_edits(seed: int, item: int, copies: int) -> list[SpatialEdit]:
    """The edits of a video's copies: the same whenever they are asked for."""
    return [draw_edit(numpy_stream(seed, copy, item, "spatial edit")) for copy in range(copies)]


class FrameTable:
    """Rows of features: those of copy c of frame p stand at c·n + p, copy 0 being the frame itself."""

    def __init__(self, batches: Batches, backbone: Backbone, side: int, copies: int) -> None:
        self.batches, self.backbone, self.side, self.copies = batches, backbone, side, copies
        self.count = len(batches.rows)
        items = batches.items
        self.items: NDArray[np.int64] = (
            np.arange(self.count, dtype=np.int64) if items is None else np.asarray(items)
        )
        # Frames of a video stand beside each other, in the order of their times.
        cuts = [0, *(np.flatnonzero(np.diff(self.items)) + 1).tolist(), self.count]
        self.first_n = np.repeat(cuts[:-1], np.diff(cuts))
        self.end_n = np.repeat(cuts[1:], np.diff(cuts))
        self.features = self._kept()

    def stretch(self, position: int) -> tuple[int, int]:
        """First and end of the frames of that frame's video."""
        return int(self.first_n[position]), int(self.end_n[position])

    def _kept(self) -> NDArray[np.float16]:
        file = PixelCache().root / FEATURES / f"{self._fingerprint()}{ENDING}"
        shape = ((self.copies + 1) * self.count + SPARE, 2 * self.backbone.width)
        with suppress(OSError, ValueError):
            found = np.load(file, mmap_mode="r")
            if found.shape == shape and found.dtype == np.float16:
                return found  # type: ignore[no-any-return]
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A mapped page without room on the disk would end the process, and not raise.
            if shutil.disk_usage(file.parent).free < 2 * math.prod(shape) + MARGIN_BYTES:
                raise OSError(errno.ENOSPC, "no room for the table of features")
            with in_place_of(file) as aside:
                made = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float16, shape=shape)
                self._fill(made)
                made.flush()
            _forget_oldest(file.parent)
            return np.load(file, mmap_mode="r")  # type: ignore[no-any-return]
        except OSError:
            # Nothing can be kept: it is read again at a resume.
            in_memory = np.empty(shape, dtype=np.float16)
            self._fill(in_memory)
            return in_memory

    def _fill(self, out: NDArray[np.float16]) -> None:
        for start, squares, aspect in self._pieces():
            part = slice(start, start + len(squares))
            out[part] = frame_features(self.backbone, squares, aspect, self.side).cpu().numpy()
            edits = [draw_edits(self.batches.seed, int(i), self.copies) for i in self.items[part]]
            for copy in range(self.copies):
                rng = numpy_stream(self.batches.seed, copy, start, "noise")
                changed = edited(squares, [of_video[copy] for of_video in edits], rng)
                rows = slice((copy + 1) * self.count + start, (copy + 1) * self.count + part.stop)
                found = frame_features(self.backbone, changed, aspect, self.side)
                out[rows] = found.cpu().numpy()
        side = self.batches.store.side
        noise = numpy_stream(self.batches.seed, 0, 0, "noisy frame").integers(
            0, 256, (side, side, 3)
        )
        spare = np.stack([np.zeros((side, side, 3), np.uint8), noise.astype(np.uint8)])
        out[-SPARE:] = frame_features(self.backbone, spare, torch.ones(2), self.side).cpu().numpy()

    def _pieces(self) -> Iterator[tuple[int, NDArray[np.uint8], Tensor]]:
        for start in range(0, self.count, PIECE):
            positions = np.arange(start, min(start + PIECE, self.count))
            squares = self.batches.some(positions).images_BSSC.cpu().numpy()
            yield start, squares, self.batches.aspect[positions]

    def _fingerprint(self) -> str:
        store, rows = self.batches.store, self.batches.rows
        digest = hashlib.sha256(f"{VERSION} {self.side} {self.copies} {self.batches.seed}".encode())
        add_network(digest, self.backbone)
        if store.guard is None or store.files is not None:
            for part in np.array_split(rows, max(1, len(rows) // 1024)):
                digest.update(np.ascontiguousarray(store.rows(part)[:, ::4, ::4]).tobytes())
        else:
            digest.update(np.ascontiguousarray(store.guard.sums[rows]).tobytes())
        digest.update(np.ascontiguousarray(self.items).tobytes())
        digest.update(self.batches.aspect.numpy().tobytes())
        return digest.hexdigest()[:32]


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob(f"*{ENDING}"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MOST_FILES]:
        file.unlink(missing_ok=True)
