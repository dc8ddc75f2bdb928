"""How many images each class has: one bar a row, and only the rows in view are painted."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.widgets.elision import ShortNames, full_px

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole

ROW_PX = 28
BAR_PX = 10
SPACE_PX = 12
RADIUS_PX = 2
NAME_SHARE = 0.5  # of the width, at most
MEASURED_NAMES = 20  # the longest; all would take longer than a frame
COUNT_ROLE = int(Role.UserRole)
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class BarList(QListView):
    """Names, bars and counts in the order given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Counts(self)
        self._delegate = _BarDelegate(self)
        self.setModel(self._model)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Images of each class"))
        theme.notifier().changed.connect(self.viewport().update)

    def set_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        """The classes and how many images each has."""
        self._model.show_counts(counts)
        self._measure()

    def _measure(self) -> None:
        """Widths which hold for all rows, so that the bars begin and end in one line."""
        rows = self._model.rows
        longest = heapq.nlargest(MEASURED_NAMES, (name for name, _ in rows), key=len)
        most = max((number for _, number in rows), default=0)
        self._delegate.most = most
        self._delegate.name_px = full_px(self.font(), longest)
        self._delegate.count_px = full_px(theme.tabular_font(), [count(most)])
        self._delegate.names = ShortNames([name for name, _ in rows])

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure()


class _Counts(QAbstractListModel):
    """Names and counts."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[tuple[str, int]] = []

    def show_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        self.beginResetModel()
        self.rows = list(counts)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Role.DisplayRole) -> str | int | None:
        name, number = self.rows[index.row()]
        if role == Role.DisplayRole:
            return name
        if role == COUNT_ROLE:
            return number
        if role in (Role.ToolTipRole, Role.AccessibleTextRole):
            return f"{name}: {count(number)}"
        return None


class _BarDelegate(QStyledItemDelegate):
    """Name, elided in its middle; bar; count at the right."""

    def __init__(self, bars: BarList) -> None:
        super().__init__(bars)
        self.bars = bars
        self.names = ShortNames()
        self.most = 0
        self.name_px = 0
        self.count_px = 0

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(self.name_px, ROW_PX)

    def short(self, name: str, room: int) -> str:
        """A name as it is painted into `room` pixels."""
        return self.names.of(name, self.bars.font(), room)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        name, number = index.data(), index.data(COUNT_ROLE)
        tokens = theme.tokens()
        row = rect.adjusted(8, 0, -8, 0)
        name_px = min(self.name_px, int(row.width() * NAME_SHARE))
        painter.save()
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRect(rect.adjusted(1, 1, -1, -1))
        painter.setPen(QColor(tokens.text))
        painter.setFont(self.bars.font())
        painter.drawText(row, _LEFT, self.short(name, name_px))
        painter.setFont(theme.tabular_font())
        painter.drawText(row, _RIGHT, count(number))
        left = row.left() + name_px + SPACE_PX
        room = row.right() - self.count_px - SPACE_PX - left
        if room > 0 and self.most:
            width = max(room * number / self.most, 1.0 if number else 0.0)
            bar = QRectF(left, rect.center().y() - BAR_PX / 2 + 1, width, BAR_PX)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.series[0]))
            painter.drawRoundedRect(bar, RADIUS_PX, RADIUS_PX)
        painter.restore()
