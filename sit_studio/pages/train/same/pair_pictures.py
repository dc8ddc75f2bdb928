"""Images beside themselves, changed: pairs in rows of two, as large as there is room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from sit_studio.look import theme
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.gallery.array_images import to_image

LEAST_PX, USUAL_PX, MOST_PX = 72, 160, 224
GAP_PX, APART_PX, ROW_PX = 2, 32, 16
ACROSS = 2


class PairPictures(QWidget):
    """Nothing is drawn between the two of a pair: they touch, and stand apart from the next."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairs: list[tuple[QImage, QImage]] = []
        self.empty = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self, self.update)

    def show_pairs(self, first: NDArray[np.uint8], second: NDArray[np.uint8], what: str) -> None:
        """Arrays [n,Y,X,3]; `what` is said of them to who cannot see them."""
        self.pairs = [(to_image(a), to_image(b)) for a, b in zip(first, second, strict=True)]
        self.empty = ""
        self.setAccessibleDescription(what)
        self.update()

    def show_empty(self, text: str) -> None:
        """No pictures yet, or none at all; why."""
        self.pairs, self.empty = [], text
        self.setAccessibleDescription(text)
        self.update()

    def sizeHint(self) -> QSize:
        return self._size(USUAL_PX)

    def minimumSizeHint(self) -> QSize:
        return self._size(LEAST_PX)

    def _size(self, side: int) -> QSize:
        return QSize(ACROSS * (2 * side + GAP_PX) + APART_PX, 2 * side + ROW_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        if not self.pairs:
            painter.setPen(QColor(theme.tokens().muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 0, -16, 0), int(flags), self.empty)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        across = ((self.width() - APART_PX) // ACROSS - GAP_PX) // 2
        side = max(16, min(MOST_PX, across, (self.height() - ROW_PX) // 2))
        room = self._size(side)
        left, top = (self.width() - room.width()) // 2, (self.height() - room.height()) // 2
        for number, pair in enumerate(self.pairs):
            row, column = divmod(number, ACROSS)
            for place, image in enumerate(pair):
                x = left + column * (2 * side + GAP_PX + APART_PX) + place * (side + GAP_PX)
                painter.drawImage(QRect(x, top + row * (side + ROW_PX), side, side), image)
