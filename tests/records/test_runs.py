"""The run folder: created once, one writer, events of ended legs, commands consumed once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sit_engine.config.build import build
from sit_engine.errors import DiskError, RunError
from sit_engine.files import write_aside
from sit_engine.records.commands import drop, send, take_commands
from sit_engine.records.event_log import EventWriter, read_events
from sit_engine.records.events import (
    CheckpointWritten,
    RunFinished,
    RunResumed,
    RunStarted,
    to_line,
)
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, discard_unstarted, open_run, write_settings
from sit_engine.records.summary import summarise
from tests.hostile import RESOLVED

STARTED = RunStarted("r", "sit", "cpu", 100, 50, 10, 10, 1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run folder with settings."""
    made = create_run(tmp_path / "run", build({}))
    write_settings(made, RESOLVED, {}, {"train": ["0:a.png"], "watch": [], "classes": []})
    return made


def test_the_folder_is_private_and_reads_back(run: Run) -> None:
    assert open_run(run.path) == run
    assert run.config() == RESOLVED
    assert run.split()["train"] == ["0:a.png"]
    if os.name == "posix":
        assert run.path.stat().st_mode & 0o777 == 0o700


def test_an_existing_run_is_never_written_into(run: Run) -> None:
    before = sorted(path.name for path in run.path.iterdir())
    with pytest.raises(RunError, match="exists already"):
        create_run(run.path, build({}))
    assert sorted(path.name for path in run.path.iterdir()) == before


def test_a_folder_under_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DiskError, match="Cannot write to"):
        create_run(tmp_path / "file" / "run", build({}))


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no run in"):
        open_run(tmp_path)


def test_a_run_of_another_format_is_a_sentence(run: Run) -> None:
    (run.path / "format").write_text("7\n")
    with pytest.raises(RunError, match="format 7; this program reads format 1"):
        open_run(run.path)


def test_an_unstarted_run_is_discarded_and_a_started_one_kept(run: Run, tmp_path: Path) -> None:
    unstarted = create_run(tmp_path / "other", build({}))
    discard_unstarted(unstarted)
    discard_unstarted(run)
    assert not unstarted.path.exists()
    assert run.config_file.exists()


def test_a_second_writer_is_refused_while_the_first_lives(run: Run) -> None:
    with RunLock(run):
        assert is_running(run)
        with pytest.raises(RunError, match="another process"), RunLock(run):
            pass
    assert not is_running(run)


def test_the_lock_of_a_dead_process_is_stale(run: Run) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    lock = {"pid": int(dead.stdout), "started": 1.0, "host": __import__("socket").gethostname()}
    run.lock_file.write_text(json.dumps(lock))
    assert not is_running(run)
    with RunLock(run):
        assert is_running(run)


def test_a_lock_whose_process_number_was_given_to_another_is_stale(run: Run) -> None:
    lock = {"pid": os.getpid(), "started": 1.0, "host": __import__("socket").gethostname()}
    run.lock_file.write_text(json.dumps(lock))
    assert not is_running(run)


def test_events_of_an_earlier_leg_past_the_resume_are_dropped(run: Run) -> None:
    first = [STARTED, CheckpointWritten(5, "a"), CheckpointWritten(9, "b")]
    second = [RunResumed(1, 5, "a", 2), CheckpointWritten(8, "c"), RunFinished("completed", 10, 1)]
    lines = [to_line(event, time=0) for event in first]
    run.events_file.write_text("\n".join(lines) + '\n{"event": "CheckpointWr')
    writer = EventWriter(run)
    for event in second:
        writer.write(event)
    writer.close()
    assert [event for event, _ in read_events(run)] == [STARTED, first[1], *second]
    summary = summarise(run)
    assert (summary.status, summary.leg, summary.step, summary.total_steps) == (
        "completed",
        1,
        10,
        50,
    )


def test_a_killed_run_is_interrupted(run: Run) -> None:
    run.events_file.write_text(to_line(STARTED, time=0) + "\n")
    assert summarise(run).status == "interrupted"


def test_commands_are_consumed_once_in_order_and_name_their_leg(run: Run) -> None:
    run.events_file.write_text(to_line(STARTED, time=0) + "\n")
    with RunLock(run):
        send(run, "checkpoint")
        send(run, "extend", epochs=7)
        (run.control / "note.txt").write_text("not ours")
        commands = take_commands(run)
        assert [(command.command, command.leg) for command in commands] == [
            ("checkpoint", 0),
            ("extend", 0),
        ]
        assert commands[1].values == {"epochs": 7.0}
        assert take_commands(run) == []
        drop(run, "stop", 3)
        assert [(command.command, command.leg) for command in take_commands(run)] == [("stop", 3)]
        assert (run.control / "note.txt").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"command": "explode", "leg": 0}',
        '{"command": "stop"}',
        '{"command": ["stop"], "leg": 0}',
        '{"command": "extend", "leg": 0, "values": {"epochs": "many"}}',
        '{"command": "extend", "leg": 0, "values": {"epochs": Infinity}}',
        '{"command": "extend", "leg": 0, "values": 7}',
        '{"command": "stop", "leg": null}',
        '{"command": "stop", "leg": ' + "9" * 400 + "}",
        '{"command": "stop", "leg": 0, "values": ' + "[" * 1_000_000,
        '{"command": "stop", "leg": 0} ' + " " * 100_000,
    ],
)
def test_a_command_that_makes_no_sense_is_removed(run: Run, text: str) -> None:
    path = run.control / "1-ab.json"
    path.write_text(text)
    assert take_commands(run) == []
    assert not path.exists()


def test_nothing_in_control_ends_a_training(run: Run) -> None:
    for number in range(3):
        (run.control / f"{number}-ab.json").mkdir()
        (run.control / f"{number}-ab.json" / "inside").touch()
    (run.control / "4-ab.json").symlink_to(run.control / "nowhere")
    (run.control / "folder").mkdir()
    if os.name == "posix":
        os.mkfifo(run.control / "5-ab.json")
    with (run.control / "6-ab.json").open("wb") as file:
        file.truncate(1 << 40)
    drop(run, "stop", 3)
    assert [command.command for command in take_commands(run)] == ["stop"]
    assert take_commands(run) == []
    left = sorted(path.name for path in run.control.iterdir())
    assert left == ["folder", *(f"ignored-{number}-ab.json" for number in range(3))]


def test_many_commands_are_taken_some_at_a_time_and_in_order(run: Run) -> None:
    for number in range(300):
        drop(run, "checkpoint", number)
    taken: list[int] = []
    while found := take_commands(run):
        assert len(found) <= 100
        taken += [command.leg for command in found]
    assert taken == list(range(300))


def test_a_command_to_a_run_that_does_not_train_is_a_sentence(run: Run) -> None:
    with pytest.raises(RunError, match="not training now"):
        send(run, "stop")


def test_a_whole_file_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_aside(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_aside(path, "\ud800")
    assert path.read_text() == "one"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_of_two_that_make_one_folder_at_once_the_second_is_refused(tmp_path: Path) -> None:
    """The first comes to the name after the second has looked."""
    first = create_run(tmp_path / "first", build({}))
    before, fsync = sorted(path.name for path in first.path.iterdir()), os.fsync

    def race(descriptor: int) -> None:
        if first.path.exists():
            first.path.rename(tmp_path / "run")
        fsync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", race)
        with pytest.raises(RunError, match="exists already"):
            create_run(tmp_path / "run", build({}))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
