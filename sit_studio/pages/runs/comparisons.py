"""The Runs page's list of comparisons: settings that were trained side by side on one folder."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QVBoxLayout, QWidget

from sit_engine.paths import display_name
from sit_studio.models.comparison_list import ComparisonRow
from sit_studio.pages.runs.run_table import NARROW_BELOW_PX
from sit_studio.widgets.basics import EmptyState, button, label
from sit_studio.widgets.comparison_words import budget_words, state_word
from sit_studio.widgets.tables.line_table import LineTable

WIDTHS = (248, 104, 208, 96, 88, 64, 72, 144)


class ComparisonTable(QWidget):
    """`opened` names the folder of the one that was chosen."""

    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[ComparisonRow] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        lead = self.tr(
            "Settings trained side by side under one budget: which help on these images?"
        )
        row.addWidget(label(lead, "muted", wrap=True), 1)
        self.open = button(self.tr("Open"), self._open, icon="folder-open", primary=True)
        row.addWidget(self.open)
        column.addLayout(row)
        heads = [
            self.tr("Comparison"), self.tr("Status"), self.tr("Settings"), self.tr("Images"),
            self.tr("Budget"), self.tr("Seeds"), self.tr("Runs"), self.tr("Started"),
        ]  # fmt: skip
        self.table = LineTable(heads, self.tr("Comparisons"))
        for place, width in enumerate(WIDTHS):
            self.table.setColumnWidth(place, width)
        titles = self.table.horizontalHeader()
        titles.setStretchLastSection(False)
        titles.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setDefaultSectionSize(40)
        self.table.setSelectionMode(LineTable.SelectionMode.SingleSelection)
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.activated.connect(self._on_activated)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_button())
        self.empty = EmptyState(
            "runs",
            self.tr("No comparisons yet"),
            self.tr(
                "Which settings help on your images? Select two to six runs under Runs, then Train "
                "side by side. Comparisons by sit-engine compare are listed too."
            ),
        )
        column.addWidget(self.table, 1)
        column.addWidget(self.empty, 1)
        self.show_rows([])

    def show_rows(self, rows: Sequence[ComparisonRow]) -> None:
        """All comparisons as of now; the chosen one stays so."""
        if list(rows) != self.rows or not rows:
            chosen = self.chosen
            self.rows = list(rows)
            self.table.lines.show(len(self.rows), lambda number: _cells(self.rows[number]))
            paths = [row.path for row in self.rows]
            if chosen is not None and chosen.path in paths:
                self.table.choose(paths.index(chosen.path))
        self.table.setVisible(bool(rows))
        self.open.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self._show_button()

    @property
    def chosen(self) -> ComparisonRow | None:
        """The selected row."""
        found = self.table.selectionModel().selectedRows()
        return self.rows[found[0].row()] if found and found[0].row() < len(self.rows) else None

    def _show_button(self) -> None:
        chosen = self.chosen
        self.open.setEnabled(chosen is not None and chosen.state != "unreadable")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # The names begin with the time.
        self.table.setColumnHidden(len(WIDTHS) - 1, self.width() < NARROW_BELOW_PX)

    @Slot(QModelIndex)
    def _on_activated(self, _: QModelIndex) -> None:
        self._open()

    def _open(self) -> None:
        chosen = self.chosen
        if chosen is not None and chosen.state != "unreadable":
            self.opened.emit(chosen.path)


def _cells(row: ComparisonRow) -> list[str]:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started)) if row.started else ""
    folder = display_name(row.folder).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return [
        display_name(row.path.name),
        state_word(row.state),
        " · ".join(display_name(name) for name in row.names),
        folder,
        budget_words(row.budget) if row.budget else "",
        str(row.seeds or ""),
        f"{row.done} / {row.total}" if row.total else "",
        started,
    ]
