"""What was called what: a matrix with a row a true class and a column an answer, any of up to 200."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from sit_engine.paths import display_name
from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.elision import ShortNames, full_px

SMALLEST_PX, LARGEST_PX = 12, 64
NUMBERS_FROM_PX = 18
LEAST_NAME_PX, MOST_NAME_PX, TITLE_PX = 56, 112, 24
LEAST_TINT = 0.08  # of the accent, so that a single image in a large class shows


class ConfusionMatrix(QAbstractScrollArea):
    """Arrows move, Enter or a click opens the images of a cell; the pointer's cell is told in words."""

    cell_chosen = Signal(int, int)  # true, answered

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names: list[str] = []
        self.shorts = ShortNames()
        self.counts_CC: NDArray[np.int64] = np.zeros((0, 0), dtype=np.int64)
        self.current = (0, 0)
        self.name_px = LEAST_NAME_PX
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Confusion matrix"))
        self.viewport().setMouseTracking(True)
        follow_theme(self, self.viewport().update)

    def show_counts(self, names: Sequence[str], counts_CC: NDArray[np.int64]) -> None:
        """Show other classes and counts."""
        self.names = [display_name(name) for name in names]
        self.shorts = ShortNames(self.names)
        self.counts_CC = counts_CC
        self.current = (0, 0)
        longest = heapq.nlargest(20, self.names, key=len)
        wide = full_px(self.font(), longest) + 20
        self.name_px = min(max(wide, LEAST_NAME_PX), MOST_NAME_PX)
        self._lay_out()

    def words_of(self, row: int, column: int) -> str:
        """A cell as a sentence."""
        found, total = int(self.counts_CC[row, column]), int(self.counts_CC[row].sum())
        if total == 0:
            return self.tr("No test image of «{name}».").format(name=self.names[row])
        text = self.tr("{n} of {total} images of «{name}» were called «{answer}».")
        if row == column:
            text = self.tr("{n} of {total} images of «{name}» were called so.")
        return text.format(
            n=count(found), total=count(total), name=self.names[row], answer=self.names[column]
        )

    # Geometry

    @property
    def cell_px(self) -> int:
        """Side of a cell: what fits, within reason."""
        number = max(1, len(self.names))
        room = self.viewport().size() - QSize(self.name_px, self.name_px + TITLE_PX)
        return min(max(min(room.width(), room.height()) // number, SMALLEST_PX), LARGEST_PX)

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where a cell is in the viewport now."""
        side = self.cell_px
        x = self.name_px + column * side - self.horizontalScrollBar().value()
        y = self.name_px + TITLE_PX + row * side - self.verticalScrollBar().value()
        return QRect(x, y, side, side)

    def cell_at(self, place: QPoint) -> tuple[int, int] | None:
        """The cell under a point of the viewport."""
        if place.x() < self.name_px or place.y() < self.name_px + TITLE_PX:
            return None
        column = (place.x() - self.name_px + self.horizontalScrollBar().value()) // self.cell_px
        row = (
            place.y() - self.name_px - TITLE_PX + self.verticalScrollBar().value()
        ) // self.cell_px
        number = len(self.names)
        return (row, column) if row < number and column < number else None

    def _in_sight(self, bar_value: int, room: int) -> range:
        first = bar_value // self.cell_px
        return range(first, min(len(self.names), (bar_value + room) // self.cell_px + 1))

    def _lay_out(self) -> None:
        whole = self.cell_px * len(self.names)
        for bar, room in (
            (self.horizontalScrollBar(), self.viewport().width() - self.name_px),
            (self.verticalScrollBar(), self.viewport().height() - self.name_px - TITLE_PX),
        ):
            bar.setRange(0, max(0, whole - room))
            bar.setPageStep(max(1, room))
            bar.setSingleStep(self.cell_px)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def sizeHint(self) -> QSize:
        side = self.name_px + 24 * min(len(self.names), 24)
        return QSize(side, side + TITLE_PX)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self.viewport())
        colours = theme.tokens()
        painter.fillRect(self.viewport().rect(), QColor(colours.surface))
        rows = self._in_sight(
            self.verticalScrollBar().value(), self.viewport().height() - self.name_px - TITLE_PX
        )
        columns = self._in_sight(
            self.horizontalScrollBar().value(), self.viewport().width() - self.name_px
        )
        small = painter.font()
        small.setPixelSize(min(12, max(9, self.cell_px - 2)))
        painter.setFont(small)
        self._paint_names(painter, colours, rows, columns)
        painter.setClipRect(
            self.viewport().rect().adjusted(self.name_px, self.name_px + TITLE_PX, 0, 0)
        )
        painter.setFont(theme.tabular_font(11 if self.cell_px >= 24 else 9))
        self._paint_cells(painter, colours, rows, columns)
        if self.hasFocus() and self.names:
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.cell_rect(*self.current).adjusted(0, 0, -1, -1))

    def _paint_cells(
        self, painter: QPainter, colours: theme.Tokens, rows: range, columns: range
    ) -> None:
        totals = np.maximum(self.counts_CC.sum(axis=1), 1)
        ground, accent = QColor(colours.sunken), QColor(colours.accent)
        gap = 1 if self.cell_px >= 8 else 0
        has_numbers = self.cell_px >= NUMBERS_FROM_PX
        for row in rows:
            for column in columns:
                number = int(self.counts_CC[row, column])
                share = number / float(totals[row])
                tint = LEAST_TINT + (1 - LEAST_TINT) * share if number else 0.0
                rect = self.cell_rect(row, column)
                painter.fillRect(rect.adjusted(0, 0, -gap, -gap), _mixed(ground, accent, tint))
                if number and has_numbers:
                    painter.setPen(QColor(colours.on_accent if tint > 0.5 else colours.text))
                    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), count(number))

    def _paint_names(
        self, painter: QPainter, colours: theme.Tokens, rows: range, columns: range
    ) -> None:
        metrics = painter.fontMetrics()
        room = self.name_px - 12
        # A name a line at most: in small matrices every one, else every second, third, …
        every = max(1, -(-metrics.height() // self.cell_px))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setClipRect(0, self.name_px + TITLE_PX, self.name_px, self.viewport().height())
        for row in rows:
            if row % every and row != self.current[0]:
                continue
            rect = self.cell_rect(row, 0)
            painter.setPen(QColor(colours.text if row == self.current[0] else colours.muted))
            short = self.shorts.of(self.names[row], painter.font(), room)
            place = QRect(0, rect.center().y() - 9, room, 18)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | middle), short)
        painter.setClipRect(
            self.name_px, 0, self.viewport().width() - self.name_px, self.name_px + TITLE_PX
        )
        for column in columns:
            if column % every and column != self.current[1]:
                continue
            rect = self.cell_rect(0, column)
            painter.setPen(QColor(colours.text if column == self.current[1] else colours.muted))
            short = self.shorts.of(self.names[column], painter.font(), room)
            painter.save()
            painter.translate(rect.center().x(), self.name_px + TITLE_PX - 8)
            painter.rotate(-90)
            painter.drawText(
                QRect(0, -9, room, 18), int(Qt.AlignmentFlag.AlignLeft | middle), short
            )
            painter.restore()
        painter.setClipping(False)
        painter.setPen(QColor(colours.muted))
        painter.drawText(QRect(self.name_px, 0, 400, TITLE_PX), int(middle), self.tr("Answered →"))
        corner = QRect(0, self.name_px - 4, room, TITLE_PX)
        painter.drawText(corner, int(Qt.AlignmentFlag.AlignRight | middle), self.tr("True ↓"))

    # Interaction

    def go_to(self, row: int, column: int) -> None:
        """Make a cell the current one and bring it into sight."""
        if not self.names:
            return
        last = len(self.names) - 1
        self.current = row, column = min(max(row, 0), last), min(max(column, 0), last)
        self.setAccessibleDescription(self.words_of(row, column))
        rect = self.cell_rect(row, column)
        for bar, low, high, start, room in (
            (self.horizontalScrollBar(), rect.left(), rect.right(), self.name_px,
             self.viewport().width()),
            (self.verticalScrollBar(), rect.top(), rect.bottom(), self.name_px + TITLE_PX,
             self.viewport().height()),
        ):  # fmt: skip
            if low < start:
                bar.setValue(bar.value() - (start - low))
            elif high >= room:
                bar.setValue(bar.value() + high - room + 1)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, column = self.current
        moves = {
            Qt.Key.Key_Left: (row, column - 1), Qt.Key.Key_Right: (row, column + 1),
            Qt.Key.Key_Up: (row - 1, column), Qt.Key.Key_Down: (row + 1, column),
            Qt.Key.Key_Home: (row, 0), Qt.Key.Key_End: (row, len(self.names) - 1),
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in moves:
            self.go_to(*moves[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.names:
            self.cell_chosen.emit(*self.current)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position().toPoint())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.go_to(*cell)
            self.cell_chosen.emit(*cell)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The press has said it all."""

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            cell = self.cell_at(event.pos())
            words = self.words_of(*cell) if cell is not None else ""
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().viewportEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()


def _mixed(ground: QColor, ink: QColor, share: float) -> QColor:
    parts = zip(ground.getRgb()[:3], ink.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a + (b - a) * share) for a, b in parts))
