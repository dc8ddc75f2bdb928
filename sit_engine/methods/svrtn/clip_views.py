"""Clips and their edited copies, drawn from the table of frames.

Shapes: B clips of this rank, M those of all ranks, k frames; a row is what the table keeps of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.methods.clips import temporal
from sit_engine.methods.clips.table import FrameTable
from sit_engine.to_device import to_device


@dataclass(frozen=True)
class ClipViews:
    """Rows [B,k,…] of clips and of their edited copies, and which frames of each there are [B,k]."""

    clean: Tensor
    clean_there: Tensor
    copy: Tensor
    copy_there: Tensor
    missing: Tensor
    """Frames of the clean clip that the copy was left without [B,k]."""
    pair: Tensor
    """A place in the clip and the place in the copy that shows the same [B,2]; −1: none."""
    items_M: Tensor
    """Which video each clip of the step is of, of all ranks and micro-batches."""
    missing_each: float
    """Frames that a copy was left without, the mean over the step's."""

    def split(self, count: int) -> list[ClipViews]:
        """Micro-batches of equally many clips."""
        tensors = (
            self.clean,
            self.clean_there,
            self.copy,
            self.copy_there,
            self.missing,
            self.pair,
        )
        clean, clean_there, copy, copy_there, missing, pair = (one.chunk(count) for one in tensors)
        return [
            ClipViews(
                clean[i], clean_there[i], copy[i], copy_there[i], missing[i], pair[i],
                self.items_M, self.missing_each,
            )
            for i in range(count)
        ]  # fmt: skip


@dataclass(frozen=True)
class DrawnClip:
    """Rows of the table of a clip and of its copy, places the copy lacks, and one that both have."""

    clean: list[int]
    copy: list[int]
    missing: list[int]
    pair: tuple[int, int]


def draw_clip(
    table: FrameTable,
    position: int,
    positions: NDArray[np.int64],
    length: int,
    drop_most: float,
    rng: np.random.Generator,
) -> DrawnClip:
    """The clip of `length` frames that begins at a frame, and an edited copy of it.

    At the video's end it ends there. `positions`: frames of the step, one of which may be inserted;
    up to the share `drop_most` of the copy's frames is left out.
    """
    first, end = table.stretch(position)
    start = max(first, min(position, end - length))
    clean = list(range(start, min(start + length, end)))
    window = list(range(start, min(start + 2 * length, end)))
    other = int(positions[rng.integers(len(positions))])
    others = range(other, table.stretch(other)[1])
    if table.items[other] == table.items[position]:
        others = range(0)
    copy = temporal.edit(temporal.draw(rng), window, length, others, rng)
    left = len(copy) - int(rng.uniform(0, drop_most) * len(copy))
    kept = np.sort(rng.permutation(len(copy))[: max(1, left)])
    copy = [copy[i] for i in kept]
    number = 1 + int(rng.integers(table.copies))
    seen = set(copy)
    missing = [place for place, frame in enumerate(clean) if frame not in seen]
    shared = [place for place, frame in enumerate(clean) if frame in seen]
    pair = (-1, -1)
    if shared:
        place = shared[int(rng.integers(len(shared)))]
        pair = (place, copy.index(clean[place]))
    stand_ins = {temporal.BLACK: table.black, temporal.NOISE: table.black + 1}
    rows = [stand_ins.get(frame, number * table.count + frame) for frame in copy]
    return DrawnClip(clean, rows, missing, pair)


def views_of(
    table: FrameTable,
    drawn: list[DrawnClip],
    own: slice,
    items_M: NDArray[np.int64],
    length: int,
    device: torch.device,
) -> ClipViews:
    """The rank's own of the clips that were drawn for all ranks, on the device."""
    mine = drawn[own]
    clean, clean_there = _rows(table, [one.clean for one in mine], length, device)
    copy, copy_there = _rows(table, [one.copy for one in mine], length, device)
    missing = np.zeros((len(mine), length), dtype=np.bool_)
    for row, one in enumerate(mine):
        missing[row, one.missing] = True
    return ClipViews(
        clean,
        clean_there,
        copy,
        copy_there,
        to_device(missing, device),
        to_device(np.array([one.pair for one in mine], dtype=np.int64), device),
        to_device(items_M, device),
        sum(len(one.missing) for one in drawn) / len(drawn),
    )


def _rows(
    table: FrameTable, clips: list[list[int]], length: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    places = np.zeros((len(clips), length), dtype=np.int64)
    there = np.zeros((len(clips), length), dtype=np.bool_)
    for row, frames in enumerate(clips):
        places[row, : len(frames)], there[row, : len(frames)] = frames, True
    found = table.rows(places.ravel())
    rows = to_device(found, device).view(*places.shape, *found.shape[1:]).float()
    return rows, to_device(there, device)
