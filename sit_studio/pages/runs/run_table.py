"""The table of runs: what stands in each cell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from sit_engine.paths import display_name
from sit_studio.look import theme
from sit_studio.look.sentences import say
from sit_studio.look.words import THIN, count, figure, percent, size
from sit_studio.models.run_list import RunRow
from sit_studio.pages.runs.sparkline import VALUES_ROLE, SparklineDelegate
from sit_studio.widgets.elision import MOST_COMPARED, ShortNames, full_px
from sit_studio.widgets.states import ROLES, word
from sit_studio.widgets.tables.sort_head import SortHead
from sit_studio.widgets.tables.table_keys import SelectByKey

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("star", "run", "status", "data", "progress", "knn", "loss", "curve", "size", "started")
STATUSES = (
    "completed", "interrupted", "paused", "stopped", "failed", "running", "damaged", "unreadable",
)  # fmt: skip
CELL_PX, MOST_STATUS_PX = 24, 128
NARROW_BELOW_PX = 952
FIGURES = ("progress", "knn", "loss", "size")


class RunTableModel(QAbstractTableModel):
    """Rows change in place, so that selection and scrolling stay where they are."""

    SORT_ROLE = Qt.ItemDataRole.UserRole + 1
    WIDTHS: ClassVar[dict[str, int]] = {
        "star": 40, "status": 80, "data": 72, "progress": 128, "knn": 104, "loss": 64,
        "curve": 96, "size": 80, "started": 144,
    }  # fmt: skip

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[RunRow] = []

    def show_rows(self, rows: list[RunRow]) -> None:
        """Update, insert and remove by path."""
        paths = [row.path for row in rows]
        if paths == [row.path for row in self.rows]:
            for number, row in enumerate(rows):
                if row != self.rows[number]:
                    self.rows[number] = row
                    last = self.index(number, len(COLUMNS) - 1)
                    self.dataChanged.emit(self.index(number, 0), last)
            return
        self._remove_missing(set(paths))
        known: dict[Path, int] = {row.path: at for at, row in enumerate(self.rows)}
        for row in rows:
            at = known.get(row.path)
            if at is not None and row != self.rows[at]:
                self.rows[at] = row
                self.dataChanged.emit(self.index(at, 0), self.index(at, len(COLUMNS) - 1))
        new = [row for row in rows if row.path not in known]
        if new:
            self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(new) - 1)
            self.rows += new
            self.endInsertRows()

    def _remove_missing(self, kept: set[Path]) -> None:
        for at in reversed(range(len(self.rows))):
            if self.rows[at].path not in kept:
                self.beginRemoveRows(QModelIndex(), at, at)
                del self.rows[at]
                self.endRemoveRows()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(COLUMNS[section])
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        words = {
            "star": "",
            "run": QCoreApplication.translate("runs", "Run"),
            "status": QCoreApplication.translate("runs", "Status"),
            "data": QCoreApplication.translate("runs", "Images"),
            "progress": QCoreApplication.translate("runs", "Steps"),
            "knn": QCoreApplication.translate("runs", "Accuracy"),
            "loss": QCoreApplication.translate("runs", "Loss"),
            "curve": QCoreApplication.translate("runs", "Curve"),
            "size": QCoreApplication.translate("runs", "On disk"),
            "started": QCoreApplication.translate("runs", "Started"),
        }
        if role == Qt.ItemDataRole.ToolTipRole and COLUMNS[section] == "knn":
            return QCoreApplication.translate(
                "runs",
                "k-NN of a pretrained run on its watched images, validation (val.) of a finetuned "
                "one, mAP of a run of clips, whose copies look for their originals: measures that "
                "cannot be compared",
            )
        return words[COLUMNS[section]]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.AccessibleTextRole if column == "status" and row.problem:
                return f"{_text(row, column)}: {_problem(row)}"
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return _text(row, column)
            case Qt.ItemDataRole.ToolTipRole:
                said = _text(row, column) if column in ("status", "data") else ""
                parts = [said, _problem(row), display_name(str(row.path)), row.about.note]
                return "\n".join(part for part in parts if part)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case Qt.ItemDataRole.ForegroundRole if column == "status":
                return QColor(getattr(theme.tokens(), ROLES.get(row.status, "text")))
            case Qt.ItemDataRole.FontRole if column in FIGURES:
                return theme.tabular_font(12)
            case Qt.ItemDataRole.DecorationRole if column == "star":
                name = "star-full" if row.about.starred else "star"
                colours = theme.tokens()
                return theme.icon(name, colours.warn if row.about.starred else colours.line)
            case self.SORT_ROLE:
                return _sort_key(row, column)
            case _ if role == VALUES_ROLE and column == "curve":
                return row.sparks or None
        return None


def status_width(font: QFont) -> int:
    """The width of the status column: its longest word, within reason; a longer one is cut."""
    widest = full_px(font, map(word, STATUSES))
    return min(max(widest + CELL_PX, RunTableModel.WIDTHS["status"]), MOST_STATUS_PX)


def _alignment(column: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in FIGURES else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _problem(row: RunRow) -> str:
    """What is wrong with the run's folder, and what to do about it."""
    return display_name(" ".join(say(row.problem))) if row.problem else ""


def _text(row: RunRow, column: str) -> str:
    match column:
        case "run":
            return display_name(row.title)
        case "status":
            return word(row.status)
        case "data":
            return display_name(row.data)
        case "progress":
            done = f"{100 * row.share:.0f}{THIN}%"
            return f"{count(row.step)} · {done}" if row.total_steps else "–"
        case "knn":
            return _accuracy(row)
        case "loss":
            return figure(row.loss)
        case "size":
            return size(row.bytes) if row.bytes else "–"
        case "started":
            return (
                time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started)) if row.started else ""
            )
    return ""


def _accuracy(row: RunRow) -> str:
    if row.validation is not None:
        text = QCoreApplication.translate("runs", "val. {share}")
        return text.format(share=percent(row.validation))
    if row.retrieval is not None:
        text = QCoreApplication.translate("runs", "mAP {share}")
        return text.format(share=percent(row.retrieval))
    if row.knn is not None:
        return QCoreApplication.translate("runs", "k-NN {share}").format(share=percent(row.knn))
    return percent(None)


def _rank_of_accuracy(row: RunRow) -> float:
    """Each measure among its own."""
    if row.validation is not None:
        return 4.0 + row.validation
    if row.retrieval is not None:
        return 2.0 + row.retrieval
    return -1.0 if row.knn is None else row.knn


def _sort_key(row: RunRow, column: str) -> float | str:
    keys: dict[str, float | str] = {
        "star": float(row.about.starred), "run": row.title.lower(), "status": row.status,
        "data": row.data.lower(), "progress": row.share, "size": float(row.bytes),
        "knn": _rank_of_accuracy(row), "loss": row.loss or 0.0,
        "curve": row.loss or 0.0, "started": row.started,
    }  # fmt: skip
    return keys[column]


class NameDelegate(QStyledItemDelegate):
    """Names of one column, cut where they are alike."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.shorts = ShortNames()

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        model = index.model()
        names = [
            str(model.index(row, index.column()).data())
            for row in range(min(model.rowCount(), MOST_COMPARED))
        ]
        if names != self.shorts.names:
            self.shorts = ShortNames(names)
        option.text = self.shorts.of(str(index.data()), option.font, option.rect.width() - CELL_PX)


class RunTable(QTableView):
    """Rows that follow their folders; sorted as the user likes, the newest first until then."""

    def __init__(
        self, name: str, *, without: tuple[str, ...] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.without = without
        self.runs = RunTableModel(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.runs)
        self.sorted.setFilterKeyColumn(-1)
        self.sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.sorted.setSortRole(RunTableModel.SORT_ROLE)
        self.setModel(self.sorted)
        self.setItemDelegateForColumn(COLUMNS.index("run"), NameDelegate(self))
        self.setItemDelegateForColumn(COLUMNS.index("curve"), SparklineDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setHorizontalHeader(SortHead(self))
        self.setSortingEnabled(True)
        self.sortByColumn(COLUMNS.index("started"), Qt.SortOrder.DescendingOrder)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(40)
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, width in RunTableModel.WIDTHS.items():
            self.setColumnWidth(COLUMNS.index(column), width)
        self.setColumnWidth(COLUMNS.index("status"), status_width(self.font()))
        head.setTextElideMode(Qt.TextElideMode.ElideRight)
        head.setSectionResizeMode(COLUMNS.index("run"), QHeaderView.ResizeMode.Stretch)
        head.setMinimumSectionSize(32)
        for column in without:
            self.setColumnHidden(COLUMNS.index(column), True)
        self.setAccessibleName(name)
        SelectByKey(self)

    def chosen(self) -> list[RunRow]:
        """The selected rows."""
        found = self.selectionModel().selectedRows() if self.selectionModel() else []
        return [self.row_at(index) for index in found]

    def row_at(self, index: QModelIndex) -> RunRow:
        """The run of a cell."""
        return self.runs.rows[self.sorted.mapToSource(index).row()]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # So that the names of the runs can be read in a narrow window too.
        for column in {"data", "loss"}.difference(self.without):
            self.setColumnHidden(COLUMNS.index(column), self.width() < NARROW_BELOW_PX)
