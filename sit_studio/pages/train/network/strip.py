"""A network as a strip of blocks, whose heights are widths."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.counted import filled
from sit_studio.look import theme
from sit_studio.widgets.basics import follow_theme

LEGEND_PX, BELOW_PX, ABOVE_PX = 20, 20, 4
GAP_PX, MOST_PX = 8.0, 48.0
"""Between blocks, and the widest that a block is drawn."""


class BlockStrip(QWidget):
    """Token width first, then of each block attention and MLP, with its heads below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shape: NetworkShape | None = None
        self.most = 1
        self.setMinimumSize(200, 120)
        self.setAccessibleName(self.tr("Blocks of the network"))
        follow_theme(self, self.update)

    def show_shape(self, shape: NetworkShape | None, most: int | None = None) -> None:
        """Draw another; `most` is the width as high as there is room, that of all to be compared."""
        if (shape, most or self.most) == (self.shape, self.most):
            return
        self.shape = shape
        if shape is not None:
            own = max(shape.width, *(max(block.attention, block.mlp) for block in shape.blocks))
            self.most = max(most or 0, own)
        self.setAccessibleDescription(self.spoken())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 150)

    def spoken(self) -> str:
        """All widths in words."""
        if self.shape is None:
            return ""
        head = self.tr("Tokens are {width} wide.").format(width=self.shape.width)
        return " ".join([head, *(self.words(place) for place in range(self.shape.depth))])

    def words(self, place: int) -> str:
        """One block in words, from 0."""
        assert self.shape is not None
        block = self.shape.blocks[place]
        return filled(
            self.tr("Block {n}: heads {heads}, attention {attention} wide, MLP {mlp} wide."),
            n=place + 1, heads=block.heads, attention=block.attention, mlp=block.mlp,
        )  # fmt: skip

    def _places(self) -> list[QRectF]:
        """Rectangles of the tokens and of each block."""
        assert self.shape is not None
        count = self.shape.depth + 1
        area = QRectF(self.rect()).adjusted(0, LEGEND_PX + ABOVE_PX, 0, -BELOW_PX)
        each = min(MOST_PX, (area.width() + GAP_PX) / count - GAP_PX)
        gap = GAP_PX if each >= 6 else 2.0
        each = max(2.0, min(MOST_PX, (area.width() + gap) / count - gap))
        step = each + gap
        return [
            QRectF(area.left() + place * step, area.top(), each, area.height())
            for place in range(count)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        if self.shape is None:
            return
        painter = QPainter(self)
        colours = theme.tokens()
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        first, *places = self._places()
        self._bar(painter, first, self.shape.width, colours.muted)
        self._below(painter, first, "")
        for place, block in zip(places, self.shape.blocks, strict=True):
            half = place.width() / 2
            left = QRectF(place.left(), place.top(), half - 0.5, place.height())
            self._bar(painter, left, block.attention, colours.series[0])
            self._bar(painter, left.translated(half + 0.5, 0), block.mlp, colours.series[1])
            self._below(painter, place, str(block.heads))
        painter.setPen(QColor(colours.line))
        base = first.bottom() + 0.5
        painter.drawLine(int(first.left()), int(base), int(places[-1].right()), int(base))
        self._legend(painter)

    def _bar(self, painter: QPainter, place: QRectF, width: int, colour: str) -> None:
        height = place.height() * width / self.most
        painter.fillRect(
            QRectF(place.left(), place.bottom() - height, place.width(), height), QColor(colour)
        )

    def _below(self, painter: QPainter, place: QRectF, words: str) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        around = QRectF(place.center().x() - 16, place.bottom() + 2, 32, BELOW_PX - 2)
        painter.drawText(around, int(Qt.AlignmentFlag.AlignHCenter), words)

    def _legend(self, painter: QPainter) -> None:
        colours, x = theme.tokens(), 0.0
        for colour, words in (
            (colours.muted, self.tr("Tokens")),
            (colours.series[0], self.tr("Attention")),
            (colours.series[1], self.tr("MLP")),
            ("", self.tr("below: heads")),
        ):
            if colour:
                painter.fillRect(QRectF(x, 5, 10, 10), QColor(colour))
                x += 14
            painter.setPen(QColor(colours.muted))
            wide = painter.fontMetrics().horizontalAdvance(words)
            painter.drawText(
                QRectF(x, 0, wide + 4, LEGEND_PX), int(Qt.AlignmentFlag.AlignVCenter), words
            )
            x += wide + 14

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self._words_at(event.pos().x()), self)
            return True
        return super().event(event)

    def _words_at(self, x: int) -> str:
        if self.shape is None:
            return ""
        first, *places = self._places()
        if first.left() <= x <= first.right():
            return self.tr("Tokens are {width} wide.").format(width=self.shape.width)
        for number, place in enumerate(places):
            if place.left() <= x <= place.right():
                return self.words(number)
        return ""
