"""EngineThread keeps one contract in both of its ways, and survives what happens to its trainer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from sit_engine import api
from sit_engine.config.tree import RunConfig
from sit_engine.files import read_json
from sit_engine.records.commands import CommandName
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    CheckpointWritten,
    CommandAnswered,
    ConfigChanged,
    Event,
    PhaseChanged,
    PreviewWritten,
    RunFinished,
    RunResumed,
    StepReported,
)
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.on_progress import METHOD_PHASES
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run
from sit_engine.records.summary import summarise
from sit_studio.engine.messages import Heard, Message, MessageQueue, Refused, Seen
from sit_studio.engine.run_thread import EngineThread, Way, _StoppedEarly
from sit_studio.models.failure import Failure
from sit_studio.models.history import History
from tests.studio.conftest import wait
from tests.tiny import start_engine, tiny_config, tiny_flags, wait_for_step

WAYS: tuple[Way, ...] = ("own process", "this process")
both_ways = pytest.mark.parametrize("way", WAYS)


class Carried:
    """A thread under test, and all that it said; `history` hears it as the window does."""

    def __init__(self, path: Path, way: Way, qtbot: QtBot) -> None:
        self.messages, self.qtbot = MessageQueue(), qtbot
        self.thread = EngineThread(path, self.messages, way)
        self.heard: list[Message] = []
        self._history = History()

    @property
    def history(self) -> History:
        self._take()
        return self._history

    @property
    def events(self) -> list[Event]:
        self._take()
        return [letter.event for letter in self.heard if isinstance(letter, Heard)]

    @property
    def failures(self) -> list[Failure]:
        self._take()
        return [letter.failure for letter in self.heard if isinstance(letter, Refused)]

    @property
    def seen(self) -> list[str]:
        self._take()
        return [letter.state for letter in self.heard if isinstance(letter, Seen)]

    def _take(self) -> None:
        for letter in self.messages.take():
            self.heard.append(letter)
            match letter:
                case Heard():
                    self._history.add(letter.event, letter.time)
                case Seen():
                    self._history.see(letter.state)
                case Refused():
                    self._history.refuse(letter.failure)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def until(self, condition: Callable[[], object]) -> None:
        wait(self.qtbot, condition)

    def until_rest(self, legs: int = 1) -> None:
        """Until so many legs have begun and come to their end."""
        self.until(lambda: self.seen.count("idle") >= legs)

    def until_steps(self, step: int = 1) -> None:
        self.until(lambda: any(report.step >= step for report in self.of(StepReported)))

    def ask(self, command: CommandName, **values: float) -> None:
        """As the session does."""
        self.history.asked = command
        self.thread.ask(command, **values)

    def leave(self) -> None:
        self.thread.leave()
        assert self.thread.wait(10_000)


Carry = Callable[[Path, Way], Carried]


@pytest.fixture
def carry(qtbot: QtBot) -> Iterator[Carry]:
    made: list[Carried] = []

    def start(path: Path, way: Way) -> Carried:
        made.append(Carried(path, way, qtbot))
        return made[-1]

    yield start
    for carried in made:
        carried.leave()


def long(folder: Path) -> RunConfig:
    """A run that does not end while a test looks at it."""
    return tiny_config(folder, optim={"epochs": 5000}, watch={"readings": 0, "previews": 0})


def told(events: list[Event]) -> list[tuple[str, object]]:
    """Kinds and order; neither times nor how many files were read between two looks."""
    found: list[tuple[str, object]] = []
    for event in events:
        about = getattr(event, "step", getattr(event, "phase", None))
        if not found or found[-1] != (type(event).__name__, about):
            found.append((type(event).__name__, about))
    return found


def test_both_ways_tell_the_same(carry: Carry, sample: tuple[Path, Path], tmp_path: Path) -> None:
    # The images are decoded before, so that no run here waits for another's decoding.
    before = tiny_config(sample[0], optim={"epochs": 1})
    api.pretrain(before, tmp_path / "before", emit=lambda _: None)
    both = {way: carry(tmp_path / way, way) for way in WAYS}
    for carried in both.values():
        carried.thread.begin(tiny_config(sample[0]))
        carried.thread.start()
    for way, carried in both.items():
        carried.until_rest()
        assert carried.seen == ["alive", "idle"]
        assert carried.history.state == "completed"
        assert not carried.failures
        kept = [event for event, _ in read_events(Run(tmp_path / way))]
        assert [type(event) for event in carried.events] == [type(event) for event in kept]
    heard = [told(carried.events) for carried in both.values()]
    assert heard[0] == heard[1]
    kinds = {kind for kind, _ in heard[0]}
    assert {"RunStarted", "StepReported", "HealthMeasured", "KnnMeasured"} < kinds
    assert {"PreviewWritten", "CheckpointWritten", "RunFinished"} < kinds


@both_ways
def test_a_run_does_what_it_is_asked(
    way: Way, carry: Carry, sample: tuple[Path, Path], tmp_path: Path, leftover: list[int]
) -> None:
    carried = carry(tmp_path / "run", way)
    carried.thread.begin(long(sample[0]))
    carried.thread.start()
    carried.until_steps()
    carried.ask("checkpoint")
    carried.ask("preview")
    carried.ask("extend", epochs=6000)
    carried.until(lambda: len(carried.of(CommandAnswered)) == 3)
    assert [answer.command for answer in carried.of(CommandAnswered)] == [
        "checkpoint", "preview", "extend",
    ]  # fmt: skip
    assert {answer.answer for answer in carried.of(CommandAnswered)} == {"done"}
    assert carried.of(PreviewWritten)
    assert carried.of(CheckpointWritten)
    assert [change.new for change in carried.of(ConfigChanged)] == ["6000"]
    carried.ask("pause")
    carried.until_rest()
    assert carried.history.finished == carried.of(RunFinished)[0]
    paused_at = carried.history.step
    carried.thread.resume()
    carried.until(lambda: carried.of(RunResumed))
    assert carried.of(RunResumed)[-1].from_step == paused_at
    carried.until_steps(paused_at + 1)
    assert not carried.failures
    run = Run(tmp_path / "run")
    if way == "own process":
        # Left alone it trains on, and whoever comes next hears everything.
        leftover.append(read_json(run.lock_file)["pid"])
        carried.leave()
        assert is_running(run)
        carried = carry(tmp_path / "run", way)
        carried.thread.start()
        carried.until(lambda: carried.history.state == "training")
    carried.ask("finish")
    carried.until(lambda: carried.history.state == "completed")
    kept = [event for event, _ in read_events(run)]
    assert [type(event) for event in carried.events] == [type(event) for event in kept]
    assert [end.outcome for end in carried.of(RunFinished)] == ["paused", "completed"]
    assert not carried.failures


@both_ways
def test_what_cannot_start_is_refused_and_leaves_nothing(
    way: Way, carry: Carry, tmp_path: Path, sample: tuple[Path, Path]
) -> None:
    (tmp_path / "empty").mkdir()
    empty = carry(tmp_path / "run", way)
    empty.thread.begin(tiny_config(tmp_path / "empty"))
    empty.thread.start()
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    there = carry(taken, way)
    there.thread.begin(tiny_config(sample[0]))
    there.thread.start()
    empty.until_rest()
    assert [failure.code for failure in empty.failures] == ["data.no_images"]
    assert empty.history.state == "failed"
    assert not (tmp_path / "run").exists()
    there.until(lambda: there.failures)
    assert [failure.code for failure in there.failures] == ["run.exists"]
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]


@both_ways
def test_a_run_stopped_before_its_first_step_leaves_nothing(
    way: Way, carry: Carry, tmp_path: Path, sample: tuple[Path, Path]
) -> None:
    carried = carry(tmp_path / "run", way)
    carried.thread.begin(long(sample[0]))
    # At once: before the thread even runs.
    carried.ask("stop")
    carried.thread.start()
    carried.until_rest()
    assert not (tmp_path / "run").exists()
    assert not carried.failures
    assert not carried.of(StepReported)
    assert carried.history.state == "stopped"


def test_leaving_ends_what_trains_in_this_process(
    carry: Carry, tmp_path: Path, sample: tuple[Path, Path]
) -> None:
    carried = carry(tmp_path / "run", "this process")
    carried.thread.begin(long(sample[0]))
    carried.thread.start()
    carried.until_steps()
    carried.leave()
    assert summarise(Run(tmp_path / "run")).status == "stopped"


def test_leaving_while_a_method_prepares_is_heard_by_the_leg(carry: Carry, tmp_path: Path) -> None:
    """Thrown out of an event it would leave no checkpoint of what is begun."""
    thread = carry(tmp_path / "run", "this process").thread
    thread._leg_here = True
    thread.leave()
    for phase in METHOD_PHASES:
        thread._emit(PhaseChanged(phase, 1, 9))
        thread._emit(CheckpointWritten(0, "checkpoints/step-00000000"))
    with pytest.raises(_StoppedEarly):
        thread._emit(PhaseChanged("decoding", 1, 9))


@both_ways
def test_a_run_of_a_terminal_is_followed_and_left_training(
    way: Way, carry: Carry, terminal: Path
) -> None:
    carried = carry(terminal, way)
    carried.thread.start()
    carried.until(lambda: carried.history.state == "training")
    before = len(carried.of(CommandAnswered))
    carried.ask("checkpoint")
    carried.until(lambda: len(carried.of(CommandAnswered)) > before)
    assert not carried.failures
    carried.leave()
    assert is_running(Run(terminal))


def test_a_run_left_to_itself_is_followed_to_its_end(carry: Carry, terminal: Path) -> None:
    carried = carry(terminal, "own process")
    carried.thread.start()
    carried.until(lambda: carried.history.state == "training")
    carried.ask("finish")
    carried.until(lambda: carried.history.state == "completed")
    kept = [event for event, _ in read_events(Run(terminal))]
    assert carried.events == kept


@pytest.fixture(scope="module")
def terminal(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that a terminal started and that trains on until a test ends it."""
    path = tmp_path_factory.mktemp("terminal") / "run"
    flags = [*tiny_flags(), "--optim.epochs", "50000"]
    process = start_engine("pretrain", sample[0], "--out", path, *flags)
    wait_for_step(process, path, 1)
    yield path
    process.kill()
    process.communicate(timeout=30)


def test_a_trainer_whose_folder_is_lost_can_still_be_stopped(
    carry: Carry, tmp_path: Path, sample: tuple[Path, Path]
) -> None:
    carried = carry(tmp_path / "run", "own process")
    carried.thread.begin(tiny_config(sample[0], optim={"epochs": 5000}))
    carried.thread.start()
    carried.until_steps()
    pid = read_json(tmp_path / "run" / "lock")["pid"]
    (tmp_path / "run").rename(tmp_path / "moved")
    carried.until(lambda: carried.history.state == "lost")
    carried.thread.ask("stop")
    carried.until(lambda: carried.history.state == "gone")
    assert not psutil.pid_exists(pid)


def test_stop_never_ends_a_process_that_is_not_the_trainer(
    carry: Carry, finished_run: Path, tmp_path: Path
) -> None:
    """A lock of another machine names a number that here belongs to somebody else."""
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    with subprocess.Popen(["sleep", "60"]) as other, RunLock(Run(copy)):
        lock = {"host": "another-machine", "pid": other.pid, "started": 0.0}
        (copy / "lock").write_text(json.dumps(lock))
        carried = carry(copy, "own process")
        carried.thread.start()
        carried.until(lambda: carried.history.state == "preparing")
        carried.thread.ask("stop")
        carried.until(lambda: list((copy / "control").iterdir()))
        assert other.poll() is None
        other.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="sets limits of another process")
def test_a_trainer_without_its_life_folder_or_disk_is_told(
    carry: Carry, tmp_path: Path, sample: tuple[Path, Path]
) -> None:
    carried = carry(tmp_path / "run", "own process")
    carried.thread.begin(tiny_config(sample[0], optim={"epochs": 5000}))
    carried.thread.start()
    carried.until_steps()
    os.kill(read_json(tmp_path / "run" / "lock")["pid"], signal.SIGKILL)
    carried.until(lambda: carried.failures)
    carried.until_rest()
    assert [failure.code for failure in carried.failures] == ["studio.killed"]
    assert carried.history.state == "interrupted"
    carried.thread.resume()
    carried.until(lambda: carried.of(RunResumed))
    carried.until(lambda: carried.history.state == "training")
    # The folder goes away under the trainer, as when someone tidies up.
    moved = tmp_path / "moved"
    (tmp_path / "run").rename(moved)
    carried.until(lambda: carried.history.state == "lost")
    assert carried.history.is_live
    moved.rename(tmp_path / "run")
    carried.until(lambda: carried.history.state == "training")
    # A disk on which no file can grow any more.
    process = psutil.Process(read_json(tmp_path / "run" / "lock")["pid"])
    process.rlimit(psutil.RLIMIT_FSIZE, (4096, 4096))
    carried.until(lambda: len(carried.failures) == 2)
    # In the engine's own words where these could still be written, else by its exit code.
    assert carried.failures[-1].code in ("disk.write", "studio.disk")
    carried.until(lambda: carried.history.state == "interrupted")


def test_a_run_killed_before_its_settings_is_interrupted_and_resumes(
    carry: Carry, tmp_path: Path, sample: tuple[Path, Path]
) -> None:
    create_run(tmp_path / "run", tiny_config(sample[0]))
    carried = carry(tmp_path / "run", "own process")
    carried.thread.start()
    carried.until(lambda: carried.history.state == "interrupted")
    carried.thread.resume()
    carried.until(lambda: carried.history.state == "completed")
