"""How well each class is found: images, precision, recall and F1; a click on a head sorts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from sit_engine.paths import display_name
from sit_engine.records.report import ClassScore
from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.widgets.tables.sort_head import SortHead
from sit_studio.widgets.tables.table_keys import SelectByKey

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
SORT_ROLE = int(Role.UserRole)
FIGURE_PX = 104


class ClassTable(QTableView):
    """Enter or a double click chooses a class."""

    class_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        heads = [self.tr("Class"), self.tr("Images"), self.tr("Precision"), self.tr("Recall"), "F1"]
        tips = [
            "",
            self.tr("Test images of the class"),
            self.tr("Of the images that were called so, the share that are"),
            self.tr("Of the images of the class, the share that were called so"),
            self.tr("The harmonic mean of precision and recall"),
        ]
        self.classes = _Classes(heads, tips, self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.classes)
        self.sorted.setSortRole(SORT_ROLE)
        self.sorted.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setModel(self.sorted)
        self.setAccessibleName(self.tr("Classes"))
        SelectByKey(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalHeader(SortHead(self))
        self.setSortingEnabled(True)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(32)
        titles = self.horizontalHeader()
        titles.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(heads)):
            self.setColumnWidth(column, FIGURE_PX)
        # What is worst found is what one looks for.
        self.sortByColumn(4, Qt.SortOrder.AscendingOrder)
        self.activated.connect(self._on_activated)

    def show_classes(self, classes: Sequence[ClassScore]) -> None:
        """Show other classes, sorted as before."""
        self.classes.show(classes)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        row = self.sorted.mapToSource(index).row()
        self.class_chosen.emit(self.classes.rows[row].name)


class _Classes(QAbstractTableModel):
    def __init__(self, heads: list[str], tips: list[str], parent: QObject) -> None:
        super().__init__(parent)
        self.heads, self.tips = heads, tips
        self.rows: list[ClassScore] = []

    def show(self, rows: Sequence[ClassScore]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.heads)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.TextAlignmentRole:
            return _alignment(section)
        if role == Role.ToolTipRole:
            return self.tips[section]
        return self.heads[section] if role == Role.DisplayRole else None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        values = (row.name, row.images, row.precision, row.recall, row.f1)
        match role:
            case Role.DisplayRole | Role.ToolTipRole:
                return _text(values[column])
            case Role.TextAlignmentRole:
                return _alignment(column)
            case Role.FontRole if column:
                return theme.tabular_font(12)
            case _ if role == SORT_ROLE:
                return values[column]
        return None


def _text(value: str | int | float) -> str:
    if isinstance(value, str):
        return display_name(value)
    return count(value) if isinstance(value, int) else f"{value:.3f}"


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
