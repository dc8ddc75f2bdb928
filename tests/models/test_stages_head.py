"""Pixels out of the maps of several stages."""

from __future__ import annotations

import torch

from sit_engine.models.backbone import Maps
from sit_engine.models.heads import StagesHead


def test_a_coarse_place_reaches_the_pixels_above_it_and_no_other() -> None:
    torch.manual_seed(0)
    head = StagesHead(((2, 4), (4, 8)), layers=1).double()
    fine, wide = torch.randn(1, 8, 4).double(), torch.randn(1, 2, 8).double()

    def pixels(places: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = head([_maps(fine, (2, 4)), _maps(places, (1, 2))])
        return made

    before = pixels(wide)
    assert before.shape == (1, 3, 4, 8)
    changed = wide.clone()
    changed[:, 1] *= -1
    moved = (pixels(changed) - before).abs().sum(1)[0]
    assert bool((moved[:, :4] == 0).all())
    assert bool((moved[:, 4:] > 0).all())


def test_it_is_the_sum_of_what_each_map_says() -> None:
    """Against enlarging first and narrowing then, place by place."""
    torch.manual_seed(1)
    head = StagesHead(((2, 4), (4, 8)), layers=0).double()
    fine, coarse = torch.randn(2, 4, 4).double(), torch.randn(2, 1, 8).double()
    found = head([_maps(fine, (2, 2)), _maps(coarse, (1, 1))])
    narrow_fine, narrow_coarse = head.narrow
    together = torch.stack(
        [narrow_fine(fine[:, place]) + narrow_coarse(coarse[:, 0]) for place in range(4)], 1
    )
    torch.testing.assert_close(found, head.head(together, (2, 2)))


def _maps(places: torch.Tensor, grid: tuple[int, int]) -> Maps:
    return Maps(places[:, :0], places, grid)
