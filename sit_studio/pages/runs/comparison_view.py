"""One comparison: how far it is, its table, the runs behind it; stop, go on, copy, save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.errors import SitError
from sit_engine.files import disk_error, write_aside
from sit_engine.paths import display_name
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison_text import to_text
from sit_studio.engine.comparer import Comparer, compare_words
from sit_studio.file_manager import is_folder, show_in_file_manager
from sit_studio.models.comparison_list import ComparisonRow, to_csv
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.run_list import RunRow
from sit_studio.pages.runs.accuracy_plot import AccuracyOverTime
from sit_studio.pages.runs.run_table import RunTable
from sit_studio.widgets.basics import EmptyState, button, label
from sit_studio.widgets.comparison_words import (
    facts_sentence,
    incomplete_sentences,
    legend_sentence,
    progress_words,
    seeds_sentence,
    verdict_sentences,
)
from sit_studio.widgets.moved_notice import folder_gone
from sit_studio.widgets.study_head import StudyHead
from sit_studio.widgets.tables.gap_table import GapTable


class ComparisonView(QWidget):
    """`run_wanted` names the folder of a run to open; `failed` carries what went wrong."""

    left = Signal()
    run_wanted = Signal(object)
    failed = Signal(object)

    def __init__(self, comparer: Comparer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comparer = comparer
        self.row: ComparisonRow | None = None
        self._why_not = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._actions())
        self.title = label("", "cardTitle")
        self.head = StudyHead(self.title)
        column.addLayout(self.head)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._figures(), self.tr("Figures"))
        self.over_time = AccuracyOverTime()
        self.tabs.addTab(self.over_time, self.tr("Over time"))
        self.runs = RunTable(self.tr("Runs of this comparison"), without=("star", "data", "size"))
        self.runs.activated.connect(self._on_run)
        self.tabs.addTab(self.runs, self.tr("Its runs"))
        column.addWidget(self.tabs, 1)
        comparer.changed.connect(self._show_state)

    def _actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        back = button(self.tr("All comparisons"), self.left.emit, icon="previous", flat=True)
        self.copy = button(self.tr("Copy as text"), self._copy, icon="copy", flat=True)
        self.save = button(self.tr("Save as CSV…"), self._save, icon="save", flat=True)
        show = button(self.tr("Show in file manager"), self._show_folder, icon="folder", flat=True)
        self.stop = button(self.tr("Stop"), self._stop, icon="stop")
        self.stop.setToolTip(self.tr("Writes a checkpoint; Go on continues from there."))
        self.go_on = button(self.tr("Go on"), self._go_on, icon="play", primary=True)
        row.addWidget(back)
        row.addStretch(1)
        for part in (show, self.copy, self.save, self.stop, self.go_on):
            row.addWidget(part)
        return row

    def _figures(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        self.facts = label("", "muted", wrap=True, selectable=True)
        self.verdict = label("", wrap=True, selectable=True)
        self.table = GapTable()
        self.seeds = label("", wrap=True)
        self.legend = label("", "caption", wrap=True)
        self.incomplete = label("", "warn", wrap=True)
        column.addWidget(self.facts)
        column.addWidget(self.verdict)
        column.addWidget(self.table, 1)
        for part in (self.legend, self.seeds, self.incomplete):
            column.addWidget(part)
        self.stack = QStackedWidget()
        self.stack.addWidget(inside)
        self.empty = EmptyState("evaluate", self.tr("Nothing has been measured yet"), "")
        self.stack.addWidget(self.empty)
        return self.stack

    # What is shown

    def show_row(self, row: ComparisonRow, inside: Sequence[RunRow], why_not: str) -> None:
        """The comparison and its runs as of now; `why_not` says why it could not go on."""
        is_other = self.row is None or self.row.path != row.path
        is_new = is_other or (self.row is not None and self.row.found != row.found)
        self.row, self._why_not = row, why_not
        if is_other:
            self.tabs.setCurrentIndex(0)
        self.title.setText(display_name(row.path.name))
        self.title.setToolTip(display_name(str(row.path)))
        self.runs.runs.show_rows(list(inside))
        self._show_state()
        if is_new:
            self._show_found(row)

    def _show_state(self) -> None:
        row = self.row
        if row is None:
            return
        is_ours = self.comparer.path == row.path
        is_stopping = is_ours and self.comparer.is_stopping
        part = self._share(row)
        done = row.done + (part or 0.0) if row.done < row.total else row.done
        share = done / row.total if row.total else 0
        words = progress_words(row, part)
        self.head.show_progress(row.state, words, share, is_stopping=is_stopping)
        works = row.state in ("running", "preparing")
        self.stop.setVisible(works)
        self.stop.setEnabled(works and not is_stopping)
        self.go_on.setVisible(row.state == "interrupted")
        self.go_on.setEnabled(not self._why_not)
        self.go_on.setToolTip(self._why_not)
        self.empty.text.setText(
            self.tr("The first row appears when the first run has been trained and measured.")
            if works
            else self.tr("Go on to train its runs.")
        )

    def _share(self, row: ComparisonRow) -> float | None:
        """How much of the run under way is done."""
        if row.next_run is None:
            return None
        name = "{}-seed{}".format(*row.next_run)
        found = (run.share for run in self.runs.runs.rows if run.path.name == name)
        return next(found, None)

    def _show_found(self, row: ComparisonRow) -> None:
        found = row.found if row.found is not None and row.found.lines else None
        self.over_time.show_curves(found.curves if found is not None else ())
        self.stack.setCurrentIndex(1 if found is None else 0)
        for part in (self.copy, self.save):
            part.setEnabled(found is not None)
        if found is not None:
            self.facts.setText(facts_sentence(row))
            self.verdict.setText(verdict_sentences(found))
            self.verdict.setVisible(bool(self.verdict.text()))
            self.table.show_comparison(found)
            self.legend.setText(legend_sentence(found))
            self.seeds.setText(seeds_sentence(found))
            self.incomplete.setText(incomplete_sentences(found))
            self.incomplete.setVisible(bool(self.incomplete.text()))

    # What can be done

    @Slot(QModelIndex)
    def _on_run(self, index: QModelIndex) -> None:
        self.run_wanted.emit(self.runs.row_at(index).path)

    def _stop(self) -> None:
        if self.row is not None:
            self.comparer.stop(self.row.path)

    def _go_on(self) -> None:
        if self.row is None or self._why_not or self.comparer.is_busy:
            return
        self.go_on_in("")

    def go_on_in(self, folder: str) -> None:
        """Train what is missing; the images are in `folder` now, if one is named."""
        assert self.row is not None
        try:
            order = CompareRequest.of_folder(self.row.path)
            order = replace(order, folder=folder) if folder else order
            if not is_folder(order.folder):
                self.failed.emit(folder_gone(order.folder))
                return
            words = partial(compare_words, order)
            self.comparer.start(order.configs, words, self.row.path)
        except SitError as error:
            self.failed.emit(failure_of(error))
        except (KeyError, TypeError, ValueError):
            self.failed.emit(
                Failure(
                    "studio.comparison_unreadable",
                    self.tr("What this comparison was asked for cannot be read."),
                    self.tr("Its file compare.json has been changed; start a new comparison."),
                )
            )

    def _copy(self) -> None:
        if self.row is not None and self.row.found is not None:
            QGuiApplication.clipboard().setText(to_text(self.row.found))

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the table"), "comparison.csv", "CSV (*.csv)"
        )
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """The table as CSV."""
        if self.row is None or self.row.found is None:
            return
        try:
            write_aside(path, to_csv(self.row.found))
        except OSError as error:
            self.failed.emit(failure_of(disk_error(error, path)))

    def _show_folder(self) -> None:
        if self.row is not None and not show_in_file_manager(self.row.path):
            self.failed.emit(
                Failure(
                    "studio.no_file_manager",
                    self.tr("No file manager could be opened."),
                    self.tr("The comparison is in {path}.").format(path=self.row.path),
                )
            )
