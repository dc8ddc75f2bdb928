"""One picture as large as its window allows, over everything else; Escape takes it away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from sit_studio.look import theme
from sit_studio.widgets.gallery.array_images import scaled

CAPTION_PX = 24
MARGIN_PX = 24
VEIL = 0.94


class Enlarged(QWidget):
    """A veil over the window of `owner` with the picture on it; gone for good once closed."""

    moved = Signal(int, int)  # rows and columns to go on
    closed = Signal()

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner.window())
        self._owner = owner
        self._over = owner.window()
        self._images: Sequence[QImage] = ()
        self._opacity = 1.0
        self._caption = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setGeometry(self._over.rect())
        self._over.installEventFilter(self)

    def show_picture(self, images: Sequence[QImage], caption: str, opacity: float = 1.0) -> None:
        """This picture, the second one over the first at `opacity`."""
        self._images, self._caption, self._opacity = images, caption, opacity
        self.setAccessibleName(caption)
        self.show()
        self.raise_()
        self.setFocus()
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._over:
            self.setGeometry(self._over.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        veil = QColor(theme.tokens().sunken)
        veil.setAlphaF(VEIL)
        painter.fillRect(self.rect(), veil)
        side = max(min(self.width(), self.height() - 2 * CAPTION_PX) - 2 * MARGIN_PX, 16)
        rect = QRect(0, 0, side, side)
        rect.moveCenter(self.rect().center() - QPoint(0, CAPTION_PX // 2))
        for depth, image in enumerate(self._images):
            painter.setOpacity(self._opacity if depth else 1.0)
            large = scaled(image, round(side * self.devicePixelRatioF()))
            painter.drawImage(rect, large)
        painter.setOpacity(1.0)
        painter.setPen(QColor(theme.tokens().text))
        below = QRect(0, rect.bottom() + 4, self.width(), CAPTION_PX)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self._caption)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.close_picture()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ways = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        if event.key() in ways:
            self.moved.emit(*ways[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.close_picture()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if event.reason() != Qt.FocusReason.ActiveWindowFocusReason:
            self.close_picture()

    def close_picture(self) -> None:
        """Take it away and give the keyboard back."""
        if self.isVisible():
            self.hide()
            self._owner.setFocus()
            self.closed.emit()
            self.deleteLater()
