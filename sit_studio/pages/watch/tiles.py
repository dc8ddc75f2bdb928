"""A grid of square pictures which converts only what is in view."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame

from sit_studio.look import theme
from sit_studio.widgets.gallery.array_images import scaled

GAP_PX = 2
CAPTION_PX = 24
RING_PX = 2
MOST_KEPT = 512  # scaled pictures

Layers = Callable[[int, int], Sequence[QImage]]
Name = Callable[[int, int], str]


class TileGrid(QAbstractScrollArea):
    """Rows and columns of tiles; arrows move, Enter or a click opens.

    A tile is one or two pictures, the upper one at `set_opacity`. A fitting grid never scrolls.
    """

    current_changed = Signal(int, int)
    tile_opened = Signal(int, int)

    def __init__(
        self,
        *,
        least_px: int,
        most_px: int,
        has_captions: bool = False,
        is_choice: bool = False,
        is_fitting: bool = False,
    ) -> None:
        super().__init__()
        self._least_px, self._most_px = least_px, most_px
        self._has_captions, self._is_choice, self._is_fitting = has_captions, is_choice, is_fitting
        self._rows = self._columns = 0
        self._titles: Sequence[str] = ()
        self._layers: Layers = lambda row, column: ()
        self._name: Name = lambda row, column: ""
        self._kept: dict[tuple[int, int, int], list[QPixmap]] = {}
        self._opacity = 1.0
        self._current = (0, 0)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if is_fitting:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.notifier().changed.connect(self.viewport().update)

    @property
    def current(self) -> tuple[int, int]:
        """Row and column of the tile with the ring."""
        return self._current

    def set_tiles(
        self, rows: int, columns: int, layers: Layers, name: Name, titles: Sequence[str] = ()
    ) -> None:
        """New pictures; the place and the current tile stay where they can."""
        self._rows, self._columns = rows, columns
        self._layers, self._name, self._titles = layers, name, titles
        self._kept.clear()
        row, column = self._current
        self._current = (min(row, max(rows - 1, 0)), min(column, max(columns - 1, 0)))
        self._lay_out()

    def set_opacity(self, opacity: float) -> None:
        self._opacity = opacity
        self.viewport().update()

    def go_to(self, row: int, column: int) -> None:
        """Make a tile the current one and bring it into view."""
        row = min(max(row, 0), self._rows - 1)
        column = min(max(column, 0), self._columns - 1)
        if not self._name(row, column) or (row, column) == self._current:
            return
        self._current = (row, column)
        self._reveal()
        self.setAccessibleDescription(self._name(row, column))
        self.viewport().update()
        self.current_changed.emit(row, column)

    def tile_rect(self, row: int, column: int) -> QRect:
        """Where a tile is in the viewport now."""
        side = self._side_px()
        x = column * (side + GAP_PX)
        y = self._head_px() + row * self._row_px() - self.verticalScrollBar().value()
        return QRect(x, y, side, side)

    def sizeHint(self) -> QSize:
        rows = max(self._rows, 1)
        return QSize(self._least_px * 4, self._head_px() + rows * self._row_px() + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        self._paint_titles(painter)
        painter.setClipRect(self.viewport().rect().adjusted(0, self._head_px(), 0, 0))
        for row in range(self._rows):
            for column in range(self._columns):
                rect = self.tile_rect(row, column)
                if rect.adjusted(0, 0, 0, CAPTION_PX).intersects(event.rect()):
                    self._paint_tile(painter, rect, row, column)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self.go_to(*place)
            self.tile_opened.emit(*place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        pass  # a drag over tiles is no gesture

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, column = self._current
        moves = {
            Qt.Key.Key_Left: (row, column - 1),
            Qt.Key.Key_Right: (row, column + 1),
            Qt.Key.Key_Up: (row - 1, column),
            Qt.Key.Key_Down: (row + 1, column),
            Qt.Key.Key_Home: (0, 0),
            Qt.Key.Key_End: (self._rows - 1, self._columns - 1),
        }
        if event.key() in moves and self._rows:
            self.go_to(*moves[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._rows:
            self.tile_opened.emit(row, column)
        else:
            super().keyPressEvent(event)

    def _paint_titles(self, painter: QPainter) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        for column, title in enumerate(self._titles):
            rect = self.tile_rect(0, column)
            place = QRect(rect.x(), 0, rect.width(), CAPTION_PX)
            _write(painter, place, title)

    def _paint_tile(self, painter: QPainter, rect: QRect, row: int, column: int) -> None:
        name = self._name(row, column)
        if not name:
            return
        painter.fillRect(rect, QColor(theme.tokens().sunken))
        for depth, pixmap in enumerate(self._pixmaps(row, column, rect.width())):
            painter.setOpacity(self._opacity if depth else 1.0)
            painter.drawPixmap(rect, pixmap)
        painter.setOpacity(1.0)
        is_current = (row, column) == self._current
        if self._has_captions:
            colour = theme.tokens().text if is_current else theme.tokens().muted
            painter.setPen(QColor(colour))
            _write(painter, QRect(rect.x(), rect.bottom() + 1, rect.width(), CAPTION_PX), name)
        if is_current and (self._is_choice or self.hasFocus()):
            painter.setPen(_ring())
            inset = RING_PX // 2
            painter.drawRect(rect.adjusted(inset, inset, -inset, -inset))

    def _pixmaps(self, row: int, column: int, side: int) -> list[QPixmap]:
        ratio = self.devicePixelRatioF()
        key = (row, column, round(side * ratio))
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = [
                QPixmap.fromImage(scaled(image, key[2])) for image in self._layers(row, column)
            ]
        return self._kept[key]

    def _place_at(self, point: QPoint) -> tuple[int, int] | None:
        for row in range(self._rows):
            for column in range(self._columns):
                if self.tile_rect(row, column).contains(point) and self._name(row, column):
                    return (row, column) if point.y() >= self._head_px() else None
        return None

    def _side_px(self) -> int:
        columns = max(self._columns, 1)
        fitting = (self.viewport().width() - (columns - 1) * GAP_PX) // columns
        if self._is_fitting:
            fitting = min(fitting, self.viewport().height() // max(self._rows, 1))
        return max(min(fitting, self._most_px), min(self._least_px, max(fitting, 1)))

    def _row_px(self) -> int:
        return self._side_px() + (CAPTION_PX if self._has_captions else GAP_PX)

    def _head_px(self) -> int:
        return CAPTION_PX if self._titles else 0

    def _lay_out(self) -> None:
        bar = self.verticalScrollBar()
        shown = self.viewport().height() - self._head_px()
        bar.setPageStep(max(shown, 0))
        bar.setSingleStep(max(self._row_px() // 4, 1))
        bar.setRange(0, max(self._rows * self._row_px() - GAP_PX - shown, 0))
        self.updateGeometry()
        self.viewport().update()

    def _reveal(self) -> None:
        rect = self.tile_rect(*self._current)
        bar, head = self.verticalScrollBar(), self._head_px()
        if rect.top() < head:
            bar.setValue(bar.value() - (head - rect.top()))
        elif rect.bottom() > self.viewport().height():
            bar.setValue(bar.value() + rect.bottom() - self.viewport().height() + 1)


def _write(painter: QPainter, rect: QRect, text: str) -> None:
    short = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)


def _ring() -> QPen:
    pen = QPen(QColor(theme.tokens().accent), RING_PX)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen
