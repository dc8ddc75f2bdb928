"""Several runs side by side: their curves in one plot, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from sit_engine.errors import SitError
from sit_engine.paths import display_name
from sit_engine.records.run import Run
from sit_studio.engine.in_thread import in_thread
from sit_studio.engine.run_lister import load_history
from sit_studio.look.sentences import titled
from sit_studio.models.history import History
from sit_studio.models.run_list import differing, distinct_titles, read_about
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.curve_groups import compared_names, curve_word


class CompareDialog(QDialog):
    """Opens at once; runs come in as they are read."""

    def __init__(self, paths: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from sit_studio.widgets.plot.plot import CurvePlot

        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Compare runs"))
        self.resize(960, 640)
        self.paths = list(paths)
        self.titles = distinct_titles({path: read_about(path).title or path.name for path in paths})
        self.histories: dict[Path, History] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Compare runs"), "cardTitle"))
        head.addStretch(1)
        self.curve = Choice()
        self.curve.setAccessibleName(self.tr("Curve"))
        for name in compared_names():
            self.curve.addItem(curve_word(name), name)
        self.curve.currentIndexChanged.connect(lambda _: self._draw())
        head.addWidget(self.curve)
        column.addLayout(head)
        self.plot = CurvePlot("", "")
        self.plot.set_smoothing(0.6)
        self.plot.set_empty_text(self.tr("These runs have no point of this curve."))
        column.addWidget(self.plot, 3)
        column.addWidget(label(self.tr("Settings that differ"), "cardTitle"))
        self.table = QTableWidget()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(32)
        self.table.setShowGrid(False)
        titles = self.table.horizontalHeader()
        titles.setHighlightSections(False)
        titles.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        titles.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        titles.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        column.addWidget(self.table, 2)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(self.tr("Close"), self.accept, primary=True))
        column.addLayout(row)
        for path in self.paths:
            load_history(path, partial(self._hear, path))
        in_thread(lambda: _configs(self.titles), self._show_settings)
        self._is_open = True
        self.finished.connect(self._on_finished)

    def _on_finished(self) -> None:
        self._is_open = False

    def _hear(self, path: Path, history: History) -> None:
        if self._is_open:
            self.histories[path] = history
            self._draw()

    def _draw(self) -> None:
        name = str(self.curve.currentData())
        self.plot.set_curves(
            {
                self.titles[path]: self.histories[path].curve(name)
                for path in self.paths
                if path in self.histories
            }
        )
        self.plot.refresh()

    def _show_settings(self, configs: dict[str, dict[str, Any]]) -> None:
        if not self._is_open:
            return
        rows = differing(configs)
        self.table.setColumnCount(1 + len(configs))
        self.table.setHorizontalHeaderLabels([self.tr("Setting"), *configs])
        for column, title in enumerate(configs, start=1):
            if (head := self.table.horizontalHeaderItem(column)) is not None:
                head.setToolTip(display_name(title))
        self.table.setRowCount(max(1, len(rows)))
        if not rows:
            self.table.setItem(0, 0, QTableWidgetItem(self.tr("None")))
        for number, (name, values) in enumerate(rows):
            for column, text in enumerate([name, *values]):
                item = QTableWidgetItem(display_name(text))
                item.setToolTip(item.text())
                if column == 0:
                    item.setText(titled(text).strip("“”"))
                self.table.setItem(number, column, item)


def _configs(titles: Mapping[Path, str]) -> dict[str, dict[str, Any]]:
    """Settings of the runs that can be read; "data.folders" and the rest alike."""
    found: dict[str, dict[str, Any]] = {}
    for path, title in titles.items():
        try:
            found[title] = Run(path).config().model_dump(mode="json")
        except (SitError, OSError):
            continue
    return found
