"""Rectangles and the two ways to unite them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sit_engine.views.blocks import (
    Grid,
    SideLaw,
    cover_batch,
    cover_each,
    draw_rectangles,
    enough_rectangles,
)

GRIDS = [
    Grid((64, 64), 1),
    Grid((96, 160), 1),
    Grid((224, 224), 16),
    Grid((32, 32), 4),
    Grid((50, 70), 16),
]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("count", [12, 100])
def test_both_ways_give_the_same_masks(grid: Grid, count: int) -> None:
    rng = np.random.default_rng(0)
    rect_BK4 = draw_rectangles(grid, 0.3, count, 40, rng)
    pixels = grid.size[0] * grid.size[1]
    target_B = np.ceil(rng.uniform(0, 0.6, 40) * pixels).astype(np.int64)
    target_B[0] = 0
    each, each_short = cover_each(rect_BK4, target_B, grid)
    batch, batch_short = cover_batch(rect_BK4, target_B, grid, torch.device("cpu"))
    assert torch.equal(each, batch)
    assert int(each_short) == int(batch_short)
    is_reached_B = each.sum((1, 2)) >= torch.from_numpy(target_B)
    assert int((~is_reached_B).sum()) == int(each_short)
    assert not each[0].any()


@pytest.mark.parametrize("grid", GRIDS)
def test_no_block_is_placed_once_the_area_is_reached(grid: Grid) -> None:
    rng = np.random.default_rng(1)
    rect_BK4 = draw_rectangles(grid, 0.3, 80, 20, rng)
    target_B = np.full(20, grid.size[0] * grid.size[1] // 3)
    masks = cover_each(rect_BK4, target_B, grid)[0].numpy()
    for mask_YX, rect_K4, target in zip(masks, rect_BK4, target_B, strict=True):
        slow_YX = np.zeros(grid.size, dtype=bool)
        for top, left, bottom, right in rect_K4 * grid.align:
            if slow_YX.sum() >= target:
                break
            slow_YX[top:bottom, left:right] = True
        assert np.array_equal(mask_YX, slow_YX)


def test_rectangles_have_the_starts_and_sides_of_their_law() -> None:
    rng = np.random.default_rng(2)
    rect = draw_rectangles(Grid((224, 224), 1), 0.3, 100, 400, rng).reshape(-1, 4)
    side = rect[:, 2] - rect[:, 0]
    assert rect[:, 0].min() == 0
    assert rect[:, 0].max() == 222  # randint(0, 224 − 1)
    assert side.min() == 1
    assert side.max() == 66  # randint(1, 67)
    free = side[rect[:, 0] < 150]  # not clipped
    assert np.bincount(free)[1:] / len(free) == pytest.approx(np.full(66, 1 / 66), abs=0.004)
    assert rect.max() == 224


@pytest.mark.parametrize(
    ("length", "align", "side", "law"),
    [
        (32, 4, 0.3, SideLaw(8, 2)),
        (224, 16, 0.3, SideLaw(14, 4)),
        (70, 16, 0.3, SideLaw(5, 1)),
        (2, 1, 0.3, SideLaw(1, 1)),
        (32, 32, 0.3, SideLaw(1, 1)),
    ],
)
def test_the_law_of_an_axis(length: int, align: int, side: float, law: SideLaw) -> None:
    assert SideLaw.of(length, align, side) == law


def test_the_bound_leaves_room() -> None:
    assert enough_rectangles(Grid((224, 224), 1), 0.3, 0.5) >= 90
    assert enough_rectangles(Grid((224, 224), 16), 0.3, 0.5) >= 48
    assert enough_rectangles(Grid((1, 1), 1), 1.0, 0.95) >= 1


def test_a_bound_that_is_reached_is_counted() -> None:
    grid = Grid((32, 32), 1)
    rect_BK4 = draw_rectangles(grid, 0.3, 5, 16, np.random.default_rng(0))
    target_B = np.full(16, 1000)
    for short in (
        cover_each(rect_BK4, target_B, grid)[1],
        cover_batch(rect_BK4, target_B, grid, torch.device("cpu"))[1],
    ):
        assert int(short) == 16
