"""One long question of a page: a child of its own, with progress, an answer or a failure, and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from sit_studio.engine.questions import Answer, Asker, Question, ask_once
from sit_studio.models.failure import Failure


class Job(QObject):
    """Asks at most one question at a time; `changed` when it begins and when it has ended."""

    changed = Signal()
    progressed = Signal(str, int, int)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asker: Asker | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is waited for."""
        return self._asker is not None

    def start(self, name: str, params: dict[str, Any], on_answer: Callable[[Answer], None]) -> None:
        """Ask; an earlier question is cancelled."""
        self.cancel()

        def hear(answer: Answer) -> None:
            self._asker = None
            on_answer(answer)
            self.changed.emit()

        question = Question(name, params, hear, self._hear_failure, self.progressed.emit)
        self._asker = ask_once(self, question)
        self.changed.emit()

    def cancel(self) -> None:
        """Forget the question and end its child."""
        if self._asker is not None:
            self._asker.stop()
            self._asker.deleteLater()
            self._asker = None
            self.changed.emit()

    def _hear_failure(self, failure: Failure) -> None:
        self._asker = None
        self.failed.emit(failure)
        self.changed.emit()
