"""What the window works on: the images, the open run, the device. Pages show it and ask it to act."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from sit_engine.config.build import build, merge
from sit_engine.config.facts import DeviceFacts
from sit_engine.counted import with_templates
from sit_engine.errors import SitError
from sit_engine.files import disk_error
from sit_engine.paths import file_word
from sit_engine.records.commands import ENDINGS, CommandName
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_studio.engine.comparer import Comparer
from sit_studio.engine.messages import Heard, Message, MessageQueue, Refused, Seen
from sit_studio.engine.questions import Answer, Asker, Question
from sit_studio.engine.run_lister import RunLister
from sit_studio.engine.run_thread import EngineThread, LegRequest
from sit_studio.images import Images
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.history import History
from sit_studio.preferences import Preferences

DRAIN_MS, DRAIN_FAST_MS = 66, 16
DRAIN_FOR_S = 0.006
log = logging.getLogger(__name__)


class Session(Images):
    """The state of one window. Signals say what changed; whoever hears looks at the attributes."""

    run_opened = Signal()
    run_changed = Signal()
    run_grew = Signal()
    stopped_early = Signal()
    """The open run was stopped before its first step, and the engine took its folder away."""
    device_known = Signal()

    def __init__(self, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(preferences, parent)
        self.device: DeviceFacts | None = None
        self.device_answer: Answer = {}
        self.history = History()
        self.run: Run | None = None
        self.messages = MessageQueue()
        self.asker = Asker(self)
        self.lister = RunLister(
            lambda: preferences.runs_folders, self, weights=lambda: preferences.weights_folder
        )
        self.lister.start()
        self.comparer = Comparer(preferences, self)
        self.comparer.failed.connect(self.failed)
        self._thread: EngineThread | None = None
        self._leaving: list[EngineThread] = []
        self._resume_wanted: LegRequest | None = None
        self._resumed = LegRequest()
        self._close_wanted: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self._on_timer)
        self.run_changed.connect(self._look_whether_idle)

    def find_device(self) -> None:
        """Ask the engine once what it would train on."""
        self.asker.ask(
            Question(
                "device", {"device": "auto"}, self._hear_device, self.failed.emit, slot="device"
            )
        )

    def restart_asker(self) -> None:
        """Questions from now on are answered by a child with today's settings."""
        self.asker.stop()
        if self.device is None:
            self.find_device()

    def _hear_device(self, answer: Answer) -> None:
        self.device = DeviceFacts(**with_templates(answer["facts"], answer.get("templates")))
        self.device_answer = answer
        self.device_known.emit()

    # The run

    def start(self, values: dict[str, Any], *, with_scratch: bool = False) -> None:
        """Train a new run on the chosen images; raises ConfigError for settings that cannot be.

        `with_scratch`: after a finetuning run, its twin that starts from nothing.
        """
        config = build(merge(values, {"data": self.dataset.settings()}))
        path = self.new_place(self.dataset.folders[0], config.method.name)
        thread = self._carry(path)
        self.history.state, self.history.method = "preparing", config.method.name
        thread.begin(config, with_scratch=with_scratch)
        thread.start()
        self.preferences.set("run/last", str(path))
        self.run_opened.emit()
        self.run_changed.emit()

    def new_place(self, images: str, word: str) -> Path:
        """A folder to make among the runs, named after time, the folder of images and `word`."""
        name = file_word(Path(images).name) or "images"
        stem = f"{time.strftime('%Y-%m-%d_%H%M%S')}_{name}_{word}"
        folder = self.preferences.runs_folder
        path, number = folder / stem, 2
        while path.exists():
            path, number = folder / f"{stem}-{number}", number + 1
        return path

    @property
    def trains_apart(self) -> bool:
        """Whether a leg that is started now trains in a process of its own."""
        return self.preferences.text("engine/way") != "this"

    @property
    def trains_here(self) -> bool:
        """Whether a leg trains inside this window and would end with it."""
        return self._thread is not None and self._thread.is_training_here

    def open_run(self, path: Path) -> bool:
        """Follow a run that exists, whoever made it; False, and a sentence, if that cannot be."""
        if self.run is not None and self.run.path == path:
            return True
        if self.trains_here:
            self.failed.emit(
                Failure(
                    "studio.trains_here",
                    self.tr("A run trains inside this window; opening another would end it."),
                    self.tr("Pause or stop it first, or train in a process of its own (Settings)."),
                )
            )
            return False
        try:
            # Those of a version without chosen.toml have nothing at all while they are prepared.
            if not is_running(Run(path)):
                open_run(path, prepared=False)
        except (SitError, OSError) as error:
            known = error if isinstance(error, SitError) else disk_error(error, path)
            self.failed.emit(failure_of(known))
            return False
        thread = self._carry(path)
        with suppress(SitError, OSError):
            # Its events come one by one: what kind of run it is must stand before the first.
            self.history.method = Run(path).wanted().method.name
        thread.start()
        self.preferences.set("run/last", str(path))
        self.run_opened.emit()
        self.run_changed.emit()
        return True

    def close_run(self) -> None:
        """Let go of the open run."""
        self._let_go()
        self.run, self.history = None, History()
        self.preferences.set("run/last", "")
        self.run_opened.emit()
        self.run_changed.emit()

    def resume(self, epochs: float | None = None) -> None:
        """Train the open run's next leg."""
        self._resume(LegRequest(epochs=epochs))

    def keep(self) -> None:
        """Count the open run, which rests, as complete with what it has learnt so far."""
        self._resume(LegRequest(is_last=True))

    def agree(self) -> None:
        """Resume as it was asked for last, agreeing to what it was refused for."""
        code = "" if self.history.failure is None else self.history.failure.code
        if code == "run.changed":
            self._resume(replace(self._resumed, accept_changes=True))
        elif code == "data.gone":
            self._resume(replace(self._resumed, without_missing=True))

    def resume_in(self, folder: str) -> None:
        """Resume as it was asked for last; the images are in this folder now."""
        self._resume(replace(self._resumed, folders=(folder,)))

    def _resume(self, leg: LegRequest) -> None:
        history = self.history
        if self._thread is None or history.is_live:
            return
        if history.state == "opening":
            # Its past is still being read, and would be taken for the new leg.
            self._resume_wanted = leg
            return
        if self.comparer.is_busy:
            self.failed.emit(
                Failure(
                    "studio.comparison_trains",
                    self.tr("A comparison or a search is training; this run would slow it down."),
                    self.tr("Wait for it, or stop it on Runs or Train; it can go on later."),
                )
            )
            return
        history.state, history.failure, history.phase = "preparing", None, None
        self._resumed = leg
        self._thread.resume(leg)
        self.run_changed.emit()

    def command(self, command: CommandName, **values: float) -> None:
        """Ask the running leg; the buttons wait for its answer, not for the click."""
        asked = self.history.asked
        # An end need not wait until a checkpoint or a preview is there.
        is_free = not asked or (command in ENDINGS and asked not in ENDINGS)
        if self._thread is not None and self.history.is_live and is_free:
            self.history.asked = command
            self._thread.ask(command, **values)
            self.run_changed.emit()

    def _carry(self, path: Path) -> EngineThread:
        self._let_go()
        self.run, self.history, self.messages = Run(path), History(), MessageQueue()
        self._resume_wanted = None
        way = "own process" if self.trains_apart else "this process"
        self._thread = EngineThread(path, self.messages, way, self)  # type: ignore[arg-type]
        self._timer.start()
        return self._thread

    def _let_go(self) -> None:
        thread, self._thread = self._thread, None
        self._timer.stop()
        if thread is not None:
            thread.leave()
            self._leaving.append(thread)
            thread.finished.connect(self._on_thread_finished)
            if thread.isFinished():
                self._on_thread_finished()

    @Slot()
    def _on_thread_finished(self) -> None:
        for thread in [found for found in self._leaving if found.isFinished()]:
            self._leaving.remove(thread)
            thread.deleteLater()

    @Slot()
    def _on_timer(self) -> None:
        history = self.history
        before = (history.state, history.asked, history.failure, history.is_ending)
        is_new = len(self.messages) > 0
        until_s = time.monotonic() + DRAIN_FOR_S
        # A long run that is opened brings many messages at once: a few milliseconds of them a turn.
        while (messages := self.messages.take(20)) and time.monotonic() < until_s:
            self._hear(messages)
        self._hear(messages)
        self._timer.setInterval(DRAIN_FAST_MS if len(self.messages) else DRAIN_MS)
        if is_new:
            self.run_grew.emit()
        is_ghost = history.state == "stopped" and history.leg < 0
        if is_ghost and self.run is not None and not self.run.path.exists():
            self.close_run()
            self.stopped_early.emit()
        elif (history.state, history.asked, history.failure, history.is_ending) != before:
            self.run_changed.emit()

    def _hear(self, messages: list[Message]) -> None:
        for message in messages:
            match message:
                case Heard():
                    self._add(message)
                case Seen():
                    self.history.see(message.state)
                    if self._resume_wanted is not None:
                        wanted, self._resume_wanted = self._resume_wanted, None
                        self._resume(wanted)
                case Refused():
                    self.history.refuse(message.failure)
                    self.failed.emit(message.failure)

    def _add(self, message: Heard) -> None:
        try:
            self.history.add(message.event, message.time)
        except (TypeError, ValueError, AttributeError, OverflowError):
            # Anyone can write into a run folder: one strange event must not hide the next.
            log.exception("an event of %s makes no sense", self.run)

    # The end

    def shut_down(self, wait_ms: int = 10_000) -> None:
        """Let go of everything; a run in a process of its own trains on."""
        self.cancel_scan(quietly=True)
        self.dataset.index = None
        self._let_go()
        self.comparer.let_go()
        self.asker.stop()
        self.lister.leave()
        self.lister.wait(wait_ms)
        for thread in list(self._leaving):
            thread.wait(wait_ms)
        self._leaving.clear()
        self.preferences.sync()
        self._places.cleanup()

    def when_idle(self, act: Callable[[], None] | None) -> None:
        """Call `act` once, when no leg trains any more; None takes that back."""
        self._close_wanted = act
        self._look_whether_idle()

    def _look_whether_idle(self) -> None:
        if self._close_wanted is not None and not self.history.is_live:
            act, self._close_wanted = self._close_wanted, None
            act()
