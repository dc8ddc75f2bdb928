"""One report in tabs: figures, few-shot plot, confusion, classes, and the images answered wrongly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QGridLayout,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.paths import display_name
from sit_engine.records.report import INTERVALS, Report, answers_sentence, facts_sentence, notes_of
from sit_studio.engine.in_thread import in_thread
from sit_studio.look.sentences import say_text
from sit_studio.look.words import THIN, count
from sit_studio.models.predictions import PredictionTable, read_predictions
from sit_studio.pages.evaluate.class_table import ClassTable
from sit_studio.pages.evaluate.confusion import ConfusionMatrix
from sit_studio.pages.evaluate.scores import MeasureCard, series_of
from sit_studio.widgets.basics import Card, clear_layout, label, scrolled
from sit_studio.widgets.gallery.gallery import Gallery
from sit_studio.widgets.map.panel import Chosen
from sit_studio.widgets.plot.shots_plot import ShotsPlot

Rows = NDArray[np.int64]


class ReportView(QTabWidget):
    """Other tabs may follow. `empty` stands in the first one while there is no report; of the others
    only those are seen that the report has something for.
    """

    def __init__(self, empty: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.empty = empty
        self.report: Report | None = None
        self.predictions: PredictionTable | None = None
        self._add_figures()
        self._add_shots()
        self._add_confusion()
        self.classes = ClassTable()
        self.classes.class_chosen.connect(self._on_class)
        self._add(self.classes, self.tr("Classes"))
        self._add_wrong()
        self.currentChanged.connect(self._fetch)

    def _add(self, inside: QWidget, word: str) -> Card:
        card = Card()
        card.body.setContentsMargins(12, 12, 12, 12)
        card.body.addWidget(inside, 1)
        self.addTab(card, word)
        return card

    def _add_figures(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(16)
        self.facts = label("", "muted", wrap=True)
        self.answers = label("", wrap=True)
        self.grid = QGridLayout()
        self.grid.setSpacing(16)
        self.grid.setColumnStretch(0, 1)
        self.grid.setColumnStretch(1, 1)
        self.notes = label("", "caption", wrap=True)
        for part in (self.facts, self.answers):
            column.addWidget(part)
        column.addLayout(self.grid)
        column.addWidget(self.notes)
        column.addStretch(1)
        self.figures = QStackedWidget()
        self.figures.addWidget(scrolled(inside))
        self.figures.addWidget(self.empty)
        self.addTab(self.figures, self.tr("Figures"))

    def _add_shots(self) -> None:
        self.shots = ShotsPlot()
        self._add(self.shots, self.tr("Few labels"))

    def _add_confusion(self) -> None:
        self.confusion = ConfusionMatrix()
        self.confusion.cell_chosen.connect(self._on_cell)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(16)
        split.addWidget(self.confusion)
        side = QWidget()
        side.setMinimumWidth(248)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        self.cell_words = label("", wrap=True)
        self.cell_images = Gallery(self.tr("Images of the cell"))
        column.addWidget(self.cell_words)
        column.addWidget(self.cell_images, 1)
        split.addWidget(side)
        split.setSizes([600, 300])
        self._add(split, self.tr("Confusion"))

    def _add_wrong(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.wrong_words = label("", "muted", wrap=True)
        self.wrong = Gallery(self.tr("Wrong predictions"))
        column.addWidget(self.wrong_words)
        column.addWidget(self.wrong, 1)
        self._add(inside, self.tr("Wrong predictions"))

    # A report

    def show_report(self, report: Report | None, folder: Path | None = None) -> None:
        """Show other figures, of `folder`; the images behind them are read when their tab is opened."""
        self.report, self.folder, self.predictions = report, folder or Path(), None
        clear_layout(self.grid)
        answers = report.answers if report is not None else None
        series = series_of(report) if report is not None else []
        self.setTabVisible(1, bool(series))
        for number in (2, 3, 4):
            self.setTabVisible(number, answers is not None)
        for gallery in (self.cell_images, self.wrong):
            gallery.show_images(None)
        self.cell_words.setText(self.tr("Choose a cell to see its images."))
        self.wrong_words.setText("")
        self.figures.setCurrentIndex(0 if report is not None else 1)
        if report is None:
            return
        self._show_figures(report)
        self.shots.show_series(series)
        if answers is not None:
            names = [row.name for row in answers.classes]
            self.confusion.show_counts(names, np.array(answers.confusion, dtype=np.int64))
            self.classes.show_classes(answers.classes)
        self._fetch()

    def _show_figures(self, report: Report) -> None:
        self.facts.setText(f"{say_text(facts_sentence(report))} {say_text(INTERVALS)}")
        self.answers.setText(say_text(answers_sentence(report.answers)) if report.answers else "")
        self.answers.setVisible(report.answers is not None)
        shown = [measure for measure in report.rows if measure.kind != "few-shot"]
        shown = shown or list(report.rows)
        for number, measure in enumerate(shown):
            self.grid.addWidget(MeasureCard(measure, report.columns), number // 2, number % 2)
        self.notes.setText(" ".join(say_text(note) for note in notes_of(report)))

    # The images behind it

    @Slot()
    def _fetch(self) -> None:
        """Read the answers once somebody looks at their images."""
        report = self.report
        looks = self.currentIndex() in (2, 4)
        if not looks or report is None or report.answers is None or self.predictions is not None:
            return
        if not report.answers.predictions:
            self._hear(report, None)
        else:
            file = self.folder / report.answers.predictions
            in_thread(partial(read_predictions, file), partial(self._hear, report))

    def _hear(self, report: Report, found: PredictionTable | None) -> None:
        if report is not self.report:
            return
        self.predictions = found
        if found is None:
            lost = self.tr("The answers of this report cannot be read any more. Measure again.")
            self.wrong_words.setText(lost)
            self.cell_words.setText(lost)
            return
        rows = found.wrong()
        if len(rows):
            text = self.tr("{n} of {total} test images, the most confident answers first.")
            self.wrong_words.setText(text.format(n=count(len(rows)), total=count(len(found.paths))))
        else:
            self.wrong_words.setText(self.tr("Every test image was answered rightly."))
        self._fill(self.wrong, rows)

    def _fill(self, gallery: Gallery, rows: Rows) -> None:
        found = self.predictions
        if found is not None:
            gallery.show_paths(Chosen(found.paths, rows), self._captions(found, rows))

    def _captions(self, found: PredictionTable, rows: Rows) -> Callable[[int], str]:
        def caption(place: int) -> str:
            row = int(rows[place])
            label_, answer = display_name(found.labels[row]), display_name(found.answers[row])
            sure = f"{100 * found.probabilities[row]:.0f}{THIN}%"
            if label_ == answer:
                return f"{label_}\n{sure}"
            text = self.tr("called {answer}, {sure}").format(answer=answer, sure=sure)
            return f"{label_}\n{text}"

        return caption

    @Slot(int, int)
    def _on_cell(self, row: int, column: int) -> None:
        if self.report is None or self.report.answers is None or self.predictions is None:
            return
        self.cell_words.setText(self.confusion.words_of(row, column))
        classes = self.report.answers.classes
        rows = self.predictions.cell(classes[row].name, classes[column].name)
        self._fill(self.cell_images, rows)

    @Slot(str)
    def _on_class(self, name: str) -> None:
        """All test images of a class, beside the matrix."""
        self.setCurrentIndex(2)
        if self.report is None or self.report.answers is None:
            return
        row = [one.name for one in self.report.answers.classes].index(name)
        self.confusion.go_to(row, row)
        if self.predictions is not None:
            text = self.tr("All test images of «{name}».")
            self.cell_words.setText(text.format(name=display_name(name)))
            self._fill(self.cell_images, self.predictions.of_class(name))

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        for gallery in (self.cell_images, self.wrong):
            gallery.shut_down()
