"""A run on a folder beyond the cache budget: the same losses, also when it is resumed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sit_engine import api
from sit_engine.records.events import Event, StepReported, Warned
from sit_engine.records.run_folder import open_run
from sit_engine.training.prepare import was_streamed
from tests.tiny import tiny_config
from tests.training.test_resume import assert_identical, stop_at

FEW_STEPS: dict[str, Any] = {"optim": {"epochs": 1, "batch_size": 32}, "watch": {"readings": 1}}


def losses(events: list[Event]) -> list[float]:
    """Of every step."""
    return [event.loss for event in events if isinstance(event, StepReported)]


def codes(events: list[Event]) -> list[str]:
    """Of what was warned of."""
    return [event.code for event in events if isinstance(event, Warned)]


def pretrain(folder: Path, out: Path, cache_gb: float, **how: Any) -> list[Event]:
    """One epoch."""
    events: list[Event] = []
    config = tiny_config(folder, data={"cache_gb": cache_gb}, **FEW_STEPS)
    api.pretrain(config, out, emit=events.append, **how)
    return events


def test_a_streamed_run_has_the_losses_of_a_cached_one_and_resumes_to_them(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = pretrain(few, tmp_path / "cached", 1)
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "small"))
    streamed = pretrain(few, tmp_path / "streamed", 1e-5)
    assert len(losses(cached)) == len(losses(streamed)) >= 1
    assert losses(streamed) == losses(cached)
    assert "data.streamed" in codes(streamed)
    assert "data.streamed" not in codes(cached)
    assert was_streamed(open_run(tmp_path / "streamed").split())
    assert sum(f.stat().st_size for f in (tmp_path / "small").rglob("pixels.bin")) <= 1e4
    pretrain(few, tmp_path / "resumed", 1e-5, make_control=stop_at(0))
    events: list[Event] = []
    api.resume(tmp_path / "resumed", emit=events.append)
    assert losses(events) == losses(cached)
    assert "data.changed" not in codes(events)
    assert_identical(tmp_path / "streamed", tmp_path / "resumed")


def test_damaged_files_cost_a_streamed_run_a_warning_and_no_step(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "small"))
    folder = shutil.copytree(few, tmp_path / "images")
    damaged = sorted((folder / "moon").iterdir())[:6]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-200])
    events = pretrain(folder, tmp_path / "resumed", 1e-6, make_control=stop_at(0))
    api.resume(tmp_path / "resumed", emit=events.append)
    assert len(losses(events)) >= 1
    assert "data.problems" in codes(events)
    assert "data.changed" not in codes(events)
    names = open_run(tmp_path / "resumed").split()["train"]
    assert {f"0:moon/{path.name}" for path in damaged} & set(names)
    # The same in one go.
    assert losses(pretrain(folder, tmp_path / "whole", 1e-6)) == losses(events)
