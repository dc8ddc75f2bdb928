"""The space of networks, its limits, and evolution in it: nothing is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sit_engine.config.build import build
from sit_engine.config.families.network_cost import Limits, counted_table
from sit_engine.config.families.network_shape import uniform
from sit_engine.config.families.searched import as_settings
from sit_engine.config.families.space import Space
from sit_engine.errors import SitError
from sit_engine.records.studies.network_request import read_budget
from sit_engine.studies.search.evolution import evolve, first_generation, into_limits
from sit_engine.studies.search.space import plain_in, plain_under, space_around

SPACE = Space(16, (4, 8), (8, 16, 24, 32), 1, 4, (1, 2), (8, 16), (16, 32, 48))


def test_evolution_asks_the_same_again_and_only_within_the_budget() -> None:
    limits = Limits(counted_table(SPACE, "multiply-adds"), 1e5, 3e5)
    first = first_generation(SPACE, limits, 0.3, 8, seed=3)
    assert len(np.unique(first, axis=0)) == 8

    def asked(objectives: int) -> tuple[list[tuple[int, ...]], list[float]]:
        codes: list[tuple[int, ...]] = []
        best: list[float] = []

        def score(each: list[np.ndarray], number: int) -> list[float]:
            assert number == len(best)
            assert limits.within(SPACE, np.stack(each)).all()
            codes.extend(tuple(code.tolist()) for code in each)
            found = [float(SPACE.shape(code).width) for code in each]
            best.append(max(found))
            return found

        evolve(SPACE, limits, 0.3, first, generations=6, objectives=objectives, seed=1, score=score)
        return codes, best

    one, best = asked(1)
    assert asked(1) == (one, best)
    assert (SPACE.canonical(np.array(one)) == np.array(one)).all()
    assert max(best) == 32
    assert asked(2)[0] != one


def test_a_child_outside_the_budget_takes_no_more_genes_than_it_needs() -> None:
    limits = Limits(counted_table(SPACE, "multiply-adds"), 1e5, 3e5)
    drawn = SPACE.draw(200, 0.2, np.random.default_rng(0))
    is_within = limits.within(SPACE, drawn)
    assert 0 < is_within.sum() < 200
    found = into_limits(SPACE, limits, 0.3, drawn, np.random.default_rng(1))
    assert limits.within(SPACE, found).all()
    assert (found[is_within] == drawn[is_within]).all()
    kept = (found == drawn)[~is_within].mean()
    donors = limits.draw(SPACE, 0.3, np.random.default_rng(2), 200)
    assert kept > (donors == drawn)[~is_within].mean() + 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", None), ("300M", (3e8, "multiply-adds")), ("1.3G", (1.3e9, "multiply-adds")),
        ("5M-parameters", (5e6, "parameters")), ("20ms", (20.0, "milliseconds")),
    ],
)  # fmt: skip
def test_a_budget_is_read(text: str, expected: Any) -> None:
    assert read_budget(text) == expected


@pytest.mark.parametrize("high", [3e5, 3e6, 3e7, 3e8, 3e9])
@pytest.mark.parametrize(("side", "patch"), [(32, 4), (64, 8), (224, 16)])
def test_a_space_follows_the_budget_and_the_views(high: float, side: int, patch: int) -> None:
    def cost(shape: Any) -> float:
        return float(shape.multiply_adds(side))

    if side == 224 and high == 3e5:
        with pytest.raises(SitError, match="smallest network costs"):
            plain_under(patch, cost, high)
        return
    plain = plain_under(patch, cost, high)
    assert cost(plain) <= high
    assert cost(plain) >= 0.85 * high or high < 1e6
    space = space_around(plain, side)
    assert (space.shape(space.code(plain))) == plain
    assert all(wide % heads == 0 for wide in space.attentions for heads in space.heads)
    assert all(side % each == 0 and each % space.patches[0] == 0 for each in space.patches)
    limits = Limits(counted_table(space, "multiply-adds"), 0.9 * high, high)
    codes = limits.draw(space, limits.calibrate_each(space), np.random.default_rng(0), 200)
    assert (plain_in(space, patch, cost, high).patch_size, len(codes)) == (patch, 200)
    # Deeper networks than the shallowest are met, and as deep ones as the plain network.
    depths = space.depths(codes)
    assert (depths >= plain.depth).any()
    assert (depths == space.least_depth).mean() < 0.75 or plain.depth < 3
    for number in (0, -1):
        shape = space.shape(np.sort(codes, axis=0)[number])
        build({"model": as_settings(shape, side)})


def test_of_each_patch_size_the_mean_network_keeps_the_budget() -> None:
    """One probability for all left networks of the fewest blocks alone: the finest patches cost most."""
    plain = uniform(8, 96, depth=4, heads=4, mlp=384)
    high = float(plain.multiply_adds(32))
    space = space_around(plain, 32)
    limits = Limits(counted_table(space, "multiply-adds"), 0.9 * high, high)
    each = limits.calibrate_each(space)
    assert len(each) == len(space.patches) == 3
    middle = space._replace(patches=(8,))
    mean = (
        counted_table(middle, "multiply-adds")
        .costs(middle, middle.draw(5000, each[1], np.random.default_rng(3)))
        .mean()
    )
    assert 0.88 * high < mean < 1.02 * high
    assert each[0] > each[1] > each[2]
    kept = limits.kept_by_patch(space, each)
    assert kept[1] > kept[0] > 20 > kept[2]
