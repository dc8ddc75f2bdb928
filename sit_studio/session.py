"""What the window works on: the images, the open run, the device. Pages show it and ask it to act."""

from __future__ import annotations

import math
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from sit_engine import runs
from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.data.saved_index import SavedIndex
from sit_engine.data.scan import escape_name
from sit_engine.errors import SitError
from sit_engine.wishes import Command
from sit_studio.asker import Answer, Asker, Question, ask_once
from sit_studio.history import ENDINGS, History
from sit_studio.lister import RunLister
from sit_studio.mailbox import Failure, Heard, Letter, Mailbox, Refused, Seen, failure_of
from sit_studio.opening import is_folder
from sit_studio.preferences import Preferences
from sit_studio.runner import EngineThread

DRAIN_MS, DRAIN_FAST_MS = 66, 16
MOST_REOPENED = 20_000
DRAIN_FOR_S = 0.006
LabelSource = Literal["folders", "csv", "none"]


def _label_source(text: str) -> LabelSource:
    return "none" if text == "none" else "folders"


@dataclass
class Dataset:
    """The chosen folders and what is known of them."""

    folders: tuple[str, ...] = ()
    labels: LabelSource = "folders"
    labels_file: str | None = None
    test: tuple[str, ...] = ()
    state: Literal["none", "scanning", "ready", "cancelled", "failed"] = "none"
    phase: str = ""
    done: int = 0
    total: int = 0
    listed: dict[str, Any] = field(default_factory=dict)
    """What the first look found, while the second goes on."""
    index: SavedIndex | None = None
    failure: Failure | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it was read and holds at least one image."""
        return self.state == "ready" and self.index is not None and len(self.index) > 0

    @property
    def facts(self) -> DataFacts | None:
        """Numbers that "auto" settings depend on; None before a scan is done."""
        return self.index.facts() if self.index is not None else None


class Session(QObject):
    """One for a window. Signals say what changed; whoever hears looks at the attributes."""

    dataset_changed = Signal()
    scan_progressed = Signal()
    run_opened = Signal()
    run_changed = Signal()
    run_grew = Signal()
    device_known = Signal()
    failed = Signal(object)

    def __init__(self, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.preferences = preferences
        self.dataset = Dataset()
        self.device: DeviceFacts | None = None
        self.device_answer: Answer = {}
        self.history = History()
        self.run: runs.Run | None = None
        self.mailbox = Mailbox()
        self.asker = Asker(self)
        self.lister = RunLister(lambda: preferences.runs_folders, self)
        self.lister.start()
        self._thread: EngineThread | None = None
        self._leaving: list[EngineThread] = []
        self._scan: Asker | None = None
        self._before: Dataset | None = None
        self._places = tempfile.TemporaryDirectory(prefix="sit-studio-")
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self._on_timer)

    def place(self, name: str) -> str:
        """A temporary folder of this session, for answers that are arrays."""
        folder = Path(self._places.name) / name
        folder.mkdir(exist_ok=True)
        return str(folder)

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
        self.device = DeviceFacts(**answer["facts"])
        self.device_answer = answer
        self.device_known.emit()

    # The images

    def look_at(
        self,
        folders: list[str],
        *,
        labels: LabelSource = "folders",
        labels_file: str | None = None,
        test: tuple[str, ...] = (),
    ) -> None:
        """Scan these folders in a process of their own; an earlier scan is dropped."""
        self.cancel_scan(quietly=True)
        self._before = None
        self.dataset = Dataset(tuple(folders), labels, labels_file, test, state="scanning")
        self.preferences.remember_folders(folders)
        place = tempfile.mkdtemp(prefix="scan-", dir=self._places.name)
        params = {
            "folders": folders, "labels": labels, "labels_file": labels_file,
            "test": list(test), "out": place,
        }  # fmt: skip
        self._scan = ask_once(
            self,
            Question(
                "scan", params, self._hear_index, self._hear_scan_failure,
                self._hear_scan_progress, self._hear_listed,
            ),
        )  # fmt: skip
        self.dataset_changed.emit()

    def look_at_last(self) -> None:
        """The folder of the last time, unless it is gone or so large that reading it takes minutes."""
        preferences = self.preferences
        folders = preferences.texts("data/last")
        count = preferences.number("data/last_count", math.inf)
        if not folders or count > MOST_REOPENED or not all(map(is_folder, folders)):
            return
        labels_file = preferences.text("data/labels_file") or None
        self.look_at(
            folders,
            labels="csv" if labels_file else _label_source(preferences.text("data/labels")),
            labels_file=labels_file,
            test=tuple(test for test in preferences.texts("data/test") if is_folder(test)),
        )

    def look_again(self, **changes: Any) -> None:
        """Scan the same folders with another label source or test folder."""
        known: dict[str, Any] = {
            "labels": self.dataset.labels,
            "labels_file": self.dataset.labels_file,
            "test": self.dataset.test,
        }
        before = self.dataset
        self.look_at(list(before.folders), **known | changes)
        self._before = before if before.state == "ready" else None

    def cancel_scan(self, *, quietly: bool = False) -> None:
        """Stop reading; what was decoded stays in the cache."""
        if self._scan is not None:
            self._scan.stop()
            self._scan.deleteLater()
            self._scan = None
        if not quietly and self.dataset.state == "scanning":
            self.dataset.state = "cancelled"
            self.dataset_changed.emit()

    def forget_images(self) -> None:
        """Back to no folder at all."""
        self.cancel_scan(quietly=True)
        self.dataset = Dataset()
        self.dataset_changed.emit()

    def _hear_scan_progress(self, phase: str, done: int, total: int) -> None:
        self.dataset.phase, self.dataset.done, self.dataset.total = phase, done, total
        self.scan_progressed.emit()

    def _hear_listed(self, part: Answer) -> None:
        self.dataset.listed = part.get("listed", {})
        self.scan_progressed.emit()

    def _hear_index(self, answer: Answer) -> None:
        self._scan = None
        try:
            self.dataset.index = SavedIndex.open(Path(answer["folder"]))
        except OSError as error:
            self._hear_scan_failure(failure_of(runs.disk_error(error, Path(answer["folder"]))))
            return
        self.dataset.state = "ready"
        self._remember_images(self.dataset, self.dataset.index)
        self.dataset_changed.emit()

    def _remember_images(self, dataset: Dataset, index: SavedIndex) -> None:
        self.preferences.set("data/last_count", float(index.summary["images"]))
        self.preferences.set("data/labels", dataset.labels)
        self.preferences.set("data/labels_file", dataset.labels_file or "")
        self.preferences.set("data/test", list(dataset.test))

    def _hear_scan_failure(self, failure: Failure) -> None:
        self._scan = None
        if self._before is not None:
            # Only the labels or the test folder were wrong: what was there stays.
            self.dataset, self._before = self._before, None
            self.dataset_changed.emit()
            self.failed.emit(failure)
            return
        self.dataset.state, self.dataset.failure = "failed", failure
        self.dataset_changed.emit()

    # The run

    @property
    def can_start(self) -> bool:
        """Whether a new run may begin: one trains at a time."""
        return self.dataset.is_usable and not self.history.is_live

    def start(self, values: dict[str, Any]) -> None:
        """Train a new run on the chosen images; raises ConfigError for settings that cannot be."""
        folders = [escape_name(folder) for folder in self.dataset.folders]
        data: dict[str, Any] = {"folders": folders, "labels": self.dataset.labels}
        if self.dataset.labels_file:
            data["labels_file"] = escape_name(self.dataset.labels_file)
        config = build(merge(values, {"data": data}))
        path = self._new_path(config.method.name)
        thread = self._carry(path)
        self.history.state = "preparing"
        thread.begin(config)
        thread.start()
        self.preferences.set("run/last", str(path))
        self.run_opened.emit()
        self.run_changed.emit()

    def _new_path(self, method: str) -> Path:
        name = re.sub(r"[^\w-]+", "-", Path(self.dataset.folders[0]).name).strip("-") or "images"
        stem = f"{time.strftime('%Y-%m-%d_%H%M%S')}_{name[:60]}_{method}"
        folder = self.preferences.runs_folder
        path, number = folder / stem, 2
        while path.exists():
            path, number = folder / f"{stem}-{number}", number + 1
        return path

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
            # One that is still being prepared has no settings yet.
            if not runs.is_running(runs.Run(path)):
                runs.open_run(path)
        except (SitError, OSError) as error:
            known = error if isinstance(error, SitError) else runs.disk_error(error, path)
            self.failed.emit(failure_of(known))
            return False
        self._carry(path).start()
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
        if self._thread is not None and not self.history.is_live:
            history = self.history
            history.state, history.failure, history.phase = "preparing", None, None
            self._thread.resume(epochs)
            self.run_changed.emit()

    def command(self, command: Command, **values: float) -> None:
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
        self.run, self.history, self.mailbox = runs.Run(path), History(), Mailbox()
        way = "this process" if self.preferences.text("engine/way") == "this" else "own process"
        self._thread = EngineThread(path, self.mailbox, way, self)  # type: ignore[arg-type]
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
        before = (history.state, history.asked, history.failure)
        is_new = len(self.mailbox) > 0
        until_s = time.monotonic() + DRAIN_FOR_S
        # A long run that is opened brings many letters at once: a few milliseconds of them a turn.
        while (letters := self.mailbox.take(20)) and time.monotonic() < until_s:
            self._hear(letters)
        self._hear(letters)
        self._timer.setInterval(DRAIN_FAST_MS if len(self.mailbox) else DRAIN_MS)
        if is_new:
            self.run_grew.emit()
        if (history.state, history.asked, history.failure) != before:
            self.run_changed.emit()

    def _hear(self, letters: list[Letter]) -> None:
        for letter in letters:
            match letter:
                case Heard():
                    self.history.add(letter.event, letter.time)
                case Seen():
                    self.history.see(letter.state)
                case Refused():
                    self.history.refuse(letter.failure)
                    self.failed.emit(letter.failure)

    # The end

    def shut_down(self, wait_ms: int = 10_000) -> None:
        """Let go of everything; a run in a process of its own trains on."""
        self.cancel_scan(quietly=True)
        self._let_go()
        self.asker.stop()
        self.lister.leave()
        self.lister.wait(wait_ms)
        for thread in list(self._leaving):
            thread.wait(wait_ms)
        self._leaving.clear()
        self.preferences.sync()
        self._places.cleanup()

    def when_idle(self, act: Callable[[], None]) -> None:
        """Call `act` once, when no leg trains any more."""

        def look() -> None:
            if not self.history.is_live:
                self.run_changed.disconnect(look)
                act()

        self.run_changed.connect(look)
        look()
