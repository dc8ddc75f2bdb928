"""A stopped and resumed run ends with bit-identical weights, however it was stopped."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sit_engine import api
from sit_engine.errors import CheckpointError, ConfigError, DiskError, RunError
from sit_engine.records.commands import Command, CommandName
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    CheckpointWritten,
    Event,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    Warned,
)
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.tiny import BRIEF_FLAGS, brief_config, engine, start_engine, tiny_flags, wait_for_step


class StopAt:
    """A control that asks for something once the run has taken so many steps."""

    def __init__(self, run: Run, step: int, command: CommandName) -> None:
        self.run, self.step, self.command = run, step, command
        self.polls = 0

    def poll(self) -> list[Command]:
        """Asked once before every step."""
        self.polls += 1
        return [Command(self.command, -1)] if self.polls == self.step + 1 else []


def stop_at(step: int, command: CommandName = "stop") -> Callable[[Run], StopAt]:
    """What the door takes."""
    return lambda run: StopAt(run, step, command)


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Of the newest checkpoint."""
    return checkpoint.load_model(checkpoint.newest_verified(open_run(run))[0])


def assert_identical(one: Path, other: Path) -> None:
    """Same last step, same bits, in weights and optimiser."""
    first, second = (checkpoint.newest_verified(open_run(run))[0] for run in (one, other))
    assert first.name == second.name
    last = weights(other)
    for name, value in weights(one).items():
        assert torch.equal(value, last[name]), name
    states = [checkpoint.load_state(path)["optimiser"]["state"] for path in (first, second)]
    for number, values in states[0].items():
        for name, value in values.items():
            assert torch.equal(value, states[1][number][name]), (number, name)


def pretrain(folder: Path, out: Path, **how: object) -> list[Event]:
    """Train a tiny run in this process; gives its events."""
    events: list[Event] = []
    api.pretrain(brief_config(folder), out, emit=events.append, **how)  # type: ignore[arg-type]
    return events


@pytest.fixture(scope="module")
def whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted: 5 steps an epoch, 20 steps."""
    out = tmp_path_factory.mktemp("whole") / "run"
    events = pretrain(few, out)
    reports = [event for event in events if isinstance(event, StepReported)]
    assert [report.step for report in reports] == list(range(1, 21))
    assert [report.seconds_left for report in reports] == [None] * 19 + [0.0]
    return out


@pytest.mark.parametrize(
    ("step", "command"),
    [(1, "stop"), (7, "pause"), (10, "stop")],
    ids=["first step", "mid-epoch", "an epoch's end"],
)
def test_a_stopped_run_resumes_bit_identically(
    whole: Path, few: Path, tmp_path: Path, step: int, command: CommandName
) -> None:
    out = tmp_path / "run"
    first = pretrain(few, out, make_control=stop_at(step, command))
    assert first[-1] == RunFinished("stopped" if command == "stop" else "paused", step, 0)
    second: list[Event] = []
    result = api.resume(out, emit=second.append)
    assert result.outcome == "completed"
    resumed = [event for event in second if isinstance(event, RunResumed)]
    assert [(event.leg, event.from_step) for event in resumed] == [(1, step)]
    assert_identical(whole, out)


def test_a_run_with_three_legs_is_the_same_too(whole: Path, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(few, out, make_control=stop_at(3))
    api.resume(out, emit=lambda _: None, make_control=stop_at(5))
    api.resume(out, emit=lambda _: None)
    assert_identical(whole, out)
    summary = summarise(open_run(out))
    assert (summary.status, summary.leg, summary.step) == ("completed", 2, 20)


def test_previews_readings_and_checkpoints_do_not_change_the_weights(
    whole: Path, few: Path, tmp_path: Path
) -> None:
    config = brief_config(
        few, watch={"readings": 0, "previews": 0, "checkpoint_minutes": 0.0001, "keep": 1}
    )
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    assert_identical(whole, tmp_path / "run")


SLOW = [*BRIEF_FLAGS, "--optim.epochs", "12", "--watch.readings", "12"]


@pytest.fixture(scope="module")
def slow_whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run long enough to be killed half-way: 60 steps."""
    out = tmp_path_factory.mktemp("slow") / "run"
    engine("pretrain", few, "--out", out, *tiny_flags(), *SLOW, check=True)
    return out


@pytest.mark.parametrize(
    ("number", "code", "status"),
    [
        (signal.SIGINT, 3, "stopped"),
        (signal.SIGTERM, 143, "stopped"),
        (signal.SIGKILL, -9, "interrupted"),
    ],
    ids=["Ctrl+C", "SIGTERM", "SIGKILL"],
)
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_signalled_process_resumes_bit_identically(
    slow_whole: Path,
    few: Path,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
    status: str,
) -> None:
    out = tmp_path / "run"
    # One of them from a cold start, in which Python's hashes have another order.
    is_cold = number == signal.SIGINT
    process = start_engine("pretrain", few, "--out", out, *tiny_flags(), *SLOW, cold=is_cold)
    wait_for_step(process, out, 13)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in told
    summary = summarise(open_run(out))
    assert summary.status == status
    assert summary.step < 60
    finished = [e for e, _ in read_events(open_run(out)) if isinstance(e, RunFinished)]
    assert len(finished) == (0 if number == signal.SIGKILL else 1)
    done = engine("resume", out)
    assert done.returncode == 0, done.stderr
    assert_identical(slow_whole, out)


def test_a_checkpoint_damaged_by_the_kill_is_passed_over(
    whole: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    pretrain(few, out, make_control=stop_at(7))
    newest = checkpoint.newest_verified(open_run(out))[0]
    (newest / "model.safetensors").write_bytes(b"half")
    events: list[Event] = []
    api.resume(out, emit=events.append)
    resumed = next(event for event in events if isinstance(event, RunResumed))
    assert resumed.from_step < 7
    assert_identical(whole, out)


def test_more_epochs_are_a_change_that_the_manifest_keeps(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(few, out)
    text = (out / "config.toml").read_text()
    events: list[Event] = []
    result = api.resume(out, emit=events.append, epochs=5)
    assert (result.outcome, result.step) == ("completed", 25)
    assert (out / "config.toml").read_text() == text
    manifest = checkpoint.verify(result.checkpoint)
    assert manifest["changes"][0]["field"] == "optim.epochs"
    assert manifest["total_steps"] == 25
    written = [event for event in events if isinstance(event, CheckpointWritten)]
    assert written[-1].step == 25


def test_a_run_without_any_checkpoint_begins_again_with_its_frozen_settings(
    whole: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    pretrain(few, out, make_control=stop_at(3))
    shutil.rmtree(out / "checkpoints")
    (out / "checkpoints").mkdir()
    with pytest.raises(CheckpointError, match="trained to step 3, but all") as caught:
        api.resume(out, emit=lambda _: None)
    assert caught.value.code == "checkpoint.gone"
    # As a kill before the first one leaves it.
    lines = (out / "events.jsonl").read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if "CheckpointWritten" in line)
    (out / "events.jsonl").write_text("".join(lines[:first]))
    events: list[Event] = []
    assert api.resume(out, emit=events.append).outcome == "completed"
    assert [event.leg for event in events if isinstance(event, RunStarted)] == [1]
    assert_identical(whole, out)


def test_more_epochs_are_remembered_though_no_step_was_made(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(few, out)
    assert api.resume(out, emit=print, make_control=stop_at(0), epochs=5).outcome == "stopped"
    assert api.resume(out, emit=print).step == 25


@pytest.mark.parametrize("epochs", [3.0, 0.0, float("nan"), float("inf")])
def test_epochs_that_make_no_sense_are_a_sentence(whole: Path, epochs: float) -> None:
    with pytest.raises(ConfigError, match="epochs"):
        api.resume(whole, emit=lambda _: None, epochs=epochs)


def test_a_resumed_leg_that_fails_tells_its_step(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(few, out, make_control=stop_at(7))
    (out / "previews").rename(out / "moved")
    (out / "previews").write_text("in the way")
    with pytest.raises(DiskError):
        api.resume(out, emit=lambda _: None)
    finished = [e for e, _ in read_events(Run(out)) if isinstance(e, RunFinished)]
    assert (finished[-1].outcome, finished[-1].step) == ("failed", 20)
    assert finished[-1].code == "disk.write"
    assert set(finished[-1].values) == {"path", "why"}


def test_a_checkpoint_of_another_run_is_a_sentence(few: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "run", tmp_path / "other"
    pretrain(few, out, make_control=stop_at(2))
    config = brief_config(few, model={"width": 16})
    api.pretrain(config, other, emit=print, make_control=stop_at(3))
    shutil.copytree(other / "checkpoints" / "step-00000003", out / "checkpoints" / "step-00000003")
    with pytest.raises(RunError, match=r"model\.width is 32 and was 16"):
        api.resume(out, emit=print)
    with pytest.raises(CheckpointError, match="does not fit the settings"):
        api.resume(out, emit=print, accept_changes=True)


def test_a_changed_image_is_told(few: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "run"
    shutil.copytree(few, folder)
    pretrain(folder, out, make_control=stop_at(2))
    name = Run(out).split()["train"][0].partition(":")[2]
    other = Run(out).split()["train"][-1].partition(":")[2]
    shutil.copy(folder / other, folder / name)
    events: list[Event] = []
    api.resume(out, emit=events.append)
    assert "data.changed" in [event.code for event in events if isinstance(event, Warned)]


def test_a_run_inside_its_images_is_refused(few: Path) -> None:
    before = sorted(few.rglob("*"))
    with pytest.raises(RunError, match="inside the folder of images"):
        api.pretrain(brief_config(few), few / "run", emit=print)
    assert sorted(few.rglob("*")) == before
