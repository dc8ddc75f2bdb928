"""Evaluate: the open run's features on labelled folders, beside raw pixels and the untrained network."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QProgressBar, QVBoxLayout, QWidget

from sit_engine.runs import Run, read_json
from sit_studio.asker import Answer
from sit_studio.job import Job
from sit_studio.marks import QT_TRANSLATE_NOOP
from sit_studio.session import Session
from sit_studio.widgets.basics import (
    Card,
    EmptyState,
    Page,
    button,
    clear_layout,
    label,
    scrolled,
)
from sit_studio.widgets.chooser import CheckpointBox, FolderChooser, steps_of
from sit_studio.widgets.scores import MeasureCard, can_show
from sit_studio.widgets.status import phase_words
from sit_studio.widgets.words import count

LEFT_OUT = (
    ("in_train", QT_TRANSLATE_NOOP("scores", "{n} test images that are training images too")),
    ("no_class", QT_TRANSLATE_NOOP("scores", "{n} test images of no class of the training folder")),
    ("unusable", QT_TRANSLATE_NOOP("scores", "{n} files that cannot be used")),
)


class EvaluatePage(Page):
    """Folders in, figures out; every report stays in the run's folder."""

    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Evaluate"))
        self.lead.setText(
            self.tr("How good are the features? Measured beside two honest baselines.")
        )
        self.job = Job(self)
        self.measure = button(self.tr("Measure"), self.start, icon="evaluate", primary=True)
        self.cancel = button(self.tr("Cancel"), self.job.cancel)
        self.cancel.hide()
        self.action_row.addWidget(self.cancel)
        self.action_row.addWidget(self.measure)
        self.body.addWidget(self._form())
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.phase = label("", "muted")
        self.body.addWidget(self.phase)
        self.body.addWidget(self.progress)
        self.results = QWidget()
        self.grid = QGridLayout(self.results)
        self.grid.setContentsMargins(0, 0, 8, 0)
        self.grid.setSpacing(16)
        self.area = scrolled(self.results)
        self.empty = EmptyState("evaluate", "", "")
        self.open_runs = button(self.tr("Open a run"), lambda: self.page_wanted.emit("runs"))
        self.empty.buttons.addWidget(self.open_runs)
        self.body.addWidget(self.area, 1)
        self.body.addWidget(self.empty, 1)
        session.run_opened.connect(self._on_run_opened)
        session.run_changed.connect(self._show)
        session.dataset_changed.connect(self._on_dataset_changed)
        self.job.changed.connect(self._show)
        self.job.progressed.connect(self._on_progressed)
        self.job.failed.connect(self.notice.tell)
        self._on_run_opened()

    def _form(self) -> Card:
        card = Card()
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        hint = self.tr("A folder with one sub-folder a class")
        self.train = FolderChooser(self.tr("Learn from"), hint=hint)
        self.test = FolderChooser(self.tr("Test on"), hint=hint)
        self.checkpoint = CheckpointBox()
        self.network = QComboBox()
        self.network.addItem(self.tr("Method's choice"), None)
        self.network.addItem(self.tr("Student"), "student")
        self.network.addItem(self.tr("Teacher"), "teacher")
        self.quick = QCheckBox(self.tr("k-NN only, in seconds"))
        for row, (word, part, word2, part2) in enumerate(
            (
                (self.tr("Learn from"), self.train, self.tr("Checkpoint"), self.checkpoint),
                (self.tr("Test on"), self.test, self.tr("Features of"), self.network),
            )
        ):
            for column, (text, widget) in enumerate(((word, part), (word2, part2))):
                head = label(text)
                head.setBuddy(widget.line if isinstance(widget, FolderChooser) else widget)
                grid.addWidget(head, row, 2 * column)
                grid.addWidget(widget, row, 2 * column + 1)
        self.checkpoint.setAccessibleName(self.tr("Checkpoint"))
        self.network.setAccessibleName(self.tr("Features of"))
        grid.addWidget(self.quick, 2, 3)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(3, 1)
        card.body.addLayout(grid)
        for chooser in (self.train, self.test):
            chooser.changed.connect(self._show)
        return card

    @Slot()
    def _on_run_opened(self) -> None:
        self.notice.clear()
        self._show_report(self._newest_report())
        self._show()

    @Slot()
    def _on_dataset_changed(self) -> None:
        dataset = self.session.dataset
        if dataset.state == "ready":
            self.train.propose(dataset.folders[0] if dataset.folders else "")
            self.test.propose(dataset.test[0] if dataset.test else "")
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # A run that trains has written checkpoints since.
        self._show()

    @Slot()
    def _show(self) -> None:
        run, is_busy = self.session.run, self.job.is_busy
        self.checkpoint.show_run(run)
        why = ""
        if run is None:
            why = self.tr("Open or start a run first.")
        elif not steps_of(run):
            why = self.tr("The run has no checkpoint yet.")
        elif not self.train.path or not self.test.path:
            why = self.tr("Choose two labelled folders.")
        self.measure.setEnabled(not why and not is_busy)
        self.measure.setToolTip(why)
        self.measure.setAccessibleDescription(why)
        self.cancel.setVisible(is_busy)
        self.progress.setVisible(is_busy)
        self.phase.setVisible(is_busy)
        has_report = self.grid.count() > 0
        self.area.setVisible(has_report)
        self.empty.setVisible(not has_report)
        self.empty.title.setText(self.tr("No figures yet"))
        text = self.tr("k-NN, a linear probe and few-shot accuracy will stand here with intervals.")
        self.empty.text.setText(f"{why} {text}".strip())
        self.open_runs.setVisible(run is None)

    @Slot()
    def start(self) -> None:
        """Measure the chosen checkpoint."""
        run = self.session.run
        if not self.measure.isEnabled() or run is None:
            return
        self.notice.clear()
        params = {
            "run": str(run.path),
            "train": [self.train.path],
            "test": [self.test.path],
            "step": self.checkpoint.step,
            "network": self.network.currentData(),
            "knn_only": self.quick.isChecked(),
        }
        self._on_progressed("", 0, 0)
        self.job.start("evaluate", params, partial(self._hear, run))

    @Slot(str, int, int)
    def _on_progressed(self, phase: str, done: int, total: int) -> None:
        self.phase.setText(phase_words(phase, done, total))
        self.progress.setRange(0, 1000 if total else 0)
        self.progress.setValue(round(1000 * done / total) if total else 0)

    def _hear(self, run: Run, answer: Answer) -> None:
        if self.session.run is not None and self.session.run.path == run.path:
            self._show_report(answer["report"])

    def _newest_report(self) -> dict[str, Any] | None:
        """Of this version: one that another wrote may hold other figures."""
        if self.session.run is None:
            return None
        folder = self.session.run.path / "evaluations"
        try:
            paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        except OSError:
            return None
        reports = (read_json(path) for path in reversed(paths))
        return next((report for report in reports if can_show(report)), None)

    def _show_report(self, report: dict[str, Any] | None) -> None:
        clear_layout(self.grid)
        if report is None:
            return
        facts = self.tr(
            "Step {step}, features of the {network}: {train} train and {test} test images, "
            "{classes} classes. ± is the 95 % interval."
        ).format(
            step=count(report["step"]),
            network=report["network"],
            train=count(report["train_images"]),
            test=count(report["test_images"]),
            classes=len(report["classes"]),
        )
        self.grid.addWidget(label(facts, "muted", wrap=True), 0, 0, 1, 2)
        for number, row in enumerate(report["rows"]):
            self.grid.addWidget(MeasureCard(row), 1 + number // 2, number % 2)
        self.grid.setColumnStretch(0, 1)
        self.grid.setColumnStretch(1, 1)
        last = QVBoxLayout()
        last.addWidget(label(left_out_words(report), "caption", wrap=True))
        last.addStretch(1)
        self.grid.addLayout(last, 1 + (len(report["rows"]) + 1) // 2, 0, 1, 2)
        self.grid.setRowStretch(1 + (len(report["rows"]) + 1) // 2, 1)
        self.grid.setAlignment(Qt.AlignmentFlag.AlignTop)

    def shut_down(self) -> None:
        """The window closes."""
        self.job.cancel()


def left_out_words(report: dict[str, Any]) -> str:
    """Which images were not measured with; empty when all were."""
    found = report.get("left_out") or {}
    parts = []
    for key, text in LEFT_OUT:
        if found.get(key):
            parts.append(QCoreApplication.translate("scores", text).format(n=count(found[key])))
    if not parts:
        return ""
    return QCoreApplication.translate("scores", "Left out: {what}.").format(what=", ".join(parts))
