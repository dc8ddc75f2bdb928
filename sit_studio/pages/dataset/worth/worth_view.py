"""A study of worth as it goes: what is trained or asked, then the advice, the plot and the table."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.studies.worth import ALL, PAGE, Column, Worth, advice, points, shots_word
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count
from sit_studio.models.studies.worth_study import ASKING, PRETRAINING, WorthStanding
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.plot.shots_plot import Series, ShotsPlot
from sit_studio.widgets.study_head import StudyHead
from sit_studio.widgets.tables.line_table import LineTable


class WorthView(QWidget):
    """Shows one `WorthStanding`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.now: WorthStanding | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.head = StudyHead()
        self.copy = button(self.tr("Copy as text"), self._copy, icon="copy", flat=True)
        self.page = button(self.tr("Open the page"), self._open_page, icon="evaluate", flat=True)
        self.page.setToolTip(self.tr("One HTML file with all of it, to send on"))
        self.head.addWidget(self.copy)
        self.head.addWidget(self.page)
        column.addLayout(self.head)
        self.advice = label("", "cardTitle", wrap=True, selectable=True)
        column.addWidget(self.advice)
        self.facts = label("", "muted", wrap=True, selectable=True)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.plot = ShotsPlot()
        self.tabs.addTab(self.plot, self.tr("Over labels"))
        self.tabs.addTab(QWidget(), self.tr("Figures"))
        column.addWidget(self.tabs, 1)
        column.addWidget(self.facts)
        self.waiting = label("", "muted", wrap=True)
        column.addWidget(self.waiting, 1)
        self._of_found: tuple[QWidget, ...] = (
            self.copy,
            self.page,
            self.advice,
            self.tabs,
            self.facts,
        )
        for part in self._of_found:
            part.hide()

    def show_standing(self, now: WorthStanding, *, is_stopping: bool) -> None:
        """How far it is; what was found once it is there."""
        before, self.now = self.now, now
        found = now.found
        self.head.show_progress(now.state, progress_words(now), now.share, is_stopping=is_stopping)
        for part in self._of_found:
            part.setVisible(found is not None)
        self.waiting.setVisible(found is None)
        self.waiting.setText(
            self.tr(
                "The advice, a plot and a table stand here when all ways have been trained and asked."
            )
        )
        if found is not None and (before is None or before.found != found):
            self._show_found(found)

    def _show_found(self, found: Worth) -> None:
        self.advice.setText(say_text(advice(found)))
        self.plot.show_series([series for each in found.columns if (series := series_of(each))])
        heads = [self.tr("Labels a class"), *(display_name(each.name) for each in found.columns)]
        table = LineTable(heads, self.tr("Accuracy by labels a class, %"))
        table.setColumnWidth(0, 120)
        for place in range(1, len(heads)):
            table.setColumnWidth(place, 152)
        table.lines.show(len(found.shots), lambda row: _cells(found, found.shots[row]))
        at = self.tabs.currentIndex()
        self.tabs.removeTab(1)
        self.tabs.addTab(table, self.tr("Figures"))
        self.tabs.setCurrentIndex(at)
        facts = filled(
            self.tr(
                "{train} images to learn from and {test} to ask, {classes} classes, {minutes} minutes in "
                "all. ± is half the 95 % interval; answers with all labels stand in the table."
            ),
            train=count(found.train_images), test=count(found.test_images),
            classes=found.classes, minutes=f"{found.minutes:g}",
        )  # fmt: skip
        self.facts.setText(" ".join([facts, *(say_text(note) for note in found.notes)]))

    def _copy(self) -> None:
        if self.now is not None and self.now.found is not None:
            QGuiApplication.clipboard().setText(self.now.found.to_text())

    def _open_page(self) -> None:
        if self.now is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.now.path / PAGE)))


def series_of(column: Column) -> Series | None:
    """Its line over few labels; None: there is none."""
    points = sorted((shots, score) for shots, score in column.scores.items() if shots != ALL)
    return Series(display_name(column.name), tuple(points)) if points else None


def _cells(found: Worth, shots: int) -> list[str]:
    scores = [column.scores.get(shots) for column in found.columns]
    return [shots_word(shots), *("–" if score is None else points(score) for score in scores)]


def progress_words(now: WorthStanding) -> str:
    """What is under way."""
    if now.found is not None:
        return ""
    if now.phase == PRETRAINING:
        text = QCoreApplication.translate("worth", "Training {n} of {total}: {name}")
        return text.format(n=now.done + 1, total=now.total, name=display_name(now.name))
    if now.phase == ASKING:
        return QCoreApplication.translate(
            "worth", "All ways are asked, and networks learn from labels alone."
        )
    return QCoreApplication.translate("worth", "The images are being listed.")
