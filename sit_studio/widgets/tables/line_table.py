"""A table over lines of a file: any number of rows, each read when it comes into sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from sit_studio.widgets.tables.table_keys import SelectByKey

Index = QModelIndex | QPersistentModelIndex


class LineModel(QAbstractTableModel):
    """`cells(row)` gives the texts of a row."""

    def __init__(self, heads: list[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.heads = heads
        self.count = 0
        self.cells: Callable[[int], list[str]] = lambda _: []

    def show(self, count: int, cells: Callable[[int], list[str]]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.count, self.cells = count, cells
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else self.count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.heads)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self.heads[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.cells(index.row())[index.column()]
        return None


class LineTable(QTableView):
    """Rows of one height; the last column takes the room that is left."""

    def __init__(self, heads: list[str], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = LineModel(heads, self)
        self.setModel(self.lines)
        self.setAccessibleName(name)
        SelectByKey(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(32)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setHighlightSections(False)
        self.setColumnWidth(0, 360)

    def choose(self, row: int) -> None:
        """Select a row by its cell: `selectRow` asks which column is laid out, and there may be none."""
        self.setCurrentIndex(self.lines.index(row, 0))
