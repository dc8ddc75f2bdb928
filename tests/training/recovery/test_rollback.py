"""A run whose steps are not finite goes back, goes on differently, and stops when that does not help."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch

from sit_engine import api
from sit_engine.errors import NotFiniteError
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    CheckpointWritten,
    ConfigChanged,
    Event,
    RolledBack,
    RunFinished,
    RunResumed,
    StepReported,
)
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint, loop
from sit_engine.training.stepper import Learned, Stepper
from sit_studio.models.history import History
from tests.tiny import BRIEF, brief_config
from tests.training.test_resume import assert_identical, stop_at

RATE = 0.002
STEPS = 40
MORE = {"optim": {"epochs": 8}, "watch": {"readings": 0, "previews": 0}}


def poisoned_at(*steps: int, draws: int = 1) -> type[Stepper]:
    """Networks one of whose weights becomes NaN before these steps, as a fault of memory makes it.

    Only while the run went back fewer than `draws` times; so nothing but going back mends it.
    """

    class Poisoned(Stepper):
        seeds: list[int] = []  # noqa: RUF012

        def learn(self, step_info: StepInfo) -> Learned:
            if step_info.seed not in self.seeds:
                self.seeds.append(step_info.seed)
            if step_info.step in steps and len(self.seeds) <= draws:
                with torch.no_grad():
                    next(iter(self.method.networks.parameters())).flatten()[0] = math.nan
            return super().learn(step_info)

    return Poisoned


def train(
    few: Path,
    out: Path,
    patch: pytest.MonkeyPatch,
    stepper: type[Stepper],
    **how: object,
) -> list[Event]:
    """A run of so many steps with these networks; gives its events."""
    events: list[Event] = []
    with patch.context() as inside:
        inside.setattr(loop, "Stepper", stepper)
        api.pretrain(brief_config(few, **MORE), out, emit=events.append, **how)  # type: ignore[arg-type]
    return events


def told(run: Path) -> list[Event]:
    """What a reader of the run folder sees."""
    return [event for event, _ in read_events(Run(run))]


def test_it_goes_back_and_on_to_the_end(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = train(few, tmp_path / "run", monkeypatch, poisoned_at(14))
    (back,) = [event for event in events if isinstance(event, RolledBack)]
    assert (back.from_step, back.to_step, back.count) == (19, 10, 1)
    assert back.learning_rate == RATE / 2
    assert back.why == "5 steps in a row were not finite"
    changed = [event for event in events if isinstance(event, ConfigChanged)]
    assert [(e.step, e.field, e.old, e.new) for e in changed] == [
        (10, "optim.learning_rate", "0.002", "0.001")
    ]
    assert [event.outcome for event in events if isinstance(event, RunFinished)] == ["completed"]
    reports = [event for event in told(tmp_path / "run") if isinstance(event, StepReported)]
    assert [report.step for report in reports] == list(range(1, STEPS + 1))
    assert all(math.isfinite(report.loss) for report in reports)
    assert reports[-1].skipped_steps == 5
    # The very same step, with half the rate.
    first = next(e for e in events if isinstance(e, StepReported) and e.step == 13)
    assert reports[12].learning_rate == first.learning_rate / 2
    weights = checkpoint.load_model(checkpoint.newest_verified(Run(tmp_path / "run"))[0])
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())


def test_other_images_are_drawn_than_those_that_failed(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[int], int]] = []
    poisoned = poisoned_at(14)
    learn = poisoned.learn

    def note(self: Stepper, step_info: StepInfo) -> Learned:
        positions = self.batches.order.at(step_info.step).tolist()
        seen.append((step_info.step, positions, step_info.seed))
        return learn(self, step_info)

    monkeypatch.setattr(poisoned, "learn", note)
    train(few, tmp_path / "run", monkeypatch, poisoned)
    first, second = [item for item in seen if item[0] == 14]
    assert first[1] != second[1]
    assert first[2] != second[2]
    # Each step takes what it said it would: the thread that reads ahead has not kept the old order.
    assert len({tuple(item[1]) for item in seen}) == len(seen)


def test_a_resume_after_it_is_exact(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train(few, whole, monkeypatch, poisoned_at(14))
    # 14 steps, 5 that are skipped, and 6 after step 10.
    stopped = train(few, halves, monkeypatch, poisoned_at(14), make_control=stop_at(25))
    assert isinstance(stopped[-1], RunFinished)
    assert stopped[-1].step == 16
    assert api.resume(halves, emit=lambda _: None).step == STEPS
    assert_identical(whole, halves)
    found = [
        checkpoint.load_state(checkpoint.newest_verified(Run(run))[0]) for run in (whole, halves)
    ]
    progress = [dict(state["progress"], leg=0) for state in found]
    assert progress[0] == progress[1]
    assert (progress[0]["rollbacks"], progress[0]["rate_share"]) == (1, 0.5)


def test_a_kill_right_after_it_is_resumed_with_the_same_bits(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing of ours catches it."""

    def die(event: Event) -> None:
        if isinstance(event, RolledBack):
            raise Killed

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(few, whole, monkeypatch, poisoned_at(14))
    with monkeypatch.context() as inside:
        inside.setattr(loop, "Stepper", poisoned_at(14))
        with pytest.raises(Killed):
            api.pretrain(brief_config(few, **MORE), killed, emit=die)
    resumed: list[Event] = []
    api.resume(killed, emit=resumed.append)
    assert [event.from_step for event in resumed if isinstance(event, RunResumed)] == [10]
    assert_identical(whole, killed)


def test_no_checkpoint_that_is_told_of_is_missing(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def check(event: Event) -> None:
        if isinstance(event, RolledBack):
            written = {e.step for e in told(run) if isinstance(e, CheckpointWritten)}
            assert max(written) == event.to_step
            assert checkpoint.all_steps(Run(run))[-1] == event.to_step

    with monkeypatch.context() as inside:
        # At step 20 a checkpoint is written while steps are skipped.
        inside.setattr(loop, "Stepper", poisoned_at(18))
        api.pretrain(brief_config(few, **MORE), run, emit=check)
    assert summarise(Run(run)).status == "completed"


def test_the_second_time_it_goes_back_further(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = train(few, tmp_path / "run", monkeypatch, poisoned_at(14, draws=2))
    backs = [event for event in events if isinstance(event, RolledBack)]
    assert [(event.to_step, event.count) for event in backs] == [(10, 1), (0, 2)]
    assert backs[1].learning_rate == RATE / 4
    assert [event.outcome for event in events if isinstance(event, RunFinished)] == ["completed"]


@pytest.fixture(scope="module")
def ended(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was poisoned however often it went back."""
    out = tmp_path_factory.mktemp("ended") / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(NotFiniteError) as caught:
        train(few, out, patch, poisoned_at(14, draws=99))
    assert caught.value.code == "train.not_finite"
    assert "went back 2 times" in caught.value.message
    assert "--accept-changes" in caught.value.hint
    return out


def test_the_third_time_it_ends_with_a_good_checkpoint(ended: Path) -> None:
    summary = summarise(Run(ended))
    assert (summary.status, summary.outcome and summary.outcome.code) == (
        "failed", "train.not_finite",
    )  # fmt: skip
    newest, manifest, rejected = checkpoint.newest_verified(Run(ended))
    assert rejected == []
    assert manifest["step"] == summary.step < 14
    weights = checkpoint.load_model(newest)
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())


def test_what_ended_can_be_gone_on_with_at_a_rate_of_ones_own(ended: Path, tmp_path: Path) -> None:
    run = shutil.copytree(ended, tmp_path / "run")
    text = (run / "config.toml").read_text("utf-8")
    changed = text.replace("learning_rate = 0.002", "learning_rate = 0.0004")
    (run / "config.toml").write_text(changed, "utf-8")
    events: list[Event] = []
    assert api.resume(run, emit=events.append, accept_changes=True).step == STEPS
    rates = [event.learning_rate for event in events if isinstance(event, StepReported)]
    # Scaled by the batch, of 256.
    assert max(rates) == pytest.approx(0.0004 * BRIEF / 256, rel=0.15)


@pytest.mark.parametrize("draws", [1, 99])
def test_the_window_shows_where_it_went_back(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draws: int
) -> None:
    events: list[Event] = []
    with monkeypatch.context() as inside:
        inside.setattr(loop, "Stepper", poisoned_at(14, draws=draws))
        try:
            api.pretrain(brief_config(few, **MORE), tmp_path / "run", emit=events.append)
        except NotFiniteError:
            assert draws == 99
    history = History()
    for number, event in enumerate(events):
        history.add(event, float(number))
    kinds = [mark.kind for mark in history.marks]
    assert kinds.count("rollback") == (1 if draws == 1 else 2)
    assert history.curve("loss").steps.tolist() == list(range(1, history.step + 1))
