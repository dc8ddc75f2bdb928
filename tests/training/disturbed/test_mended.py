"""A run on a damaged cache of pixels: the same bits as on a whole one, and it is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sit_engine import api
from sit_engine.records.events import Event, Warned
from tests.tiny import tiny_config
from tests.training.test_resume import assert_identical, stop_at

FEW_STEPS: dict[str, Any] = {"optim": {"epochs": 2, "batch_size": 8}, "watch": {"readings": 1}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pixels_of(cache: Path) -> Path:
    """The file of rows."""
    (found,) = cache.rglob("pixels.bin")
    return found


def pretrain(folder: Path, out: Path, **how: Any) -> list[Event]:
    """Two epochs."""
    events: list[Event] = []
    api.pretrain(tiny_config(folder, **FEW_STEPS), out, emit=events.append, **how)
    return events


def mended(events: list[Event]) -> list[dict[str, Any]]:
    """What was told of damaged pixels."""
    return [
        dict(event.values)
        for event in events
        if isinstance(event, Warned) and event.code == "data.mended"
    ]


def test_new_and_resumed_runs_on_a_damaged_cache_have_the_bits_of_a_whole_one(
    few: Path, tmp_path: Path, cache: Path
) -> None:
    assert mended(pretrain(few, tmp_path / "whole")) == []
    pixels = pixels_of(cache)
    size = pixels.stat().st_size
    pixels.write_bytes(bytes(size))
    events = pretrain(few, tmp_path / "zeroed", make_control=stop_at(3))
    (told,) = mended(events)
    assert int(told["count"]) >= 40
    os.truncate(pixels, size // 2)
    events = []
    api.resume(tmp_path / "zeroed", emit=events.append)
    assert len(mended(events)) == 1
    assert "data.changed" not in {event.code for event in events if isinstance(event, Warned)}
    assert_identical(tmp_path / "whole", tmp_path / "zeroed")
