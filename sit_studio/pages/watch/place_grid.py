"""One large picture in which a place may be chosen: by a click, or by the arrow keys."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen

from sit_studio.look import theme
from sit_studio.pages.watch.tiles import TileGrid

RING_PX = 7
STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class PlaceGrid(TileGrid):
    """A grid of one tile; while `set_choosing` a click chooses a place, and Enter still enlarges."""

    place_chosen = Signal()
    place_moved = Signal(int, int)  # rows and columns to go on

    def __init__(self, *, least_px: int, most_px: int) -> None:
        super().__init__(least_px=least_px, most_px=most_px, is_fitting=True)
        self._is_choosing = False
        self.place = (0.5, 0.5)
        """From the left and from the top, as shares of the picture."""

    def set_choosing(self, *, is_choosing: bool) -> None:
        """Whether a place is chosen here."""
        self._is_choosing = is_choosing
        shape = Qt.CursorShape.CrossCursor if is_choosing else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        self.viewport().update()

    def choose(self, across: float, down: float) -> None:
        """Choose a place."""
        self.place = (across, down)
        self.place_chosen.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        rect = self.tile_rect(0, 0)
        if not self._is_choosing:
            super().mousePressEvent(event)
        elif event.button() == Qt.MouseButton.LeftButton and rect.contains(
            event.position().toPoint()
        ):
            at = event.position() - QPointF(rect.topLeft())
            self.choose(at.x() / rect.width(), at.y() / rect.height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = STEPS.get(Qt.Key(event.key()))
        if self._is_choosing and step is not None:
            self.place_moved.emit(*step)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_choosing:
            return
        rect = self.tile_rect(0, 0)
        middle = QPointF(
            rect.x() + self.place[0] * rect.width(), rect.y() + self.place[1] * rect.height()
        )
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Seen on dark and bright places alike.
        for colour, width in (("#000000", 4), (theme.tokens().accent, 2)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawEllipse(middle, RING_PX, RING_PX)
