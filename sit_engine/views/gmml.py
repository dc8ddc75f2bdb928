"""GMML: which pixels of a view the student does not get to see, and what stands there instead.

The law is the December 2022 recipe's (arXiv 2104.03602 v3): an image is either hidden in or, with
`replace_probability`, gets the pixels of a batch mate. Callers: the training loop, previews.
Shapes: B samples, C colours, Y X pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.config.views import CorruptionOptions
from sit_engine.to_device import to_device
from sit_engine.views.blocks import (
    Grid,
    cover_batch,
    cover_each,
    draw_rectangles,
    enough_rectangles,
)
from sit_engine.views.rows import Rows
from sit_engine.views.seeds import numpy_stream, stream_seed
from sit_engine.views.threads import one_thread

FILLS = ("zeros", "noise", "elsewhere", "alien")  # in the order of their numbers in `fill_B`
ZEROS, NOISE, ELSEWHERE, ALIEN = range(4)

# On CPU whole-batch operations win up to about this size of view, above it they leave the cache.
BATCH_MAX_PIXELS = 64 * 64


@dataclass(frozen=True)
class Corruption:
    """What is hidden of each of B samples of one view, and behind what.

    A rank's samples are the first of its views; the others are there to be partners.
    """

    mask_BYX: Tensor  # bool, True = corrupted
    fill_B: Tensor  # int8, an index into FILLS
    partner_B: Tensor  # int64, row of the views for alien; itself means that nothing changes
    shift_B2: Tensor  # int64, rows and columns to move by for elsewhere, cyclic, never (0, 0)
    # Samples whose blocks ran out before the area was reached. A tensor without dimensions on the
    # device: reading it waits for the device, so do that when reporting.
    bound_reached: Tensor
    fills: frozenset[int]  # the numbers that occur in fill_B, known to the host
    rows: Rows  # where the samples stand in their batch, which all noise is drawn for
    noisy: tuple[int, ...]  # samples of the whole batch that are filled with noise


@dataclass(frozen=True)
class DrawnGmml:
    """What `draw_gmml` drew for a whole batch, on the host; nothing is laid out in pixels yet."""

    grid: Grid
    rect_BK4: NDArray[np.int64]
    target_B: NDArray[np.int64]
    fill_B: NDArray[np.int8]
    partner_B: NDArray[np.int64]
    shift_B2: NDArray[np.int64]

    def on(self, device: torch.device, rows: Rows) -> Corruption:
        """The masks and numbers of the rank's own samples, on the device."""
        own = rows.own
        rect_BK4, target_B = self.rect_BK4[own], self.target_B[own]
        # On CPU the loop is as fast on 8 × 8 cells and 30 times faster at 224 px, align 1
        if device.type == "cpu":
            mask_BYX, bound_reached = cover_each(rect_BK4, target_B, self.grid)
        else:
            mask_BYX, bound_reached = cover_batch(rect_BK4, target_B, self.grid, device)
        fill, partner, shift = (
            to_device(values, device)
            for values in (
                self.fill_B[own],
                rows.place(self.partner_B)[: len(mask_BYX)],
                self.shift_B2[own],
            )
        )
        fills = frozenset(self.fill_B[own].tolist())
        noisy = tuple(np.flatnonzero(self.fill_B == NOISE).tolist())
        return Corruption(mask_BYX, fill, partner, shift, bound_reached, fills, rows, noisy)


def draw_gmml(
    options: CorruptionOptions,
    batch: int,
    size: tuple[int, int],
    *,
    seed: int,
    step: int,
    view: int,
    align: int,
) -> DrawnGmml:
    """The corruption of one view of `batch` samples of `size` (height, width).

    A pure function of its arguments.
    """
    rng = numpy_stream(seed, step, 0, f"corruption {view}")
    is_replaced_B = rng.random(batch) < options.replace_probability
    chosen_B = rng.integers(0, len(options.fills), batch)
    hidden_behind = np.array([FILLS.index(name) for name in options.fills])
    fill_B = np.where(is_replaced_B, ALIEN, hidden_behind[chosen_B]).astype(np.int8)
    most_B = np.where(is_replaced_B, options.replace_share, options.drop_share)
    share_B = rng.uniform(np.minimum(0.5, most_B), most_B)
    partner_B = rng.integers(0, batch, batch)
    partner_B[fill_B != ALIEN] = np.flatnonzero(fill_B != ALIEN)  # Nobody else's pixels are needed.
    pixels = size[0] * size[1]
    shift_B2 = np.stack(np.divmod(rng.integers(1, max(2, pixels), batch), size[1]), axis=1)

    grid = Grid(size, align)
    target_B = np.ceil(share_B * pixels).astype(np.int64)
    count = enough_rectangles(
        grid, options.block_side, max(options.drop_share, options.replace_share)
    )
    rect_BK4 = draw_rectangles(grid, options.block_side, count, batch, rng)
    return DrawnGmml(grid, rect_BK4, target_B, fill_B, partner_B, shift_B2)


def corrupt_gmml(
    view_BCYX: Tensor,
    corruption: Corruption,
    *,
    seed: int,
    step: int,
    view: int,
    out: Tensor | None = None,
) -> Tensor:
    """A corrupted copy [B, C, Y, X] of the normalised views; 0 is the mean colour.

    Views past the first B are partners. `out`, never the view itself, is used again at every step
    as in `apply_views`.

    Noise is N(0, 1) from a generator of its own, so the same on one kind of device only. `lerp`
    with weights 0 and 1 is exact, and on CPU many times faster than `where`.
    """
    noise_seed = stream_seed(seed, step, 0, f"noise {view}")
    generator = torch.Generator(view_BCYX.device).manual_seed(noise_seed)
    is_small = view_BCYX.shape[2] * view_BCYX.shape[3] <= BATCH_MAX_PIXELS
    if view_BCYX.device.type != "cpu" or is_small:
        return corrupt_batch(view_BCYX, corruption, generator, out=out)
    return corrupt_each(view_BCYX, corruption, generator, out=out)


def corrupt_batch(
    view_BCYX: Tensor,
    corruption: Corruption,
    generator: torch.Generator,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`corrupt` for the whole batch at once, on any device."""
    own_BCYX = view_BCYX[: len(corruption.mask_BYX)]
    behind_BCYX = torch.zeros_like(own_BCYX)
    for fill in sorted(corruption.fills - {ZEROS}):
        if fill == NOISE:
            source_BCYX = corruption.rows.noise_like(own_BCYX, generator)
        elif fill == ELSEWHERE:
            source_BCYX = roll_each(own_BCYX, corruption.shift_B2)
        else:
            source_BCYX = view_BCYX[corruption.partner_B]
        is_this_B = (corruption.fill_B == fill).to(view_BCYX.dtype)
        behind_BCYX.lerp_(source_BCYX, is_this_B.view(-1, 1, 1, 1))
    weight_B1YX = corruption.mask_BYX[:, None].to(view_BCYX.dtype)
    return torch.lerp(own_BCYX, behind_BCYX, weight_B1YX, out=out)


@one_thread()
def corrupt_each(
    view_BCYX: Tensor,
    corruption: Corruption,
    generator: torch.Generator,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`corrupt` sample by sample, for large views on CPU: each is read and written once."""
    own_BCYX = view_BCYX[: len(corruption.mask_BYX)]
    out_BCYX = torch.empty_like(own_BCYX) if out is None else out
    fills, partners, shifts = (
        values.tolist() for values in (corruption.fill_B, corruption.partner_B, corruption.shift_B2)
    )
    noise = corruption.rows.noise_of(corruption.noisy, own_BCYX, generator)
    for i, (view_CYX, mask_YX) in enumerate(zip(own_BCYX, corruption.mask_BYX, strict=True)):
        weight_YX = mask_YX.to(view_BCYX.dtype)
        if fills[i] == ZEROS:
            torch.mul(view_CYX, 1 - weight_YX, out=out_BCYX[i])
            continue
        if fills[i] == NOISE:
            source_CYX = next(noise)
        elif fills[i] == ELSEWHERE:
            source_CYX = view_CYX.roll(shifts[i], dims=(1, 2))
        else:
            source_CYX = view_BCYX[partners[i]]
        torch.lerp(view_CYX, source_CYX, weight_YX, out=out_BCYX[i])
    return out_BCYX


def roll_each(view_BCYX: Tensor, shift_B2: Tensor) -> Tensor:
    """Each sample of [B, C, Y, X] moved cyclically by its own (rows, columns)."""
    batch, channels, height, width = view_BCYX.shape
    device = view_BCYX.device
    row_BY = (torch.arange(height, device=device) - shift_B2[:, :1]) % height
    column_BX = (torch.arange(width, device=device) - shift_B2[:, 1:]) % width
    pixel_BYX = row_BY[:, :, None] * width + column_BX[:, None, :]
    pixel_BCN = pixel_BYX.view(batch, 1, -1).expand(-1, channels, -1)
    return view_BCYX.flatten(2).gather(2, pixel_BCN).view_as(view_BCYX)
