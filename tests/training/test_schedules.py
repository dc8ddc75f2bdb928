"""Schedules are pure functions with the right ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine import api
from sit_engine.records.events import Event, StepReported
from sit_engine.training.schedules import cosine, falls_on, level
from tests.tiny import BRIEF, tiny_config


def test_ends_and_middle() -> None:
    assert cosine(1.0, 0.1, 0, 100) == pytest.approx(1.0)
    assert cosine(1.0, 0.1, 50, 100) == pytest.approx(0.55)
    assert cosine(1.0, 0.1, 100, 100) == pytest.approx(0.1)
    assert cosine(1.0, 0.1, 0, 100, 10) == 0.0
    assert cosine(1.0, 0.1, 5, 100, 10) == pytest.approx(0.5)
    assert cosine(1.0, 0.1, 10, 100, 10) == pytest.approx(1.0)


def test_level_falls_in_the_last_fifth_alone() -> None:
    rates = [level(1.0, 0.1, step, 100, 10) for step in range(101)]
    assert rates[:11] == pytest.approx([step / 10 for step in range(11)])
    assert rates[10:81] == [1.0] * 71
    assert rates[80:] == pytest.approx([1.0 - 0.9 * step / 20 for step in range(21)])


@pytest.mark.parametrize("schedule", [cosine, level])
@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 1200))
def test_it_stays_between_its_ends(
    schedule: Callable[..., float], total: int, warmup: int, step: int
) -> None:
    assert 0.0 <= schedule(1.0, 0.1, step, total, warmup) <= 1.0


@pytest.mark.parametrize("schedule", ["cosine", "level"])
def test_a_run_follows_the_course_that_was_chosen(schedule: str, few: Path, tmp_path: Path) -> None:
    config = tiny_config(
        few, optim={"schedule": schedule, "epochs": 2, "batch_size": BRIEF}, watch={"readings": 0}
    )
    rates: list[float] = []

    def keep(event: Event) -> None:
        if isinstance(event, StepReported):
            rates.append(event.learning_rate)

    api.pretrain(config, tmp_path / "run", emit=keep)
    # From the warm-up to the fall.
    middle = rates[len(rates) * 3 // 10 : len(rates) * 7 // 10]
    assert len(middle) >= 3
    assert (len(set(middle)) == 1) == (schedule == "level")
    assert rates[-1] < max(rates) / 10


@given(st.integers(1, 500), st.integers(1, 50))
def test_moments_are_spread_evenly_and_the_end_is_one(total: int, times: int) -> None:
    steps = [step for step in range(1, total + 1) if falls_on(step, total, times)]
    assert len(steps) == min(times, total)
    assert steps[-1] == total


def test_no_moments() -> None:
    assert not any(falls_on(step, 10, 0) for step in range(1, 11))
