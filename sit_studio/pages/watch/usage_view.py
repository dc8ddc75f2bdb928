"""How the prototypes are used: how often each is the teacher's first choice, the most used first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.pages.watch.model_pictures import PictureStack
from sit_studio.widgets.basics import label

LEFT_PX, BELOW_PX, LEAST_GAP_PX, MOST_BAR_PX = 48, 32, 4.0, 32.0


class UsageView(PictureStack):
    """A sentence, and a histogram of the prototypes that are chosen at all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = label("", wrap=True)
        self.about = label(
            self.tr(
                "A few prototypes that take most images, or many that none takes, say that the teacher "
                "sorts coarsely. Fewer prototypes, or a longer run, may use them more evenly."
            ),
            "caption",
            wrap=True,
        )
        self.bars = _Bars()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addWidget(self.bars, 1)
        column.addWidget(self.about)
        self.show_empty(self.tr("The first pictures appear when training starts."))

    def show_counts(self, counts: NDArray[np.int64]) -> None:
        """Images by prototype [K]."""
        used = np.sort(counts[counts > 0])[::-1]
        text = self.tr(
            "Of {prototypes} prototypes {used} are the first choice of any of {images} images, and "
            "{never} are never chosen."
        )
        words = filled(
            text, prototypes=count(len(counts)), used=count(len(used)), images=count(counts.sum()),
            never=count(len(counts) - len(used)),
        )  # fmt: skip
        self.words.setText(words)
        self.bars.show_counts(used)
        self.bars.setAccessibleName(words)
        self._show_content()


class _Bars(QWidget):
    """Counts, the largest first, over their place."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: NDArray[np.int64] = np.empty(0, np.int64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.notifier().changed.connect(self.update)

    def show_counts(self, counts: NDArray[np.int64]) -> None:
        self.counts = counts
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, 240)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not len(self.counts):
            return
        tokens, painter = theme.tokens(), QPainter(self)
        painter.setFont(theme.tabular_font(12))
        most, line = int(self.counts[0]), painter.fontMetrics().height()
        area = QRectF(LEFT_PX, line, self.width() - LEFT_PX - 8, self.height() - line - BELOW_PX)
        painter.setPen(QColor(tokens.line))
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        slot = min(MOST_BAR_PX, area.width() / len(self.counts))
        gap = 1.0 if slot > LEAST_GAP_PX else 0.0
        for place, images in enumerate(self.counts):
            height = area.height() * int(images) / most
            bar = QRectF(area.left() + place * slot, area.bottom() - height, slot - gap, height)
            painter.fillRect(bar, QColor(tokens.accent))
        painter.setPen(QColor(tokens.muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value, y in ((most, area.top()), (0, area.bottom())):
            painter.drawText(QRectF(0, y - line / 2, LEFT_PX - 8, line), right, count(value))
        below = QRectF(area.left(), area.bottom() + 4, area.width(), BELOW_PX - 4)
        painter.setFont(self.font())
        words = self.tr("images by prototype, the most used first")
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, words)
