"""Export: a file that runs without this program, opened again in a clean process and compared."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QRadioButton,
    QWidget,
)

from sit_engine.data.scan import display_name
from sit_studio import theme
from sit_studio.asker import Answer, Asker, Question, ask_once
from sit_studio.mailbox import Failure
from sit_studio.opening import show_in_file_manager
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, EmptyState, Page, button, clear_layout, label, scrolled
from sit_studio.widgets.chooser import CheckpointBox, steps_of
from sit_studio.widgets.words import figure

ENDINGS = {"torchscript": ".pt", "safetensors": ""}


class ExportPage(Page):
    """Choose, write, see that it works."""

    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Export"))
        self.lead.setText(self.tr("Take the model home: a file that runs without this program."))
        self._job: Asker | None = None
        self.write = button(self.tr("Export"), self.start, icon="export", primary=True)
        self.cancel = button(self.tr("Cancel"), self._cancel)
        self.action_row.addWidget(self.cancel)
        self.action_row.addWidget(self.write)
        self.content = QWidget()
        column = QGridLayout(self.content)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(16)
        self.form = self._form()
        self.result = self._result_card()
        self.past = Card(self.tr("Earlier exports of this run"))
        self.past_rows = QGridLayout()
        self.past_rows.setHorizontalSpacing(16)
        self.past.body.addLayout(self.past_rows)
        column.addWidget(self.form, 0, 0)
        column.addWidget(self.result, 1, 0)
        column.addWidget(self.past, 2, 0)
        column.setRowStretch(3, 1)
        self.content.setMaximumWidth(760)
        self.area = scrolled(self.content)
        self.empty = EmptyState(
            "export",
            self.tr("Nothing to export yet"),
            self.tr("Start a run, or open one; its newest checkpoint can be exported at any time."),
        )
        self.empty.buttons.addWidget(
            button(self.tr("Open a run"), lambda: self.page_wanted.emit("runs"))
        )
        self.body.addWidget(self.area, 1)
        self.body.addWidget(self.empty, 1)
        session.run_opened.connect(self._on_run_opened)
        session.run_changed.connect(self._show)
        session.device_known.connect(self._show)
        self._on_run_opened()

    def _form(self) -> Card:
        card = Card(self.tr("What to write"))
        self.formats = QButtonGroup(self)
        self.boxes: dict[str, QRadioButton] = {}
        for key, word, about in (
            ("torchscript", self.tr("TorchScript program"),
             self.tr("One file with the preprocessing inside; needs only torch to run.")),
            ("safetensors", self.tr("Weights for timm (safetensors)"),
             self.tr("A folder that timm loads by name; for going on in Python.")),
        ):  # fmt: skip
            box = QRadioButton(word)
            box.setAccessibleDescription(about)
            self.formats.addButton(box)
            self.boxes[key] = box
            box.toggled.connect(self._on_format_chosen)
            card.body.addWidget(box)
            card.body.addWidget(label(about, "caption", wrap=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        self.out = QLineEdit()
        self.out.textChanged.connect(self._show)
        browse = button(self.tr("Browse…"), self._browse)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.out, 1)
        line.addWidget(browse)
        self.checkpoint = CheckpointBox()
        self.network = QComboBox()
        self.network.addItem(self.tr("Method's choice"), None)
        self.network.addItem(self.tr("Student"), "student")
        self.network.addItem(self.tr("Teacher"), "teacher")
        self.head = label(self.tr("Features: the class token after the final norm"), "muted")
        rows: list[tuple[str, Any]] = [
            (self.tr("File"), line), (self.tr("Output"), self.head),
            (self.tr("Checkpoint"), self.checkpoint), (self.tr("Network"), self.network),
        ]  # fmt: skip
        for row, (word, part) in enumerate(rows):
            grid.addWidget(label(word), row, 0)
            if isinstance(part, QHBoxLayout):
                grid.addLayout(part, row, 1)
                self.out.setAccessibleName(word)
            else:
                grid.addWidget(part, row, 1)
                part.setAccessibleName(word)
        grid.setColumnStretch(1, 1)
        card.body.addSpacing(8)
        card.body.addLayout(grid)
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.phase = label(
            self.tr("Writing, opening again in a clean process, comparing…"), "muted"
        )
        card.body.addWidget(self.phase)
        card.body.addWidget(self.progress)
        return card

    def _result_card(self) -> Card:
        card = Card(self.tr("Written and checked"))
        self.copy = button(self.tr("Copy"), self._copy, icon="copy", flat=True)
        self.show_file = button(
            self.tr("Show in folder"), self._show_file, icon="folder", flat=True
        )
        card.head.addWidget(self.copy)
        card.head.addWidget(self.show_file)
        self.said = label("", wrap=True, selectable=True)
        self.snippet = QPlainTextEdit()
        self.snippet.setReadOnly(True)
        self.snippet.setFont(theme.tabular_font(12))
        self.snippet.setFixedHeight(120)
        self.snippet.setAccessibleName(self.tr("How to use the file"))
        card.body.addWidget(self.said)
        card.body.addWidget(self.snippet)
        card.hide()
        return card

    @property
    def format(self) -> str:
        """The chosen format."""
        return next((key for key, box in self.boxes.items() if box.isChecked()), "torchscript")

    @Slot()
    def _on_run_opened(self) -> None:
        self._cancel()
        self.notice.clear()
        self.result.hide()
        self._show_past()
        if not any(box.isChecked() for box in self.boxes.values()):
            self.boxes["torchscript"].setChecked(True)
        self._propose()
        self._show()

    @Slot()
    def _on_format_chosen(self) -> None:
        self._propose()
        self._show()

    def _propose(self) -> None:
        run = self.session.run
        if run is not None:
            name = f"model{ENDINGS[self.format]}"
            self.out.setText(display_name(str(run.path / "exports" / name)))

    @Slot()
    def _show(self) -> None:
        run, is_busy = self.session.run, self._job is not None
        has_model = bool(steps_of(run))
        self.area.setVisible(has_model)
        self.empty.setVisible(not has_model)
        self.checkpoint.show_run(run)
        can_script = bool(self.session.device_answer.get("torchscript", True))
        self.boxes["torchscript"].setEnabled(can_script)
        if not can_script:
            self.boxes["safetensors"].setChecked(True)
            self.boxes["torchscript"].setToolTip(
                self.tr("This Python and torch cannot make TorchScript.")
            )
        self.write.setEnabled(has_model and not is_busy and bool(self.out.text().strip()))
        for part in (self.cancel, self.progress, self.phase):
            part.setVisible(is_busy)

    def _browse(self) -> None:
        if self.format == "safetensors":
            found = QFileDialog.getExistingDirectory(self, self.tr("An empty folder"))
        else:
            found, _ = QFileDialog.getSaveFileName(
                self, self.tr("Export"), self.out.text(), "TorchScript (*.pt)"
            )
        if found:
            self.out.setText(found)

    @Slot()
    def start(self) -> None:
        """Write, reopen, compare."""
        if not self.write.isEnabled() or self.session.run is None:
            return
        self.notice.clear()
        self.result.hide()
        params = {
            "run": str(self.session.run.path),
            "format": self.format,
            "out": str(Path(self.out.text().strip()).expanduser().absolute()),
            "step": self.checkpoint.step,
            "network": self.network.currentData(),
        }
        self._job = ask_once(self, Question("export", params, self._hear, self._hear_failure))
        self._show()

    def _hear(self, answer: Answer) -> None:
        self._job = None
        self.written = str(answer["path"])
        parts = [
            self.tr("{path}: {network} of step {step}.").format(
                path=display_name(self.written), network=answer["network"], step=answer["step"]
            )
        ]
        if answer.get("difference") is not None:
            text = self.tr(
                "Opened in a clean process: {same}, {ms} ms for one image on {threads} CPU threads."
            )
            apart = self.tr("differs from the model by {difference}")
            exact = self.tr("gives exactly the numbers of the model")
            parts.append(
                text.format(
                    same=apart.format(difference=f"{answer['difference']:.1e}")
                    if answer["difference"]
                    else exact,
                    ms=figure(answer["latency_ms"]),
                    threads=answer["threads"],
                )
            )
        if answer.get("card"):
            text = self.tr("The model card stands beside it: {path}.")
            parts.append(text.format(path=display_name(Path(answer["card"]).name)))
        self.said.setText(" ".join(parts))
        self.snippet.setPlainText(answer["snippet"])
        self.result.show()
        self._show_past()
        self._show()

    def _hear_failure(self, failure: Failure) -> None:
        self._job = None
        self.notice.tell(failure)
        self._show()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._job = None
            self._show()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.snippet.toPlainText())

    def _show_file(self) -> None:
        show_in_file_manager(Path(self.written))

    def _show_past(self) -> None:
        clear_layout(self.past_rows)
        run = self.session.run
        records = []
        for path in sorted((run.path / "exports").glob("*-*.json"), reverse=True) if run else []:
            try:
                record = json.loads(path.read_text("utf-8"))
                when = path.stat().st_mtime
            except (OSError, ValueError):
                continue
            if isinstance(record, dict) and "file" in record:
                records.append((when, record))
        for row, (when, record) in enumerate(records[:8]):
            stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
            path = Path(record["file"])
            for column, text in enumerate(
                (stamp, record.get("format", ""), self.tr("step {n}").format(n=record.get("step")))
            ):
                self.past_rows.addWidget(label(text, "muted"), row, column)
            name = label(display_name(path.name))
            name.setToolTip(display_name(str(path)))
            self.past_rows.addWidget(name, row, 3)
        self.past_rows.setColumnStretch(3, 1)
        self.past.setVisible(bool(records))

    def shut_down(self) -> None:
        """The window closes."""
        self._cancel()
