"""Fewer threads where others take the cores: only at checkpoints, which hold the number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from sit_engine import api
from sit_engine.config.tree import RunConfig
from sit_engine.machine.spinning import LEAST_LOOKS, Others
from sit_engine.records.events import ConfigChanged, Event
from sit_engine.records.run_folder import open_run
from sit_engine.training import checkpoint
from sit_engine.training.thread_count import FIELD, beside
from tests.tiny import brief_config
from tests.training.test_resume import assert_identical, stop_at


@pytest.mark.parametrize(
    ("most", "taken", "wanted"),
    [
        (2, 0.1, 2),
        (2, 0.45, 2),
        (2, 0.8, 1),
        (2, 1.9, 1),
        (16, 4.1, 12),
        (16, 0.4, 16),
        (1, 1.0, 1),
    ],
)
def test_each_thread_finds_a_core_for_itself(most: int, taken: float, wanted: int) -> None:
    assert beside(most, taken) == wanted


def test_a_moment_is_no_answer() -> None:
    others = Others()
    for _ in range(LEAST_LOOKS - 1):
        others.note(1.0)
    assert others.mean() is None
    others.note(0.0)
    assert others.mean() == pytest.approx((LEAST_LOOKS - 1) / LEAST_LOOKS)
    # Each look is told once.
    assert others.mean() is None


class _Script(Others):
    """What others take, checkpoint by checkpoint; the last goes on for ever."""

    def __init__(self, taken: list[float]) -> None:
        super().__init__()
        self.left = taken

    def mean(self) -> float:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("sit_engine.machine.device._usable_cores", lambda: 2)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def beside_others(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what others take, checkpoint by checkpoint."""

    def take(*cores: float) -> None:
        script = _Script(list(cores))

        @contextmanager
        def courteous(_: object) -> Iterator[Others]:
            yield script

        monkeypatch.setattr("sit_engine.training.train.courteous", courteous)

    return take


def settings(folder: Path, threads: int | str = "auto") -> RunConfig:
    """Ten steps and a checkpoint after each."""
    watch = {"readings": 0, "previews": 0, "checkpoint_minutes": 1e-4, "keep": 30}
    return brief_config(folder, compute={"threads": threads}, optim={"epochs": 2}, watch=watch)


def numbers(run: Path) -> list[int]:
    """Of threads, as the checkpoints hold them, by step."""
    folders = sorted((run / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[1]))
    return [json.loads((path / "manifest.json").read_text())["threads"] for path in folders]


def changes(events: list[Event]) -> list[tuple[int, str, str]]:
    """What was told."""
    return [
        (e.step, e.old, e.new) for e in events if isinstance(e, ConfigChanged) and e.field == FIELD
    ]


def test_a_run_computes_with_fewer_threads_and_goes_on_with_them_to_the_bit(
    few: Path, tmp_path: Path, beside_others: Callable[..., None]
) -> None:
    told: list[Event] = []
    beside_others(0.0, 0.0, 1.0)
    api.pretrain(settings(few), tmp_path / "whole", emit=told.append)
    assert changes(told) == [(3, "2", "1")]
    assert numbers(tmp_path / "whole") == [2, 2, 2, *[1] * 8]

    beside_others(0.0, 0.0, 1.0)
    out = tmp_path / "halved"
    api.pretrain(settings(few), out, emit=lambda _: None, make_control=stop_at(7))
    torch.set_num_threads(2)
    beside_others(1.0)
    again: list[Event] = []
    api.resume(out, emit=again.append)
    assert not changes(again)
    assert_identical(tmp_path / "whole", out)


def test_all_cores_are_taken_again_when_others_have_gone(
    few: Path, tmp_path: Path, beside_others: Callable[..., None]
) -> None:
    told: list[Event] = []
    beside_others(1.0, 0.9, 0.0, 1.0, 0.0)
    out = tmp_path / "run"
    api.pretrain(settings(few), out, emit=told.append)
    assert changes(told) == [(1, "2", "1"), (3, "1", "2"), (4, "2", "1"), (5, "1", "2")]
    # What a checkpoint knows is the last of them, however often it changed.
    newest = checkpoint.newest_verified(open_run(out))[0]
    kept = checkpoint.load_state(newest)["progress"]["changes"]
    assert [(one["field"], one["new"]) for one in kept] == [(FIELD, "2")]


def test_threads_that_somebody_chose_stay(
    few: Path, tmp_path: Path, beside_others: Callable[..., None]
) -> None:
    told: list[Event] = []
    beside_others(1.0)
    api.pretrain(settings(few, 2), tmp_path / "run", emit=told.append)
    assert not changes(told)
    assert set(numbers(tmp_path / "run")) == {2}
