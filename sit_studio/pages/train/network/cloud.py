"""The networks that a search asked: cost against score, the front, and one that is chosen."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from sit_studio.look import theme
from sit_studio.models.map_picture import Shape
from sit_studio.models.network_cloud import Cloud, ticks
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.map.style import swatch

LEFT_PX, BELOW_PX, RIGHT_PX, ABOVE_PX = 56, 44, 16, 8
LEGEND_PX, MARK_WIDE_PX, FONT_PX = 24, 40, 12
MARK_PX, NEAR_PX, RING_PX = 8, 16, 7.0
PAGES = 20
"""A page key moves by this part of all networks."""
SHAPES: tuple[Shape, ...] = ("disc", "square", "diamond")


class CloudPlot(QWidget):
    """`chosen` tells a point by its number: clicked, or reached by keys.

    Left and right go by cost, up and down by score, Home is the best.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cloud: Cloud | None = None
        self.at = -1
        """The point that is chosen."""
        self.setMinimumSize(320, 220)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Networks by cost and score"))
        follow_theme(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(560, 400)

    def show_cloud(self, cloud: Cloud | None) -> None:
        """Show others; points only come to those that were there."""
        self.cloud = cloud
        self.update()

    def choose(self, number: int, spoken: str) -> None:
        """Show which point is chosen, and say so."""
        self.at = number
        self.setAccessibleDescription(spoken)
        self.update()

    # Geometry

    def _area(self) -> QRectF:
        lines = self._legend()[-1][2] + 1
        above = ABOVE_PX + lines * LEGEND_PX
        return QRectF(self.rect()).adjusted(LEFT_PX, above, -RIGHT_PX, -BELOW_PX)

    def places(self) -> np.ndarray:
        """Where the points are painted: [n,2]; what lies outside stands at the edge."""
        area = self._area()
        assert self.cloud is not None
        (x_low, x_high), (y_low, y_high) = self.cloud.cost_range, self.cloud.score_range
        x = area.left() + (self.cloud.cost_n - x_low) / (x_high - x_low) * area.width()
        y = area.bottom() - (self.cloud.score_n - y_low) / (y_high - y_low) * area.height()
        return np.stack(
            [np.clip(x, area.left(), area.right()), np.clip(y, area.top(), area.bottom())], axis=1
        )

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        colours = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(colours.surface))
        if self.cloud is None or not self.cloud.costs_n:
            painter.setPen(QColor(colours.muted))
            words = self.tr("A point appears here for each network once it is asked.")
            both = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(24, 24, -24, -24), int(both), words)
            self._paint_focus(painter)
            return
        font = painter.font()
        font.setPixelSize(FONT_PX)
        painter.setFont(font)
        self._paint_axes(painter, self.cloud)
        places = self.places()
        self._paint_points(painter, self.cloud, places)
        self._paint_front(painter, self.cloud, places)
        self._paint_rings(painter, self.cloud, places)
        self._paint_legend(painter, self.cloud)
        self._paint_focus(painter)

    def _paint_axes(self, painter: QPainter, cloud: Cloud) -> None:
        colours, area = theme.tokens(), self._area()
        low, high = cloud.score_range
        for value in ticks(low, high):
            y = area.bottom() - (value - low) / (high - low) * area.height()
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(colours.muted))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(16, y - 10, LEFT_PX - 24, 20), int(right), f"{value:.4g}")
        low, high = cloud.cost_range
        for value in ticks(low, high):
            x = area.left() + (value - low) / (high - low) * area.width()
            painter.setPen(QColor(colours.muted))
            place = QRectF(x - 40, area.bottom() + 4, 80, 18)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignHCenter), f"{value:.4g}")
        below = QRectF(area.left(), area.bottom() + 22, area.width(), 18)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), cloud.x_title)
        painter.save()
        painter.translate(2, area.center().y())
        painter.rotate(-90)
        side = QRectF(-area.height() / 2, 0, area.height(), 16)
        painter.drawText(side, int(Qt.AlignmentFlag.AlignHCenter), cloud.y_title)
        painter.restore()

    def _paint_points(self, painter: QPainter, cloud: Cloud, places: np.ndarray) -> None:
        kinds = np.array(cloud.kinds_n)
        for kind in range(len(cloud.names)):
            mark = _mark(kind, self.devicePixelRatioF())
            side = _side(kind)
            # Many lie over each other; a lone one of its kind must be seen.
            painter.setOpacity(0.6 if kind < 2 else 1.0)
            for x, y in places[kinds == kind].tolist():
                painter.drawPixmap(QPointF(x - side / 2, y - side / 2), mark)
        painter.setOpacity(1.0)

    def _paint_front(self, painter: QPainter, cloud: Cloud, places: np.ndarray) -> None:
        steps: list[QPointF] = []
        for number in cloud.front:
            x, y = places[number].tolist()
            if steps:
                steps.append(QPointF(x, steps[-1].y()))
            steps.append(QPointF(x, y))
        if steps:
            steps.append(QPointF(self._area().right(), steps[-1].y()))
        painter.setPen(QPen(QColor(theme.tokens().text), 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(steps))

    def _paint_rings(self, painter: QPainter, cloud: Cloud, places: np.ndarray) -> None:
        colours = theme.tokens()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if cloud.best >= 0:
            painter.setPen(QPen(QColor(colours.good), 2))
            painter.drawEllipse(QPointF(*places[cloud.best].tolist()), RING_PX, RING_PX)
        if 0 <= self.at < len(places):
            painter.setPen(QPen(QColor(colours.text), 2))
            painter.drawEllipse(QPointF(*places[self.at].tolist()), RING_PX + 4, RING_PX + 4)

    def _legend(self) -> list[tuple[str, int, int, float]]:
        """Each word with its number, line and place along it: of the points, the front, the best."""
        words = [*(self.cloud.names if self.cloud is not None else ())]
        words += [self.tr("front"), self.tr("best of evolution")]
        found, line, x = [], 0, float(LEFT_PX)
        for kind, word in enumerate(words):
            wide = self._metrics().horizontalAdvance(word) + MARK_WIDE_PX
            if x + wide > self.width() and x > LEFT_PX:
                line, x = line + 1, float(LEFT_PX)
            found.append((word, kind, line, x))
            x += wide
        return found

    def _metrics(self) -> QFontMetricsF:
        font = QFont(self.font())
        font.setPixelSize(FONT_PX)
        return QFontMetricsF(font)

    def _paint_legend(self, painter: QPainter, cloud: Cloud) -> None:
        colours = theme.tokens()
        for word, kind, line, x in self._legend():
            middle = ABOVE_PX + line * LEGEND_PX + LEGEND_PX / 2 - 4
            if kind < len(cloud.names):
                mark = _mark(kind, self.devicePixelRatioF())
                at = QPointF(x + 6, middle) - QPointF(_side(kind), _side(kind)) / 2
                painter.drawPixmap(at, mark)
            elif kind == len(cloud.names):
                painter.setPen(QPen(QColor(colours.text), 1.5, Qt.PenStyle.DashLine))
                painter.drawLine(QPointF(x - 6, middle), QPointF(x + 12, middle))
            else:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(colours.good), 2))
                painter.drawEllipse(QPointF(x + 4, middle), RING_PX - 1, RING_PX - 1)
            painter.setPen(QColor(colours.muted))
            place = QRectF(x + 18, middle - 10, self.width() - x - 18, 20)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), word)

    def _paint_focus(self, painter: QPainter) -> None:
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.tokens().accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)

    # Choosing

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if (number := self.point_at(event.position())) is not None:
            self.chosen.emit(number)

    def point_at(self, pointed: QPointF) -> int | None:
        """The nearest point to a place, if one is near."""
        if self.cloud is None or not self.cloud.costs_n:
            return None
        away = np.hypot(*(self.places() - [pointed.x(), pointed.y()]).T)
        number = int(away.argmin())
        return number if away[number] <= NEAR_PX else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = self._reached(event.key())
        if number is None:
            super().keyPressEvent(event)
        else:
            self.chosen.emit(number)

    def _reached(self, key: int) -> int | None:
        cloud = self.cloud
        if cloud is None or not cloud.costs_n:
            return None
        page = max(1, len(cloud.costs_n) // PAGES)
        moves = {
            Qt.Key.Key_Right: (cloud.by_cost, 1), Qt.Key.Key_Left: (cloud.by_cost, -1),
            Qt.Key.Key_Up: (cloud.by_score, 1), Qt.Key.Key_Down: (cloud.by_score, -1),
            Qt.Key.Key_PageUp: (cloud.by_score, page), Qt.Key.Key_PageDown: (cloud.by_score, -page),
        }  # fmt: skip
        if key == Qt.Key.Key_Home:
            return cloud.best
        if key == Qt.Key.Key_End:
            return cloud.by_score[0]
        if key not in moves:
            return None
        order, step = moves[Qt.Key(key)]
        place = order.index(self.at) + step if self.at in order else 0
        return order[min(max(place, 0), len(order) - 1)]


def _mark(kind: int, ratio: float) -> QPixmap:
    colour = QColor(theme.tokens().series[kind])
    return swatch(colour, SHAPES[kind], _side(kind), ratio)


def _side(kind: int) -> int:
    """The uniform network is one alone."""
    return MARK_PX if kind < 2 else MARK_PX + 4
