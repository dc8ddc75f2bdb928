"""Mouse, wheel and drops on the embedding map: what a gesture means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QDragMoveEvent,
    QDropEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPen,
    QPolygonF,
    QWheelEvent,
)

from sit_studio.look import theme
from sit_studio.widgets.drops import accept_as_copy, dropped_file
from sit_studio.widgets.map.surface import MapSurface

CLICK_PX = 4  # a hand that means to click moves less
STEP_PX = 3  # between two corners of the lasso
HOVER_MS = 40
NOTCH = 120
WHEEL_FACTOR = 1.25  # a notch


class MapInteraction(QObject):
    """Watches the map's events; a drag moves, or lassos while `is_lasso` or with Shift."""

    def __init__(self, owner: MapSurface) -> None:
        super().__init__(owner)
        self.owner = owner
        self.is_lasso = False
        self.lasso = QPolygonF()
        self._pressed: QPointF | None = None
        self._last = self._pointer = QPointF()
        self._gesture = ""
        self._hover = QTimer(self, singleShot=True, interval=HOVER_MS)
        self._hover.timeout.connect(self._on_hover)
        owner.installEventFilter(self)

    def set_lasso(self, on: bool) -> None:
        """Whether a plain drag lassos."""
        self.is_lasso = on
        self.owner.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def forget(self) -> None:
        """Forget the lasso."""
        self.lasso = QPolygonF()
        self.owner.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        match event:
            case QWheelEvent():
                self._on_wheel(event)
                return True
            case QMouseEvent():
                return self._on_mouse(event)
            case QDropEvent() if event.type() == QEvent.Type.Drop:
                return self._on_drop(event)
            # Entering is a kind of moving; each is answered.
            case QDragMoveEvent():
                return self._on_drag(event)
        if event.type() == QEvent.Type.Leave:
            self._hover.stop()
            self.owner.hover(-1)
        return super().eventFilter(watched, event)

    def _on_wheel(self, event: QWheelEvent) -> None:
        ratio = self.owner.devicePixelRatioF()
        place = event.position() * ratio
        self.owner.hover(-1)
        self._drop_lasso()
        turns = event.angleDelta().y() / NOTCH
        self.owner.zoom_by(WHEEL_FACTOR**turns, place.x(), place.y())
        event.accept()

    def _drop_lasso(self) -> None:
        """Drop the lasso: it belongs to the view in which it was drawn."""
        if not self.lasso.isEmpty():
            self.forget()

    def _on_mouse(self, event: QMouseEvent) -> bool:
        place = event.position()
        kind = event.type()
        if kind == QEvent.Type.MouseMove:
            self._on_move(place)
        elif event.button() != Qt.MouseButton.LeftButton:
            return False
        elif kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._pressed = self._last = place
            has_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._gesture = "lasso" if self.is_lasso or has_shift else "move"
            self.owner.setFocus(Qt.FocusReason.MouseFocusReason)
        elif kind == QEvent.Type.MouseButtonRelease:
            self._on_release(place)
        else:
            return False
        return True

    def _on_move(self, place: QPointF) -> None:
        self._pointer = place
        if self._pressed is None:
            if not self._hover.isActive():
                self._hover.start()
            return
        if (place - self._pressed).manhattanLength() < CLICK_PX and self._last == self._pressed:
            return
        self.owner.hover(-1)
        if self._gesture == "move":
            self._drop_lasso()
            step = (place - self._last) * self.owner.devicePixelRatioF()
            self.owner.move_by(step.x(), step.y())
            self._last = place
        elif (place - self._last).manhattanLength() >= STEP_PX:
            if self._last == self._pressed:
                self.lasso = QPolygonF([self._pressed])
            self.lasso.append(place)
            self._last = place
            self.owner.update()

    def _on_release(self, place: QPointF) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            return
        if self._last == pressed:
            row = self.owner.point_at(place)
            if row >= 0:
                self.owner.clicked.emit(row)
        elif self._gesture == "lasso" and self.lasso.count() > 2:
            self.owner.chosen.emit(self.owner.inside(*self._mask()))

    @Slot()
    def _on_hover(self) -> None:
        if self._pressed is None:
            self.owner.hover(self.owner.point_at(self._pointer))

    # Lasso

    def _mask(self) -> tuple[NDArray[np.bool_], QPoint, QPoint]:
        """The lasso's inside in device pixels, and the corners around it."""
        owner, ratio = self.owner, self.owner.devicePixelRatioF()
        width, height = owner.view.width, owner.view.height
        image = QImage(width, height, QImage.Format.Format_Grayscale8)
        image.fill(0)
        painter = QPainter(image)
        painter.scale(ratio, ratio)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Qt.GlobalColor.white)
        painter.drawPolygon(self.lasso, Qt.FillRule.OddEvenFill)
        painter.end()
        lines = np.frombuffer(image.constBits(), dtype=np.uint8)
        mask = lines.reshape(height, image.bytesPerLine())[:, :width] > 0
        around = self.lasso.boundingRect()
        low, high = around.topLeft() * ratio, around.bottomRight() * ratio
        return mask, low.toPoint() - QPoint(1, 1), high.toPoint() + QPoint(1, 1)

    def paint(self, painter: QPainter) -> None:
        """Paint the lasso over the map."""
        if self.lasso.isEmpty():
            return
        accent = QColor(theme.tokens().accent)
        pen = QPen(accent, 1.5)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        accent.setAlphaF(0.08)
        painter.setBrush(accent)
        painter.drawPolygon(self.lasso, Qt.FillRule.OddEvenFill)

    # Drops

    def _on_drag(self, event: QDragMoveEvent) -> bool:
        """Accept one file; anything else is the window's."""
        if dropped_file(event) and self.owner.embedding is not None:
            accept_as_copy(event)
        else:
            event.ignore()
        return True

    def _on_drop(self, event: QDropEvent) -> bool:
        path = dropped_file(event)
        if not path:
            event.ignore()
        elif accept_as_copy(event):
            self.owner.image_dropped.emit(path)
        return True
