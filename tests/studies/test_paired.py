"""Paired differences: the bootstrap against a plain loop, and cases whose answer is known."""

from __future__ import annotations

import random
import statistics

import numpy as np
import pytest

from sit_engine.studies.paired import interval, lined_up, mean_over_seeds


def plain_interval(rows: list[list[float | None]], resamples: int) -> tuple[float, float]:
    """The same by its definition, one number at a time; None where a seed lacks a column."""
    generator = random.Random(5)
    means: list[float] = []
    while len(means) < resamples:
        columns = [generator.randrange(len(rows[0])) for _ in rows[0]]
        of_seeds = []
        for row in (rows[generator.randrange(len(rows))] for _ in rows):
            found = [value for column in columns if (value := row[column]) is not None]
            if found:
                of_seeds.append(statistics.fmean(found))
        if of_seeds:
            means.append(statistics.fmean(of_seeds))
    means.sort()
    return means[round(0.025 * resamples)], means[round(0.975 * resamples)]


@pytest.mark.parametrize("is_ragged", [False, True])
def test_the_interval_is_that_of_a_plain_loop(is_ragged: bool) -> None:
    generator = np.random.default_rng(3)
    table = generator.normal(0.1, 1, size=(3, 12)) + generator.normal(size=(3, 1))
    if is_ragged:
        table[0, :7], table[2, 3:] = np.nan, np.nan
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in table]
    low, high = interval(table)
    plain_low, plain_high = plain_interval(rows, 4000)
    width = plain_high - plain_low
    assert low == pytest.approx(plain_low, abs=0.05 * width)
    assert high == pytest.approx(plain_high, abs=0.05 * width)


def test_no_difference_and_a_constant_one_leave_no_doubt() -> None:
    assert interval(np.zeros((2, 30))) == (0.0, 0.0)
    assert interval(np.full((3, 30), 0.25)) == pytest.approx((0.25, 0.25))
    table = np.full((2, 30), np.nan)
    table[0, :15], table[1, 15:] = 0.25, 0.25
    assert interval(table) == pytest.approx((0.25, 0.25))


def test_chance_alone_gives_an_interval_around_0() -> None:
    answers = np.random.default_rng(0).integers(2, size=(2, 2, 400)).astype(float)
    low, high = interval(answers[0] - answers[1])
    assert low < 0 < high
    low, high = interval(answers[0] - answers[1] + 0.2)
    assert low > 0


def test_images_asked_at_every_seed_count_once() -> None:
    """The same differences at four seeds are no more evidence than at one; new images are."""
    once = np.random.default_rng(1).normal(size=(1, 100))
    low, high = interval(once)
    again = interval(np.repeat(once, 4, axis=0))
    assert again[1] - again[0] == pytest.approx(high - low, rel=0.1)
    others = np.full((4, 400), np.nan)
    for seed in range(4):
        others[seed, 100 * seed : 100 * (seed + 1)] = once
    nested = interval(others)
    assert (high - low) / 2 < nested[1] - nested[0] < 0.75 * (high - low)


def test_values_stand_under_their_names() -> None:
    table = lined_up({
        0: (np.array(["b", "a"]), np.array([2.0, 1.0])),
        3: (np.array(["c", "b"]), np.array([6.0, 4.0])),
    })  # fmt: skip
    np.testing.assert_array_equal(table, [[1, 2, np.nan], [np.nan, 4, 6]])
    # Each seed's own mean, then the mean of those.
    assert mean_over_seeds(table) == pytest.approx((1.5 + 5) / 2)
