"""The four local corruptions of arXiv 2104.03602 v1: grey, blur, noise, blocks of another image.

They follow each other on every view. The original takes one image after the other; here each step
takes the whole batch, which differs in two ways (docs/adr/0012-tasks-and-recipes.md): pixels of
another image come from the batch as it stood before that step, where the original finds images of a
lower number already changed; and a block is cut out of the blurred view, where the original blurs the
block by itself, so that nothing flows over its border.
Shapes: B views, C colours, Y X pixels, K blocks; a block is (top, left, bottom, right), ends exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.config.views import LocalOptions
from sit_engine.to_device import to_device
from sit_engine.views.apply_batch import blur_each
from sit_engine.views.gmml import BATCH_MAX_PIXELS
from sit_engine.views.rows import Rows
from sit_engine.views.seeds import numpy_stream, stream_seed
from sit_engine.views.threads import one_thread

Integers = NDArray[np.int64]
Size = tuple[int, int]

BLOCKS_AT_ONCE = 16
LARGEST_RADIUS = 7  # of the kernels 3, 5 … 15


@dataclass(frozen=True)
class Local:
    """What is done to each of B views of one batch; tensors on the device."""

    grey_BYX: Tensor  # bool
    blur_BYX: Tensor  # bool
    radius_B: Tensor  # float32, of the blur, px
    sigma_B: Tensor  # float32, px
    noise_BYX: Tensor  # bool
    alien_BYX: Tensor  # bool
    partner_B: Tensor  # int64, row of the views whose pixels
    rows: Rows

    @property
    def mask_BYX(self) -> Tensor:
        """Pixels that any of the four steps touched."""
        return self.grey_BYX | self.blur_BYX | self.noise_BYX | self.alien_BYX


@dataclass(frozen=True)
class DrawnLocal:
    """What `draw_blocks_of` drew for a whole batch, on the host; nothing is laid out in pixels yet.

    Each of the four kinds has blocks [B,K,4] and which of them are used [B,K].
    """

    size: Size
    kinds: tuple[tuple[Integers, NDArray[np.bool_]], ...]
    radius_B: NDArray[np.float32]
    sigma_B: NDArray[np.float32]
    partner_B: Integers

    def on(self, device: torch.device, rows: Rows) -> Local:
        """The masks and numbers of the samples here, on the device."""
        chosen = rows.numbers
        masks = np.stack([united(block[chosen], used[chosen], self.size)
                          for block, used in self.kinds])  # fmt: skip
        partner_B = rows.place(self.partner_B)
        masks[3, self.partner_B[chosen] == chosen] = False
        grey, blur, noise, alien = to_device(masks, device)
        radius, sigma, partner = (
            to_device(values, device)
            for values in (self.radius_B[chosen], self.sigma_B[chosen], partner_B)
        )
        return Local(grey, blur, radius, sigma, noise, alien, partner, rows)


def draw_blocks_of(
    options: LocalOptions,
    batch: int,
    size: Size,
    *,
    seed: int,
    step: int,
    view: int,
) -> DrawnLocal:
    """The corruption of one view of `batch` samples of `size`: a pure function of its arguments.

    Kernel 2·(randint(3, 16) // 2) + 1, σ = 5·U[0,1] + 0.1; the area of noise blocks is at least
    U[0, `noise_share`] of the view, overlaps counted twice; that of alien blocks likewise, of the batch
    mate randint(0, B), which changes nothing where it is the image itself.
    """
    rng = numpy_stream(seed, step, 0, f"local {view}")
    one_each = (batch, 1)
    coins = [rng.random(batch) < chance for chance in (options.grey_block, options.blur_block)]
    kinds = [
        (draw_blocks(size, (options.side_min, 1.0), one_each, rng), coin_B[:, None])
        for coin_B in coins
    ]
    radius_B = rng.integers(3, 16, batch) // 2
    sigma_B = 5 * rng.random(batch) + 0.1
    sides = (options.side_min, options.side_max)
    kinds += [
        draw_until(rng.uniform(0, most, batch), size, sides, rng)
        for most in (options.noise_share, options.alien_share)
    ]
    partner_B = rng.integers(0, batch, batch)
    return DrawnLocal(
        size, tuple(kinds), radius_B.astype(np.float32), sigma_B.astype(np.float32), partner_B
    )


def draw_blocks(
    size: Size, sides: tuple[float, float], shape: tuple[int, int], rng: np.random.Generator
) -> Integers:
    """Blocks [B,K,4]: corner randint(0, H − m), side randint(m, most), clipped at the border.

    m = int(`sides[0]`·H) and most = int(`sides[1]`·H) for each axis, at least one pixel; upper ends
    exclusive.
    """
    corners, ends = [], []
    for length in size:
        least = max(1, int(sides[0] * length))
        most = max(least + 1, int(sides[1] * length))
        corner_BK = rng.integers(0, max(1, length - least), shape)
        corners.append(corner_BK)
        ends.append(np.minimum(corner_BK + rng.integers(least, most, shape), length))
    return np.stack([*corners, *ends], axis=2)


def draw_until(
    share_B: NDArray[np.float64], size: Size, sides: tuple[float, float], rng: np.random.Generator
) -> tuple[Integers, NDArray[np.bool_]]:
    """Blocks [B,K,4] and which of them are used [B,K]: one after the other until the sum of their
    areas, overlaps counted twice, reaches the share of the view.
    """
    target_B1 = share_B[:, None] * size[0] * size[1]
    so_far_B1 = np.zeros_like(target_B1)
    blocks, used = [np.empty((len(share_B), 0, 4), dtype=np.int64)], [so_far_B1[:, :0] > 0]
    while (so_far_B1 < target_B1).any():
        block_BK4 = draw_blocks(size, sides, (len(share_B), BLOCKS_AT_ONCE), rng)
        area_BK = np.prod(block_BK4[..., 2:] - block_BK4[..., :2], axis=2)
        sums_BK = so_far_B1 + area_BK.cumsum(axis=1)
        blocks.append(block_BK4)
        used.append(sums_BK - area_BK < target_B1)
        so_far_B1 = sums_BK[:, -1:]
    return np.concatenate(blocks, axis=1), np.concatenate(used, axis=1)


def united(block_BK4: Integers, is_used_BK: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    """The pixels [B,Y,X] of the blocks that are used."""
    mask_BYX = np.zeros((len(block_BK4), *size), dtype=np.bool_)
    for mask_YX, blocks, used in zip(mask_BYX, block_BK4, is_used_BK, strict=True):
        for top, left, bottom, right in blocks[used].tolist():
            mask_YX[top:bottom, left:right] = True
    return mask_BYX


def corrupt_local(
    view_BCYX: Tensor,
    local: Local,
    *,
    seed: int,
    step: int,
    view: int,
    out: Tensor | None = None,
) -> Tensor:
    """A corrupted copy [B,C,Y,X] of the normalised views; noise is N(0,1).

    Views are those of `local.rows`, partners among them. `out`, never the view itself, is used again
    at every step. Grey is the plain mean of the channels.
    `lerp` with weights 0 and 1 is exact and on CPU many times faster than `where`.
    """
    generator = torch.Generator(view_BCYX.device).manual_seed(
        stream_seed(seed, step, 0, f"local noise {view}")
    )
    made_BCYX = torch.empty_like(view_BCYX) if out is None else out
    made_BCYX.copy_(view_BCYX)

    def paste(source: Tensor, mask_BYX: Tensor) -> None:
        made_BCYX.lerp_(source.expand_as(made_BCYX), mask_BYX[:, None].to(made_BCYX.dtype))

    paste(made_BCYX.mean(1, keepdim=True), local.grey_BYX)
    if view_BCYX.device.type == "cpu" and view_BCYX[0, 0].numel() > BATCH_MAX_PIXELS:
        blur_blocks_(made_BCYX, local)
    else:
        paste(blur_each(made_BCYX, local.sigma_B, local.radius_B, LARGEST_RADIUS), local.blur_BYX)
    paste(local.rows.noise_like(made_BCYX, generator), local.noise_BYX)
    paste(made_BCYX[local.partner_B], local.alien_BYX)
    return made_BCYX


@one_thread()
def blur_blocks_(view_BCYX: Tensor, local: Local) -> None:
    """Blur in place each blur block from its own pixels and the rim that its kernel reaches.

    The same as cutting it out of a blurred view, and at 224 px on CPU several times faster.
    """
    sigmas, radii = local.sigma_B, local.radius_B.long().tolist()
    for i, (view_CYX, mask_YX) in enumerate(zip(view_BCYX, local.blur_BYX, strict=True)):
        rows, columns = (np.flatnonzero(mask_YX.any(axis).numpy()) for axis in (1, 0))
        if not len(rows):
            continue
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        above, before = max(0, top - radii[i]), max(0, left - radii[i])
        near_CYX = view_CYX[:, above : bottom + radii[i], before : right + radii[i]]
        one = slice(i, i + 1)
        blurred_CYX = blur_each(near_CYX[None], sigmas[one], local.radius_B[one], radii[i])[0]
        inner_CYX = blurred_CYX[:, top - above : bottom - above, left - before : right - before]
        view_CYX[:, top:bottom, left:right] = inner_CYX
