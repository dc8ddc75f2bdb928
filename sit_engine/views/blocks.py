"""Draws the rectangles of GMML and unites them, one by one, until enough of an image is covered.

All rectangles are drawn beforehand, so that the loop for large masks on CPU and the tensor code for
CUDA and for small masks give the very same masks.
Shapes: B samples, K rectangles, Y X pixels or cells; a rectangle is (top, left, bottom, right) in
cells of `align` pixels, the ends exclusive.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.to_device import to_device

Integers = NDArray[np.int64]
Size = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """The pixels of a view as cells of align × align; the last row and column may be narrower."""

    size: Size
    align: int

    @property
    def cells(self) -> Size:
        return -(-self.size[0] // self.align), -(-self.size[1] // self.align)


@dataclass(frozen=True)
class SideLaw:
    """Along one axis a block starts uniformly in 0…starts − 1 and is 1…longest cells long."""

    starts: int
    longest: int

    @staticmethod
    def of(length: int, align: int, block_side: float) -> SideLaw:
        """The recipe's law at align 1; on a coarser grid the one that can also be drawn there.

        Recipe (arXiv 2104.03602 v3): start randint(0, H − 1), side randint(1, int(0.3 H)), upper ends
        exclusive. Aligned: all cells, and sides 1…max(1, ⌊0.3 H / align⌋).
        """
        if align == 1:
            return SideLaw(max(1, length - 1), max(1, int(block_side * length) - 1))
        return SideLaw(-(-length // align), max(1, int(block_side * length / align)))


def draw_rectangles(
    grid: Grid, block_side: float, count: int, batch: int, rng: np.random.Generator
) -> Integers:
    """Rectangles [B, K, 4] in cells, clipped at the border."""
    starts, ends = [], []
    for length, cells in zip(grid.size, grid.cells, strict=True):
        law = SideLaw.of(length, grid.align, block_side)
        start_BK = rng.integers(0, law.starts, (batch, count))
        side_BK = rng.integers(1, law.longest + 1, (batch, count))
        starts.append(start_BK)
        ends.append(np.minimum(start_BK + side_BK, cells))
    return np.stack([*starts, *ends], axis=2)


@lru_cache(maxsize=64)
def enough_rectangles(grid: Grid, block_side: float, share: float) -> int:
    """The bound on the number of blocks: twice what covers `share` on average, plus 16.

    The mean over cells of 1 − (1 − p)ⁿ, p the chance that one block covers the cell, is exact for
    the expected area. 50 % at 224 px takes 40 ± 6 blocks, the bound there is about 96.
    """
    chances = []
    for length, cells in zip(grid.size, grid.cells, strict=True):
        law = SideLaw.of(length, grid.align, block_side)
        longer_than = 1 - np.arange(law.longest) / law.longest
        start = np.full(law.starts, 1 / law.starts)
        chances.append(np.convolve(start, longer_than)[:cells])
    miss_YX = np.log1p(-np.minimum(np.outer(*chances), 1 - 1e-12))
    count = 1
    while 1 - np.exp(count * miss_YX).mean() < share:
        count += max(1, count // 16)
    return 2 * count + 16


def cover_each(rect_BK4: Integers, target_B: Integers, grid: Grid) -> tuple[Tensor, Tensor]:
    """Masks [B, Y, X] whose area reaches `target_B` pixels, and how many samples fell short.

    A block adds at most its own area, so the next count can wait until the areas placed since the
    last one could have filled what was missing: about six counts for forty blocks.
    """
    size_4 = np.array([*grid.size, *grid.size])
    pixel_BK4 = np.minimum(rect_BK4 * grid.align, size_4)
    area_BK = np.prod(pixel_BK4[:, :, 2:] - pixel_BK4[:, :, :2], axis=2)
    sums_BK = area_BK.cumsum(axis=1).tolist()
    mask_BYX = np.zeros((len(rect_BK4), *grid.size), dtype=np.bool_)
    short = 0
    samples = zip(mask_BYX, pixel_BK4.tolist(), sums_BK, target_B.tolist(), strict=True)
    for mask_YX, blocks, sums, target in samples:
        placed = covered = placed_area = 0
        while covered < target and placed < len(blocks):
            end = bisect_left(sums, placed_area + target - covered, placed) + 1
            for top, left, bottom, right in blocks[placed:end]:
                mask_YX[top:bottom, left:right] = True
            placed = min(end, len(blocks))
            placed_area = sums[placed - 1]
            covered = int(np.count_nonzero(mask_YX))
        short += covered < target
    return torch.from_numpy(mask_BYX), torch.tensor(short)


def cover_batch(
    rect_BK4: Integers, target_B: Integers, grid: Grid, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The masks of `cover_each` on any device, without waiting for it.

    Whether a cell is covered by the first n rectangles is a product of their rows and columns; the
    smallest sufficient n is bisected for all samples at once.
    """
    rect = to_device(rect_BK4.astype(np.int16), device)
    target = to_device(target_B.astype(np.float32), device)
    top_BK1, left_BK1, bottom_BK1, right_BK1 = rect[..., None].unbind(2)
    rows, columns = (torch.arange(cells, device=device) for cells in grid.cells)
    number = torch.float16 if device.type == "cuda" else torch.float32  # counts ≤ K: exact
    row_BYK = ((rows >= top_BK1) & (rows < bottom_BK1)).to(number).mT.contiguous()
    column_BKX = ((columns >= left_BK1) & (columns < right_BK1)).to(number)
    cell_px_YX = _cell_pixels(rows, grid.size[0], grid.align)[:, None] * _cell_pixels(
        columns, grid.size[1], grid.align
    )
    order_K = torch.arange(rect.shape[1], device=device)

    def cover(first_B: Tensor) -> Tensor:
        """Times [B, Y, X] each cell is covered by the first n of a sample, capped at one."""
        is_used_BK = order_K < first_B[:, None]
        return (row_BYK * is_used_BK[:, None] @ column_BKX).clamp_(max=1)

    def is_short(first_B: Tensor) -> Tensor:
        return (cover(first_B) * cell_px_YX).sum((1, 2)) < target

    low_B = torch.zeros(len(rect), dtype=torch.long, device=device)
    high_B = torch.full_like(low_B, rect.shape[1])
    for _ in range(rect.shape[1].bit_length()):
        middle_B = (low_B + high_B) // 2
        short_B = is_short(middle_B) & (low_B < high_B)
        low_B = torch.where(short_B, middle_B + 1, low_B)
        high_B = torch.where(short_B, high_B, middle_B)
    mask_BYX = cover(high_B) > 0
    mask_BYX = mask_BYX.repeat_interleave(grid.align, 1).repeat_interleave(grid.align, 2)
    return mask_BYX[:, : grid.size[0], : grid.size[1]], is_short(high_B).sum()


def _cell_pixels(index: Tensor, length: int, align: int) -> Tensor:
    """How many pixels, float32, each cell spans along an axis: the last may be cut."""
    return (length - index * align).clamp(max=align).to(torch.float32)
