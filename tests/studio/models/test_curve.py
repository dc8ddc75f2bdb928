"""Curves keep what they are given, within bounds; smoothing and thinning against plain loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_studio.models.curve import Array, Curve, smooth, thin

NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan))
LISTS = st.lists(NUMBERS, max_size=300)


def plainly_smooth(values: Sequence[float], weight: float) -> list[float]:
    total, share, result = 0.0, 0.0, []
    for value in values:
        if math.isnan(value):
            result.append(math.nan)
            continue
        total = weight * total + (1 - weight) * value
        share = weight * share + (1 - weight)
        result.append(total / share)
    return result


@given(LISTS, st.floats(0.01, 0.99))
def test_smoothing_is_the_debiased_average_that_skips_gaps(
    values: list[float], weight: float
) -> None:
    expected = np.array(plainly_smooth(values, weight))
    found = smooth(np.array(values, dtype=np.float64), weight)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-6)


def test_no_smoothing_changes_nothing() -> None:
    values = np.array([1.0, math.nan, 3.0])
    np.testing.assert_array_equal(smooth(values, 0), values)


@given(st.lists(LISTS, max_size=6))
def test_smoothing_goes_on_where_it_was(pieces: list[list[float]]) -> None:
    curve = Curve()
    for piece in pieces:
        start = len(curve)
        curve.extend(np.arange(start, start + len(piece)), piece)
        np.testing.assert_allclose(
            curve.smoothed(0.9), smooth(curve.values, 0.9), rtol=1e-9, atol=1e-6
        )


def test_smoothing_starts_over_when_points_go() -> None:
    curve = Curve()
    curve.extend(range(100), np.linspace(0, 1, 100))
    curve.smoothed(0.9)
    curve.clear_after(49)
    curve.append(50, 7)
    np.testing.assert_allclose(curve.smoothed(0.9), smooth(curve.values, 0.9))


@given(LISTS, st.integers(1, 40))
def test_thinning_keeps_the_extremes_of_every_column(values: list[float], width: int) -> None:
    y = np.array(values, dtype=np.float64)
    x = np.arange(len(y), dtype=np.float64)
    x1 = float(max(len(y), 1))
    thin_x, thin_y = thin(x, y, 0.0, x1, width)
    assert len(thin_x) <= 2 * width or len(thin_x) == len(x)
    assert np.all(np.diff(thin_x) >= 0)
    column, thin_column = np.floor(x * width / x1), np.floor(thin_x * width / x1)
    if len(thin_x) == len(x):
        np.testing.assert_array_equal(thin_y, y)
        return
    for number in range(width):
        every, kept = y[column == number], thin_y[thin_column == number]
        if np.isfinite(every).any():
            assert np.nanmin(kept) <= np.nanmin(every)
            assert np.nanmax(kept) >= np.nanmax(every)


def test_thinning_lets_the_line_run_out_of_the_picture() -> None:
    x = np.arange(100.0)
    thin_x, _ = thin(x, x, 40.5, 50.5, 100)
    assert (thin_x[0], thin_x[-1]) == (40, 51)


def test_a_curve_grows_and_keeps_gaps() -> None:
    curve = Curve()
    for step in range(1000):
        curve.append(step, math.inf if step == 5 else step)
    assert len(curve) == 1000
    assert math.isnan(curve.values[5])
    assert curve.values[999] == 999


def test_a_step_that_goes_back_voids_the_later_ones() -> None:
    curve = Curve()
    curve.extend([10, 20, 30, 40], [1, 2, 3, 4])
    curve.append(25, 9)
    np.testing.assert_array_equal(curve.steps, [10, 20, 25])
    curve.extend([20, 21, 5], [7, 8, 6])
    np.testing.assert_array_equal(curve.steps, [5])


@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_curve_stays_bounded_and_keeps_its_extremes(piece: int) -> None:
    rng = np.random.default_rng(0)
    values: Array = rng.standard_normal(20_000)
    values[3], values[9000], values[5000] = 50, -50, math.nan
    curve = Curve(most_points=1000)
    for start in range(0, len(values), piece):
        part = values[start : start + piece]
        curve.extend(np.arange(start, start + len(part)), part)
    assert len(curve) <= 1000
    assert np.all(np.diff(curve.steps) > 0)
    assert np.nanmax(curve.values) == 50
    assert np.nanmin(curve.values) == -50
    assert curve.steps[np.isnan(curve.values)].tolist() == [5000]
    np.testing.assert_array_equal(values[curve.steps.astype(int)], curve.values)
    assert np.diff(curve.steps).max() < 400, "no stretch of the past is forgotten"


def test_a_weight_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="weight is 1"):
        smooth(np.zeros(3), 1.0)
