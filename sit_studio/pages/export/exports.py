"""The Export page's cards: what was just written and checked, and what was written before."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.exported import read_records
from sit_engine.records.run import Run
from sit_studio.engine.questions import Answer
from sit_studio.file_manager import show_in_file_manager
from sit_studio.look import theme
from sit_studio.look.words import figure
from sit_studio.widgets.basics import Card, button, clear_layout, label

MOST_PAST = 8


class WrittenCard(Card):
    """Where the file is, how it compared, and lines that load it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.title.setText(self.tr("Written and checked"))
        self.title.show()
        self.head.addWidget(button(self.tr("Copy"), self._copy, icon="copy", flat=True))
        self.head.addWidget(
            button(self.tr("Show in folder"), self._show_file, icon="folder", flat=True)
        )
        self.path = Path()
        self.said = label("", wrap=True, selectable=True)
        self.snippet = QPlainTextEdit()
        self.snippet.setReadOnly(True)
        self.snippet.setFont(theme.tabular_font(12))
        self.snippet.setFixedHeight(120)
        self.snippet.setAccessibleName(self.tr("How to use the file"))
        self.body.addWidget(self.said)
        self.body.addWidget(self.snippet)
        self.hide()

    def show_answer(self, answer: Answer) -> None:
        """What the engine wrote."""
        self.path = Path(answer["path"])
        parts = [
            self.tr("{path}: {head}, {network} of step {step}.").format(
                path=display_name(answer["path"]),
                head=self.tr("classifier")
                if answer["head"] == "classifier"
                else self.tr("features"),
                network=answer["network"],
                step=answer["step"],
            )
        ]
        if answer.get("difference") is not None:
            parts.append(self._compared(answer))
        if answer.get("card"):
            text = self.tr("The model card stands beside it: {path}.")
            parts.append(text.format(path=display_name(Path(answer["card"]).name)))
        self.said.setText(" ".join(parts))
        self.snippet.setPlainText(answer["snippet"])
        self.show()

    def _compared(self, answer: Answer) -> str:
        apart = self.tr("differs from the model by {difference}")
        exact = self.tr("gives exactly the numbers of the model")
        text = self.tr(
            "Opened in a clean process: {same}, {ms} ms for one image on {threads} CPU threads."
        )
        return filled(
            text,
            same=apart.format(difference=f"{answer['difference']:.1e}")
            if answer["difference"]
            else exact,
            ms=figure(answer["latency_ms"]),
            threads=answer["threads"],
        )

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.snippet.toPlainText())

    def _show_file(self) -> None:
        show_in_file_manager(self.path)


class PastCard(Card):
    """The newest exports of the open run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.title.setText(self.tr("Earlier exports of this run"))
        self.title.show()
        self.rows = QGridLayout()
        self.rows.setHorizontalSpacing(16)
        self.rows.setColumnStretch(3, 1)
        self.body.addLayout(self.rows)

    def show_run(self, run: Run | None) -> None:
        """Read the run's records again."""
        clear_layout(self.rows)
        records = read_records(run.path) if run else []
        for row, record in enumerate(records[:MOST_PAST]):
            path = Path(record["file"])
            stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(record["written"]))
            step = self.tr("step {n}").format(n=record.get("step"))
            for column, text in enumerate((stamp, str(record.get("format", "")), step)):
                self.rows.addWidget(label(text, "muted"), row, column)
            name = label(display_name(path.name))
            name.setToolTip(display_name(str(path)))
            self.rows.addWidget(name, row, 3)
        self.setVisible(bool(records))
