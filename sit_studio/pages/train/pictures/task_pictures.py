"""What a task does to the user's images: groups of small pictures with a word below each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from sit_studio.look import theme
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.gallery.array_images import SMOOTH_FROM_PX, Pixels

LEAST_PX, MOST_PX = 56, 96
GAP_PX, SIGN_PX, WORD_PX = 12, 20, 18
OFF_OPACITY = 0.4


@dataclass(frozen=True)
class Tile:
    """A picture and its word; the shorter word stands where the longer has no room."""

    image: QImage
    word: str
    short: str = ""


Groups = Sequence[Sequence[Tile]]


class TaskPictures(QWidget):
    """Shows as many groups as fit, all of one size; `sign` stands between a group's pictures."""

    def __init__(self, sign: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sign = sign
        self.groups: Groups = ()
        self.is_on = True
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()
        follow_theme(self, self.update)

    def show_groups(self, groups: Groups, *, is_on: bool) -> None:
        """Pictures of a task, fainter where it is off; without any the widget takes no room."""
        self.groups, self.is_on = groups, is_on
        said = ["; ".join(tile.word for tile in group) for group in groups]
        self.setAccessibleDescription(". ".join(said))
        self.setVisible(bool(groups))
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._fit(width)[1] + WORD_PX if self.groups else 0

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(240))

    def minimumSizeHint(self) -> QSize:
        return QSize(2 * LEAST_PX + SIGN_PX, LEAST_PX + WORD_PX)

    def _fit(self, width: int) -> tuple[int, int]:
        """How many groups are shown, and the side of their pictures."""
        tiles = len(self.groups[0]) if self.groups else 1
        for shown in range(len(self.groups), 0, -1):
            room = width - (shown - 1) * GAP_PX - shown * (tiles - 1) * SIGN_PX
            side = room // (shown * tiles)
            if side >= LEAST_PX or shown == 1:
                return shown, max(16, min(MOST_PX, side))
        return 0, 0

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        muted = QColor(theme.tokens().muted)
        shown, side = self._fit(self.width())
        x = 0
        for group in self.groups[:shown]:
            for number, tile in enumerate(group):
                if number:
                    painter.setPen(muted)
                    sign = QRect(x, 0, SIGN_PX, side)
                    painter.drawText(sign, Qt.AlignmentFlag.AlignCenter, self.sign)
                    x += SIGN_PX
                self._paint_tile(painter, tile, x, side, muted)
                x += side
            x += GAP_PX

    def _paint_tile(self, painter: QPainter, tile: Tile, x: int, side: int, muted: QColor) -> None:
        is_smooth = tile.image.width() >= SMOOTH_FROM_PX
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.setOpacity(1.0 if self.is_on else OFF_OPACITY)
        painter.drawImage(QRect(x, 0, side, side), tile.image)
        painter.setOpacity(1.0)
        painter.setPen(muted)
        font = self.font()
        font.setPixelSize(12)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        is_long = bool(tile.short) and metrics.horizontalAdvance(tile.word) > side
        word = metrics.elidedText(
            tile.short if is_long else tile.word, Qt.TextElideMode.ElideRight, side
        )
        at = QRect(x, side, side, WORD_PX)
        painter.drawText(at, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, word)


def faded(pixels: Pixels, is_kept: np.ndarray, colour: str) -> Pixels:
    """[n,Y,X,3] with all but the pixels [n,Y,X] to be kept sunk into a colour."""
    ground = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float32)
    pale = (0.2 * pixels + 0.8 * ground).astype(np.uint8)
    made: Pixels = np.where(is_kept[..., None], pixels, pale)
    return made
