"""EngineThread: carries one run folder; starts its legs, follows them, and gives them commands."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QThread

from sit_engine import api
from sit_engine.config.tree import RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import SitError
from sit_engine.files import disk_error
from sit_engine.records import commands
from sit_engine.records.events import Event, PhaseChanged, RunFinished, RunResumed, RunStarted
from sit_engine.records.follow import Follower
from sit_engine.records.locking.run_lock import holder_here, is_running
from sit_engine.records.on_progress import METHOD_PHASES
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_studio.engine.messages import Heard, MessageQueue, Refused, Seen
from sit_studio.engine.process import Trainer, end_from_outside, write_config
from sit_studio.models.failure import Failure, failure_of

Way = Literal["own process", "this process"]
POLL_S = 0.1
IDLE_POLL_S = 0.5


@dataclass(frozen=True)
class LegRequest:
    """A leg to start: a new run with `config`, or the next one of the folder."""

    config: RunConfig | None = None
    epochs: float | None = None
    with_scratch: bool = False
    """After a finetuning run, its twin that starts from nothing."""
    accept_changes: bool = False
    """Of the run's files, made by hand."""
    without_missing: bool = False
    """Images that are gone leave the run."""
    folders: tuple[str, ...] = ()
    """Where its images are now, if they moved."""
    is_last: bool = False
    """It ends at once and completes the run as it stands."""

    def flags(self) -> list[str]:
        """The flags of `sit-engine resume`."""
        epochs = [] if self.epochs is None else ["--epochs", str(self.epochs)]
        accept = ["--accept-changes"] if self.accept_changes else []
        without = ["--without-missing"] if self.without_missing else []
        return epochs + accept + without + (["--folders", *self.folders] if self.folders else [])


@dataclass(frozen=True)
class CommandRequest:
    """A command for the leg that trains."""

    command: commands.CommandName
    values: dict[str, float] = field(default_factory=dict)


class _StoppedEarly(BaseException):
    """Thrown out of the engine's own progress report: stopped before the first step."""


class EngineThread(QThread):
    """One run folder's carrier. It speaks through the messages only; `leave` ends it.

    In "own process" the leg is a process that outlives the window; in "this process" the leg runs
    here and ends with it. A leg that someone else started is followed in both.
    """

    def __init__(
        self, path: Path, messages: MessageQueue, way: Way, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("engine")
        self.run_folder = Run(path)
        self.messages, self.way = messages, way
        self._follower = Follower(self.run_folder)
        self._wanted: queue.SimpleQueue[LegRequest | CommandRequest] = queue.SimpleQueue()
        self._leaving = threading.Event()
        self._trainer: Trainer | None = None
        self._leg = -1
        self._is_training = False
        self._has_twin = self._is_completed = False
        self._leg_here = False
        self._seen: Seen | None = None

    # From the window

    def begin(self, config: RunConfig, *, with_scratch: bool = False) -> None:
        """Start the run's first leg; with its twin, in a process of its own in either way."""
        self._wanted.put(LegRequest(config=config, with_scratch=with_scratch))

    def resume(self, leg: LegRequest | None = None) -> None:
        """Start the next leg."""
        self._wanted.put(leg or LegRequest())

    def ask(self, command: commands.CommandName, **values: float) -> None:
        """Give the leg a command; one that has no step yet can only be stopped."""
        self._wanted.put(CommandRequest(command, values))

    @property
    def is_training_here(self) -> bool:
        """Whether leaving would end the leg."""
        return self._leg_here

    def leave(self) -> None:
        """Let go of the run; a process of its own trains on."""
        self._leaving.set()

    # In the thread

    def run(self) -> None:
        """Follow the run until `leave`."""
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - the boundary of this thread
            self.messages.put([Refused(internal(error))])
        finally:
            if self._trainer is not None:
                # Who holds the lock has read its settings.
                self._trainer.let_go(has_settings=self.run_folder.lock_file.exists())

    def _follow(self) -> None:
        while not self._leaving.is_set():
            heard = self._follower.read_new()
            self._tell(heard)
            if heard:
                continue
            with suppress(queue.Empty):
                self._serve(self._wanted.get_nowait())
                continue
            self._look()
            alive = self._seen is not None and self._seen.state == "alive"
            self._leaving.wait(POLL_S if alive or self._trainer else IDLE_POLL_S / 2)

    def _tell(self, heard: list[tuple[Event, float]]) -> None:
        for event, _ in heard:
            self._notice(event)
        self.messages.put(Heard(event, when) for event, when in heard)

    def _notice(self, event: Event) -> None:
        match event:
            case RunStarted() | RunResumed():
                self._leg = event.leg
            case PhaseChanged():
                # What a method works out before its steps hears the control of a leg here; one in a
                # process is told by a signal, which knows no numbers of legs.
                hears = self._leg_here and event.phase in METHOD_PHASES
                self._is_training = hears or event.phase == "training"
            case RunFinished():
                self._is_training = False
                self._is_completed = event.outcome == "completed"

    def _look(self) -> None:
        """Whether someone trains the run; a leg of ours that ended tells why."""
        if self._has_twin and self._is_completed:
            self._let_twin_go()
        trainer = self._trainer
        is_alive = trainer.is_alive if trainer else is_running(self.run_folder)
        if trainer and not is_alive:
            self._trainer = None
            self._tell(self._follower.read_new())
            failure = trainer.failure()
            if failure is not None:
                self.messages.put([Refused(failure)])
        # Before its first leg has begun, the engine itself removes the folder of a run that failed.
        if self._is_lost():
            self._show("lost" if trainer and is_alive else "gone")
        else:
            self._show("alive" if is_alive else self._at_rest())

    def _at_rest(self) -> Literal["idle", "unbegun"]:
        """A folder that stayed though no leg began is one of a run that was killed."""
        return "unbegun" if self._leg < 0 and is_run(self.run_folder.path) else "idle"

    def _let_twin_go(self) -> None:
        """The run is complete; its process trains the twin now, which is a run of its own."""
        self._has_twin = False
        if self._trainer is not None:
            self._trainer.let_go(has_settings=True)
            self._trainer = None

    def _is_lost(self) -> bool:
        return self._leg >= 0 and not self.run_folder.path.is_dir()

    def _show(self, state: Literal["alive", "idle", "unbegun", "lost", "gone"]) -> None:
        if self._seen is None or self._seen.state != state:
            self._seen = Seen(state)
            self.messages.put([self._seen])

    def _serve(self, wanted: LegRequest | CommandRequest) -> None:
        try:
            if isinstance(wanted, CommandRequest):
                self._command(wanted)
                return
            if wanted.is_last:
                # The leg that is about to begin finds the command before its first step.
                commands.drop(self.run_folder, "finish", self._leg + 1)
            if self.way == "own process" or wanted.with_scratch:
                self._start_process(wanted)
            else:
                self._train_here(wanted)
        except SitError as error:
            self.messages.put([Refused(failure_of(error))])
        except OSError as error:
            self.messages.put([Refused(failure_of(disk_error(error, self.run_folder.path)))])

    def _command(self, asked: CommandRequest) -> None:
        if self._is_training and not self._is_lost():
            commands.drop(self.run_folder, asked.command, self._leg, **asked.values)
        elif asked.command not in commands.ENDINGS:
            # The steps ended between the click and now: the end of the leg answers.
            return
        elif self._trainer is not None:
            self._trainer.end_now()
        elif pid := holder_here(self.run_folder):
            end_from_outside(pid)
        else:
            # It trains on another machine: the leg that is about to begin finds the command.
            commands.drop(self.run_folder, asked.command, self._leg + 1, **asked.values)

    def _start_process(self, leg: LegRequest) -> None:
        path = str(self.run_folder.path)
        self._is_training = False
        if leg.config is None:
            self._trainer = Trainer(["resume", path, *leg.flags()])
        else:
            settings = write_config(leg.config)
            verb = "finetune" if leg.config.method.needs_labels else "pretrain"
            twin = ["--with-scratch"] if leg.with_scratch else []
            self._trainer = Trainer(
                [verb, "--config", str(settings), "--out", path, *twin], settings
            )
            self._has_twin = leg.with_scratch
        self._show("alive")

    def _train_here(self, leg: LegRequest) -> None:
        """Train in this thread by the same verbs; what they tell goes straight into the messages."""
        path = self.run_folder.path
        self._is_training, self._leg_here = False, True
        self._show("alive")
        try:
            if leg.config is not None:
                # Without its twin finetuning is the same verb with another config.
                api.pretrain(leg.config, path, emit=self._emit, make_control=self._control)
            else:
                api.resume(
                    path,
                    emit=self._emit,
                    make_control=self._control,
                    epochs=leg.epochs,
                    accept_changes=leg.accept_changes,
                    without_missing=leg.without_missing,
                    folders=leg.folders,
                )
        except _StoppedEarly:
            pass
        except SitError as error:
            self.messages.put([Refused(failure_of(error))])
        finally:
            self._leg_here = False
            self._skip_own_events()
            self._show(self._at_rest())

    def _emit(self, event: Event) -> None:
        self._notice(event)
        self.messages.put([Heard(event, time.time())])
        if not self._is_training and not isinstance(event, RunFinished):
            asked = [command.command for command in self._take_asked()]
            if self._leaving.is_set() or any(command in commands.ENDINGS for command in asked):
                raise _StoppedEarly

    def _skip_own_events(self) -> None:
        while self._follower.read_new():
            pass

    def _take_asked(self) -> list[CommandRequest]:
        """Commands for the leg that runs here."""
        found = []
        with suppress(queue.Empty):
            while True:
                wanted = self._wanted.get_nowait()
                if isinstance(wanted, CommandRequest):
                    found.append(wanted)
        return found

    def _control(self, run: Run) -> _Control:
        return _Control(run, self._take_asked, self._leaving.is_set)


class _Control:
    """Commands of the window, and of anyone else through the run folder (training.control)."""

    def __init__(
        self,
        run: Run,
        take_asked: Callable[[], list[CommandRequest]],
        is_leaving: Callable[[], bool],
    ) -> None:
        self.run, self.take_asked, self.is_leaving = run, take_asked, is_leaving
        self.looked_s = 0.0

    def poll(self) -> list[commands.Command]:
        """Commands since the last call, oldest first; leaving the window stops the leg."""
        found = [commands.Command("stop", -1)] if self.is_leaving() else []
        found += [commands.Command(asked.command, -1, asked.values) for asked in self.take_asked()]
        if time.monotonic() - self.looked_s >= POLL_S:
            self.looked_s = time.monotonic()
            found += commands.take_commands(self.run)
        return found


def internal(error: Exception) -> Failure:
    """A bug of ours, as a sentence."""
    return Failure(
        "internal",
        Sentence("Something went wrong inside the program ({kind}).", kind=type(error).__name__),
        "This is our fault. Copy the details and report them.",
        details="".join(traceback.format_exception(error)),
    )
