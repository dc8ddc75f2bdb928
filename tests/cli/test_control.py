"""Commands from another process to a run that trains: answered, with the right endings."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sit_engine.cli.screen import Screen
from sit_engine.cli.terminal_leg import Signals
from sit_engine.files import write_aside
from sit_engine.records.commands import drop
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    CommandAnswered,
    ConfigChanged,
    PhaseChanged,
    PreviewWritten,
    RunFinished,
)
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.training import checkpoint
from tests.tiny import Process, engine, start_engine, tiny_flags, wait_for_step

LONG = ["--optim.epochs", "4000", "--watch.readings", "0", "--watch.previews", "0"]


@pytest.fixture
def live(sample: tuple[Path, Path], tmp_path: Path) -> Iterator[tuple[Process, Path]]:
    """A trainer in a process of its own that would go on for many minutes, past its first step."""
    out = tmp_path / "run"
    process = start_engine("pretrain", sample[0], "--out", out, *tiny_flags(), *LONG)
    try:
        wait_for_step(process, out, 1)
        yield process, out
    finally:
        process.kill()
        process.communicate()


def finished(out: Path) -> list[RunFinished]:
    """All ends of legs that the folder tells of."""
    return [event for event, _ in read_events(open_run(out)) if isinstance(event, RunFinished)]


@pytest.mark.parametrize(
    ("verb", "code", "outcome"),
    [("pause", 3, "paused"), ("stop", 3, "stopped"), ("finish", 0, "completed")],
)
def test_an_ending_is_obeyed_and_answered(
    live: tuple[Process, Path], verb: str, code: int, outcome: str
) -> None:
    process, out = live
    asked = engine(verb, out, "--json")
    assert asked.returncode == 0, asked.stderr
    assert outcome in json.loads(asked.stdout)["answer"]
    _, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    assert "Traceback" not in told
    (end,) = finished(out)
    assert (end.outcome, end.leg) == (outcome, 0)
    assert checkpoint.newest_verified(open_run(out))[1]["step"] == end.step
    assert list((out / "control").iterdir()) == []
    assert not (out / "lock").exists()


def test_checkpoint_preview_and_extend_are_done_while_it_goes_on(
    live: tuple[Process, Path],
) -> None:
    process, out = live
    before = checkpoint.all_steps(open_run(out))
    for verb, *more in (("checkpoint",), ("preview",), ("extend", "--epochs", "5000")):
        asked = engine(verb, out, *more)
        assert (asked.returncode, asked.stdout.strip()) == (0, f"{verb}: done")
    assert process.poll() is None
    events = [event for event, _ in read_events(open_run(out))]
    assert checkpoint.all_steps(open_run(out))[-1] > before[-1]
    preview = [event for event in events if isinstance(event, PreviewWritten)][-1]
    assert preview.step > 0
    assert (out / preview.path / "attention.png").is_file()
    (change,) = [event for event in events if isinstance(event, ConfigChanged)]
    assert (change.field, change.old, change.new) == ("optim.epochs", "4000", "5000")
    answers = [event.command for event in events if isinstance(event, CommandAnswered)]
    assert answers == ["checkpoint", "preview", "extend"]
    # A second trainer stays out while the first one lives.
    second = engine("resume", out)
    assert second.returncode == 2
    assert str(process.pid) in second.stderr


def test_a_command_for_an_ended_leg_is_refused_and_removed(
    live: tuple[Process, Path],
) -> None:
    process, out = live
    late = out / "control" / f"{time.time_ns():020d}-0a0b0c0d.json"
    write_aside(late, json.dumps({"command": "stop", "leg": 7, "values": {}}))
    until_s = time.monotonic() + 30
    answers: list[CommandAnswered] = []
    while not answers and time.monotonic() < until_s:
        time.sleep(0.1)
        events = [event for event, _ in read_events(open_run(out))]
        answers = [event for event in events if isinstance(event, CommandAnswered)]
    assert [(answer.command, answer.answer) for answer in answers] == [
        ("stop", "refused: the run was resumed or ended since; ask again")
    ]
    assert (answers[0].code, answers[0].values) == ("command.refused_leg", {"leg": "7"})
    assert not late.exists()
    assert process.poll() is None
    assert finished(out) == []


def test_whatever_lies_in_control_the_training_goes_on(
    live: tuple[Process, Path],
) -> None:
    process, out = live
    control = out / "control"
    for number, text in enumerate(
        ("", "[" * 1_000_000, '{"command": "stop", "leg": ' + "9" * 400 + "}", "\x00\xff", "[1]")
    ):
        write_aside(control / f"{number}-ab.json", text)
    (control / "7-ab.json").mkdir()
    (control / "7-ab.json" / "inside").touch()
    (control / "8-ab.json").symlink_to(control / "nowhere")
    if os.name == "posix":
        os.mkfifo(control / "9-ab.json")
    # More epochs than any number of steps can count, then a command that makes sense.
    drop(open_run(out), "extend", 0, epochs=1e308)
    drop(open_run(out), "extend", 0, epochs=-1e308)
    asked = engine("checkpoint", out)
    assert (asked.returncode, asked.stdout.strip()) == (0, "checkpoint: done")
    events = [event for event, _ in read_events(open_run(out))]
    answers = [event.answer for event in events if isinstance(event, CommandAnswered)]
    assert answers[0] == "refused: a run has at most 100000 epochs"
    assert answers[1].startswith("refused: the run is at epoch")
    assert answers[2:] == ["done"]
    assert [path.name for path in control.iterdir()] == ["ignored-7-ab.json"]
    assert process.poll() is None
    assert engine("stop", out).returncode == 0
    assert process.wait(timeout=60) == 3


def test_a_signal_while_a_method_prepares_asks_to_stop_and_one_before_ends_at_once(
    tmp_path: Path,
) -> None:
    signals = Signals(Screen(as_json=False, quiet=True))
    control = signals.make_control(Run(tmp_path))
    signals.on_event(PhaseChanged("decoding", 1, 9))
    with pytest.raises(KeyboardInterrupt):
        signals._on_signal(signal.SIGTERM, None)
    signals.on_event(PhaseChanged("reading frames", 1, 9))
    signals._on_signal(signal.SIGTERM, None)
    assert [command.command for command in control.poll()] == ["stop"]
