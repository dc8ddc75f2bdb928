"""What the model sees: the user's own images, as they are, as a view, corrupted, and the mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from sit_studio.look import theme
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.gallery.array_images import SMOOTH_FROM_PX

GAP, TITLE = 2, 24


class ViewsPreview(QWidget):
    """Rows are images; the columns have their titles once."""

    def __init__(self, titles: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.titles = titles
        self.rows: list[list[QImage]] = []
        self.empty = ""
        self.setMinimumHeight(120)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        follow_theme(self, self.update)

    def show_columns(self, titles: list[str], columns: list[NDArray[np.uint8]]) -> None:
        """Arrays [n,Y,X,3] side by side, each with its title."""
        self.titles = titles
        count = min(len(column) for column in columns)
        self.rows = [[_image(column[row]) for column in columns] for row in range(count)]
        self.empty = ""
        self.updateGeometry()
        self.update()

    def show_empty(self, text: str) -> None:
        """Show no pictures; say why."""
        self.rows, self.empty = [], text
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return TITLE + len(self.rows) * (self._tile(width) + GAP) if self.rows else 120

    def sizeHint(self) -> QSize:
        return QSize(400, self.heightForWidth(400))

    def _tile(self, width: int) -> int:
        return max(16, min(168, (width + GAP) // len(self.titles) - GAP))

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        colours = theme.tokens()
        painter.setPen(QColor(colours.muted))
        if not self.rows:
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 0, -16, 0), int(flags), self.empty)
            return
        tile = self._tile(self.width())
        for column, title in enumerate(self.titles):
            at = QRect(column * (tile + GAP), 0, tile, TITLE - 4)
            text = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, tile)
            painter.drawText(
                at, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text
            )
        for row, images in enumerate(self.rows):
            for column, image in enumerate(images):
                is_smooth = image.width() >= SMOOTH_FROM_PX
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
                at = QRect(column * (tile + GAP), TITLE + row * (tile + GAP), tile, tile)
                painter.drawImage(at, image)


def _image(pixels: NDArray[np.uint8]) -> QImage:
    rows = np.ascontiguousarray(pixels)
    height, width = rows.shape[:2]
    made = QImage(rows.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return made.copy()


def mask_pictures(mask: NDArray[np.bool_], hidden: str, shown: str) -> NDArray[np.uint8]:
    """Masks [n,Y,X] as pictures [n,Y,X,3] in two colours."""
    pair = np.array(
        [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (shown, hidden)],
        dtype=np.uint8,
    )
    return pair[mask.astype(np.uint8)]
