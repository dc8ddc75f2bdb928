"""Schedules are pure functions with the right ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.training.schedules import cosine, falls_on


def test_ends_and_middle() -> None:
    assert cosine(1.0, 0.1, 0, 100) == pytest.approx(1.0)
    assert cosine(1.0, 0.1, 50, 100) == pytest.approx(0.55)
    assert cosine(1.0, 0.1, 100, 100) == pytest.approx(0.1)
    assert cosine(1.0, 0.1, 0, 100, 10) == 0.0
    assert cosine(1.0, 0.1, 5, 100, 10) == pytest.approx(0.5)
    assert cosine(1.0, 0.1, 10, 100, 10) == pytest.approx(1.0)


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 1200))
def test_it_stays_between_its_ends(total: int, warmup: int, step: int) -> None:
    assert 0.0 <= cosine(1.0, 0.1, step, total, warmup) <= 1.0


@given(st.integers(1, 500), st.integers(1, 50))
def test_moments_are_spread_evenly_and_the_end_is_one(total: int, times: int) -> None:
    steps = [step for step in range(1, total + 1) if falls_on(step, total, times)]
    assert len(steps) == min(times, total)
    assert steps[-1] == total


def test_no_moments() -> None:
    assert not any(falls_on(step, 10, 0) for step in range(1, 11))
