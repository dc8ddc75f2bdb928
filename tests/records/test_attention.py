"""Which places hold a share of the attention, against a plain loop as DINO's authors write it."""

from __future__ import annotations

import numpy as np
import pytest

from sit_engine.records.attention import holding


def plainly(map_YX: np.ndarray, share: float) -> np.ndarray:
    """Places are left out from the weakest on, while what was left out is no more than the rest."""
    places = sorted(np.ndindex(map_YX.shape), key=lambda place: map_YX[place])
    total, climbed = float(map_YX.sum()), 0.0
    kept = np.zeros(map_YX.shape, dtype=bool)
    for place in places:
        climbed += float(map_YX[place])
        kept[place] = climbed > (1 - share) * total
    return kept


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_it_is_the_plain_loop_for_every_head(share: float) -> None:
    maps = np.random.default_rng(0).gamma(0.3, size=(2, 3, 5, 7))
    found = holding(maps, share)
    for row, of_heads in enumerate(maps):
        for head, one in enumerate(of_heads):
            assert np.array_equal(found[row, head], plainly(one, share))
    held = (maps * found).sum((-1, -2)) / maps.sum((-1, -2))
    assert (held >= share).all()
    # Without its weakest place it would hold less.
    weakest = np.where(found, maps, np.inf).min((-1, -2))
    assert ((maps * found).sum((-1, -2)) - weakest < share * maps.sum((-1, -2))).all()


def test_an_even_map_keeps_its_share_and_an_empty_or_broken_one_nothing() -> None:
    assert holding(np.ones((10, 10)), 0.6).sum() in (60, 61)
    assert not holding(np.zeros((4, 4)), 0.6).any()
    assert not holding(np.full((4, 4), np.nan), 0.6).any()
    one = np.zeros((4, 4))
    one[1, 2] = 3.0
    assert np.argwhere(holding(one, 0.01)).tolist() == [[1, 2]]
