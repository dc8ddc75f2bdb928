"""Questions to the engine: a `sit-engine serve` child that answers one JSON line at a time."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QProcess, QProcessEnvironment, QTimer, Slot

from sit_studio.engine.standby_trainer import (
    engine_environment,
    engine_places,
    engine_python,
    is_memory_short,
    step_back,
)
from sit_studio.models.failure import Failure, failure_from

Answer = dict[str, Any]
IDLE_MS = 60_000
"""Without a question for so long a child ends."""


@dataclass(frozen=True)
class Question:
    """What is asked, and who hears the answer; a later one of the same slot replaces it unsent."""

    name: str
    params: dict[str, Any]
    on_answer: Callable[[Answer], None]
    on_failure: Callable[[Failure], None]
    on_progress: Callable[[str, int, int], None] | None = None
    on_part: Callable[[Answer], None] | None = None
    slot: str = ""


class Asker(QObject):
    """One child, started at the first question and kept warm; all in the window's thread.

    It ends when nobody asked it anything for a while: most questions load torch, which takes most of
    a gigabyte. The next question starts another.
    """

    def __init__(
        self, parent: QObject | None = None, *, once: bool = False, idle_ms: int = IDLE_MS
    ) -> None:
        super().__init__(parent)
        self._once = once
        self._idle = QTimer(self, singleShot=True, interval=idle_ms)
        self._idle.timeout.connect(self._rest_if_idle)
        self._waiting: deque[Question] = deque()
        self._asked: Question | None = None
        self._number = 0
        self._rest = b""
        self._process: QProcess | None = None
        self._places: dict[str, str] = {}

    def ask(self, question: Question) -> None:
        """Ask, after the questions before it."""
        if question.slot:
            self._waiting = deque(q for q in self._waiting if q.slot != question.slot)
        self._waiting.append(question)
        self._send_next()

    def load(self) -> None:
        """Have the child load what long questions need, before there is one."""
        self._process = self._start("--ahead")
        step_back(self._process.processId())

    @property
    def is_spare(self) -> bool:
        """Whether a child waits that nobody asked anything yet, with the places of now."""
        return self._process is not None and self._number == 0 and self._places == engine_places()

    def is_busy(self, slot: str = "") -> bool:
        """Whether a question (of that slot) waits or is being answered."""
        asked = [*self._waiting, *([self._asked] if self._asked else [])]
        return any(not slot or question.slot == slot for question in asked)

    def stop(self) -> None:
        """Forget all questions and end the child; nobody hears of it."""
        self._waiting.clear()
        self._asked = None
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(3000)
            process.deleteLater()

    def _send_next(self) -> None:
        if self._asked is not None or not self._waiting:
            return
        self._idle.stop()
        if self._process is None:
            self._process = self._start()
        self._asked = self._waiting.popleft()
        self._number += 1
        record = {"id": self._number, "ask": self._asked.name} | self._asked.params
        self._process.write(QByteArray(json.dumps(record).encode("ascii") + b"\n"))
        if self._once:
            self._process.closeWriteChannel()

    def _start(self, *words: str) -> QProcess:
        self._places = engine_places()
        process = QProcess(self)
        environment = QProcessEnvironment()
        for name, value in engine_environment().items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._on_said)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        program, *command = engine_python("sit_engine", "serve", *words)
        self._rest = b""
        process.start(program, command)
        return process

    @Slot()
    def _on_said(self) -> None:
        if self._process is None:
            return
        said = self._rest + bytes(self._process.readAllStandardOutput().data())
        *lines, self._rest = said.split(b"\n")
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                self._hear(record)

    def _hear(self, record: Answer) -> None:
        asked = self._asked
        if asked is None or record.get("id") != self._number:
            return
        if "phase" in record:
            if asked.on_progress is not None:
                asked.on_progress(record["phase"], record["done"], record["total"])
        elif "part" in record:
            if asked.on_part is not None:
                asked.on_part(record["part"])
        else:
            self._asked = None
            if "error" in record:
                asked.on_failure(failure_from(record["error"]))
            else:
                asked.on_answer(record["answer"])
            self._send_next()
            if not (self._once or self.is_busy()):
                self._idle.start()

    @Slot()
    def _rest_if_idle(self) -> None:
        if not self.is_busy():
            self.stop()

    @Slot()
    def _on_finished(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.on_failure(
                Failure(
                    "studio.engine_died",
                    "The engine ended before it could answer.",
                    "Try again; if it happens again, there may be too little memory.",
                )
            )
        if self._once and self._number:
            self.deleteLater()
        self._send_next()

    @Slot(QProcess.ProcessError)
    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._on_finished()


class Spare:
    """Keeps at most one child for the next long question, which has loaded what such need."""

    def __init__(self) -> None:
        self._asker: Asker | None = None

    @property
    def is_there(self) -> bool:
        """Whether a child waits."""
        return self._asker is not None and self._asker.is_spare

    def make_ready(self, parent: QObject) -> None:
        """Start a child that waits, unless one does or memory is short; it ends with `parent`."""
        if not self.is_there and not is_memory_short():
            self.let_go()
            self._asker = Asker(parent, once=True)
            self._asker.load()

    def let_go(self) -> None:
        """End the one that waits: nobody will ask soon."""
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.stop()
            asker.deleteLater()

    def take(self, parent: QObject) -> Asker | None:
        """Give the one that waits to the caller; None: there is none."""
        if not self.is_there:
            return None
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.setParent(parent)
        return asker


SPARE = Spare()


def ask_once(parent: QObject, question: Question) -> Asker:
    """A child for one long question, which ends with its answer; `stop` cancels it."""
    asker = SPARE.take(parent) or Asker(parent, once=True)
    asker.ask(question)
    return asker
