"""A run of some minutes that could learn nothing: smaller views, else a word before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sit_engine.config.build import build
from sit_engine.config.course import STEPS_TO_LEARN
from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.resolve import course_of, resolve
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.errors import ConfigError
from sit_engine.records.events import Event, Warned
from sit_engine.training import pace
from sit_engine.training.pace import (
    at_speed,
    check_length,
    known_speed,
    minutes_needed,
    note_speed,
)

FACTS, DEVICE = DataFacts(images=1000, classes=0, median_side_px=200), DeviceFacts(cores=2)


def speed(large: float, small: float) -> Callable[[ResolvedConfig], float]:
    """Images/s of views above 32 px, and of smaller ones."""
    return lambda config: large if int(config.model.image_size) > 32 else small


def settled(
    rates: Callable[[ResolvedConfig], float], **more: object
) -> tuple[ResolvedConfig, str, float]:
    """The settings at that speed, why the view has its size, and the speed."""
    found, rate = at_speed(build({"preset": "quick"} | more), FACTS, DEVICE, None, rates)
    return found.config, found.reasons.get("model.image_size", ""), rate


def test_quick_takes_smaller_views_where_larger_ones_would_learn_nothing() -> None:
    config, why, rate = settled(speed(large=10, small=1000))
    assert (config.model.image_size, rate) == (32, 1000)
    assert "too few steps in these minutes" in why
    assert not course_of(config, FACTS).is_too_short


@pytest.mark.parametrize(
    ("rates", "more"),
    [
        (speed(large=500, small=1000), {}),
        (speed(large=10, small=1000), {"preset": "standard", "optim": {"minutes": 2.5}}),
        (speed(large=10, small=1000), {"model": {"image_size": 64}, "optim": {"minutes": 2}}),
    ],
)
def test_views_stay_where_they_are_quick_enough_or_chosen(
    rates: Callable[[ResolvedConfig], float], more: dict[str, object]
) -> None:
    config, why, _ = settled(rates, **more)
    assert config.model.image_size == 64
    assert "too few steps" not in why


@pytest.mark.parametrize(("method", "rate", "steps"), [("sit", 60, 300), ("dino", 250, 1250)])
def test_quick_takes_the_minutes_that_learning_needs(method: str, rate: float, steps: int) -> None:
    config = build({"preset": "quick", "method": {"name": method}})
    found, _ = at_speed(config, FACTS, DEVICE, None, speed(large=rate, small=rate))
    assert steps <= course_of(found.config, FACTS).total_steps < 1.02 * steps
    why = found.reasons["optim.epochs"]
    assert why.startswith(f"5.4 minutes at {rate} images/s"), why
    assert "2.5 minutes would be too short to learn from" in why


@pytest.mark.parametrize(
    "more",
    [
        {"optim": {"minutes": 2}},
        {"optim": {"epochs": 2}},
        {"model": {"weights": "w"}},
        {"method": {"name": "finetune"}},
        {"preset": "standard", "optim": {"minutes": 2.5}},
    ],
)
def test_a_length_that_is_not_quicks_own_is_kept(more: dict[str, Any]) -> None:
    begun = {"model": {"weights": None}} | more
    start = StartFacts("w", 96, 4, 3, 8, 32) if begun["model"]["weights"] else None
    rates = speed(large=20, small=20)
    found, _ = at_speed(build({"preset": "quick"} | more), FACTS, DEVICE, start, rates)
    assert "too short to learn from" not in found.reasons.get("optim.epochs", "")
    assert course_of(found.config, FACTS).total_steps < STEPS_TO_LEARN


@pytest.mark.parametrize(("rate", "is_begun"), [(32, True), (31, False)])
def test_a_quick_look_takes_ten_minutes_at_most(rate: float, is_begun: bool) -> None:
    asked = build({"preset": "quick"})
    found, _ = at_speed(asked, FACTS, DEVICE, None, speed(large=rate, small=rate))
    told: list[Event] = []
    if is_begun:
        check_length(asked, found.config, FACTS.images, rate, told.append)
    else:
        with pytest.raises(ConfigError, match="A quick look would learn nothing") as refused:
            check_length(asked, found.config, FACTS.images, rate, told.append)
        assert "optim.minutes = 10.4" in refused.value.hint
    assert not told


def test_a_run_that_is_too_short_says_so_with_the_minutes_that_would_do() -> None:
    asked = build({"preset": "quick", "optim": {"minutes": 2}})
    found, rate = at_speed(asked, FACTS, DEVICE, None, speed(large=5, small=5))
    told: list[Event] = []
    check_length(asked, found.config, FACTS.images, rate, told.append)
    (warned,) = told
    assert isinstance(warned, Warned)
    assert warned.code == "run.too_short"
    minutes = minutes_needed(found.config, rate)
    assert f"{minutes:g} minutes (optim.minutes) would give {STEPS_TO_LEARN}" in warned.message
    longer = build({"preset": "quick", "optim": {"minutes": minutes}})
    found, rate = at_speed(longer, FACTS, DEVICE, None, speed(large=5, small=5))
    assert not course_of(found.config, FACTS).is_too_short
    told.clear()
    check_length(longer, found.config, FACTS.images, rate, told.append)
    assert not told


def of(values: dict[str, Any]) -> ResolvedConfig:
    """Settings that are worked out for the same folder; the teacher's pace is not the length's."""
    return resolve(build({"method": {"momentum": 0.9}} | values), FACTS, DEVICE).config


def squares(side: int) -> PixelStore:
    """Of two images."""
    pixels = np.zeros((2, side, side, 3), dtype=np.uint8)
    return PixelStore(side, pixels, np.arange(2), np.ones(2, dtype=np.float32), None)


def test_a_speed_holds_for_such_steps_and_for_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(pace, "is_crowded", lambda _: False)
    config, store = of({"optim": {"batch_size": 8, "epochs": 2.0}}), squares(37)
    assert known_speed(config, store) is None
    assert note_speed(config, store, 12.5) == 12.5
    assert known_speed(of({"optim": {"batch_size": 8, "epochs": 9.0}}), store) == 12.5
    for other in ({"optim": {"batch_size": 16}}, {"compute": {"threads": 1}}):
        assert known_speed(of({"optim": {"batch_size": 8}} | other), store) is None
    assert known_speed(config, squares(80)) is None
    # Beside other work it is another, and what is measured there is not that of a machine at rest.
    monkeypatch.setattr(pace, "is_crowded", lambda _: True)
    assert known_speed(config, store) is None
    assert note_speed(config, store, 3.5) == 3.5
    assert known_speed(config, store) == 3.5
    monkeypatch.setattr(pace, "is_crowded", lambda _: False)
    assert known_speed(config, store) is None
    assert note_speed(config, store, 12.5) == 12.5
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + pace.SPEED_HOLDS_S + 60)
    assert known_speed(config, store) is None
    monkeypatch.setattr(time, "time", lambda: now_s - 60)
    assert known_speed(config, store) is None
