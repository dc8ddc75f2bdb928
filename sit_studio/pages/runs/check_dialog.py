"""A run's files looked at: what is wrong with them, and a button that mends it without deleting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget

from sit_engine.counted import unpacked
from sit_studio.engine.job import Job
from sit_studio.look.sentences import say, say_text
from sit_studio.models.failure import Failure
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.dialog import Dialog


class CheckDialog(Dialog):
    """Looks as it opens, and again after it has mended."""

    repaired = Signal()

    def __init__(self, title: str, run: Path, job: Job, parent: QWidget | None = None) -> None:
        head = QApplication.translate("CheckDialog", "The files of {title}").format(title=title)
        super().__init__(head, parent)
        self.run = run
        # The page's: its child may outlive this dialog for an instant.
        self.job = job
        self.job.failed.connect(self._on_failed)
        self.verdict = label("", wrap=True)
        self.verdict.setAccessibleName(self.tr("Result"))
        self.told = QPlainTextEdit()
        self.told.setReadOnly(True)
        self.told.setAccessibleName(self.tr("What was found"))
        self.note = label(
            self.tr("Repairing deletes nothing: what is damaged is put aside in the run's folder."),
            "muted",
            wrap=True,
        )
        for part in (self.verdict, self.told, self.note):
            self.body.addWidget(part)
        self.repair = button(self.tr("Repair"), self._repair, primary=True)
        self.close_it = button(self.tr("Close"), self.reject)
        self.row.addWidget(self.close_it)
        self.row.addWidget(self.repair)
        self.setMinimumWidth(480)
        self.resize(640, 400)
        self._done = ""
        self._look()

    def _look(self) -> None:
        self._show(self.tr("Looking at its settings, events and checkpoints…"), "")
        self.job.start("check", {"run": str(self.run)}, self._on_checked)

    def _show(self, verdict: str, told: str, *, can_repair: bool = False) -> None:
        self.verdict.setText(verdict)
        self.told.setPlainText(told)
        self.told.setVisible(bool(told))
        self.note.setVisible(can_repair)
        self.repair.setVisible(can_repair)

    def _on_checked(self, answer: dict[str, Any]) -> None:
        wrong, good = answer["problems"], answer["good"]
        whole = self.tr("Whole checkpoints: {count}.").format(count=len(good))
        if not wrong:
            nothing = self.tr("Nothing is wrong with its files.")
            self._show(f"{self._done} {nothing} {whole}".strip(), "")
            return
        found = self.tr("Wrong with its files:")
        self._show(f"{self._done} {whole} {found}".strip(), _lines(wrong), can_repair=True)

    @Slot()
    def _repair(self) -> None:
        self.repair.setEnabled(False)
        self.job.start("repair", {"run": str(self.run)}, self._on_repaired)

    def _on_repaired(self, answer: dict[str, Any]) -> None:
        self.repair.setEnabled(True)
        self.repaired.emit()
        if answer["done"]:
            self._show(self.tr("Repaired:"), _lines(answer["done"]))
            return
        self._done = self.tr("Nothing could be repaired.")
        self._look()

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        self.repair.setEnabled(True)
        message, hint = say(failure)
        self._show(f"{message} {hint}".strip(), "")

    def done(self, result: int) -> None:
        self.job.cancel()
        self.job.failed.disconnect(self._on_failed)
        super().done(result)


def _lines(told: list[dict[str, Any]]) -> str:
    said = (unpacked(one)["message"] for one in told)
    return "\n\n".join(map(say_text, said))
