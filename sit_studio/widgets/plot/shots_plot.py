"""Accuracy against how many labels a class there are, a line a column, with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QToolTip, QWidget

from sit_engine.counted import filled
from sit_engine.records.report import Score
from sit_studio.look import theme
from sit_studio.look.words import THIN
from sit_studio.models.map_picture import Shape
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.map.style import swatch
from sit_studio.widgets.plot.dashes import DASHES

LEFT_PX, BELOW_PX, RIGHT_PX, ABOVE_PX = 56, 48, 24, 16
LEGEND_PX = 24
APART_PX = 5  # between the lines of one place, so that intervals do not cover each other
MARK_PX, NEAR_PX = 11, 14
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
LEAST_TICK_PX = 40
SHAPES: tuple[Shape, ...] = ("disc", "square", "diamond", "triangle")


@dataclass(frozen=True)
class Series:
    """One column: its score at each number of labels."""

    name: str
    points: tuple[tuple[int, Score], ...]


class ShotsPlot(QWidget):
    """A plot of so few points that they are painted here; the pointer reads a point's figures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.series: Sequence[Series] = ()
        self.setMinimumSize(360, 240)
        self.setMouseTracking(True)
        follow_theme(self, self.update)

    def show_series(self, series: Sequence[Series]) -> None:
        """Show other lines."""
        self.series = series
        self.setAccessibleName(self.tr("Accuracy by labels a class"))
        self.setAccessibleDescription(". ".join(map(_spoken, series)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(720, 420)

    # Geometry

    def _area(self) -> QRectF:
        whole = QRectF(self.rect())
        lines = len(self._legend_rows())
        return whole.adjusted(LEFT_PX, ABOVE_PX + LEGEND_PX * lines, -RIGHT_PX, -BELOW_PX)

    def _shots(self) -> list[int]:
        return sorted({shots for one in self.series for shots, _ in one.points})

    def _range(self) -> tuple[float, float, float]:
        """The range from a tick below the lowest interval to one above the highest, and the tick."""
        scores = [score for one in self.series for _, score in one.points]
        low = min((s.accuracy - s.interval for s in scores), default=0.0)
        high = max((s.accuracy + s.interval for s in scores), default=1.0)
        tick = self._tick(low, high)
        low, high = max(0.0, low), min(1.0, high)
        return math.floor(low / tick) * tick, min(1.0, math.ceil(high / tick) * tick), tick

    def _tick(self, low: float, high: float) -> float:
        height = max(1.0, self.height() - ABOVE_PX - BELOW_PX - LEGEND_PX)
        wanted = max(high - low, 0.02) * LEAST_TICK_PX / height
        return next((tick for tick in TICKS if tick >= wanted), TICKS[-1])

    def _x(self, shots: int, area: QRectF) -> float:
        all_shots = self._shots()
        low, high = math.log(all_shots[0]), math.log(all_shots[-1])
        share = (math.log(shots) - low) / (high - low) if high > low else 0.5
        inner = area.adjusted(24, 0, -24, 0)
        return inner.left() + share * inner.width()

    def _y(self, accuracy: float, area: QRectF) -> float:
        low, high, _ = self._range()
        return area.bottom() - (accuracy - low) / max(high - low, 1e-9) * area.height()

    def place_of(self, number: int, place: int) -> QPointF:
        """Where a point of a series is painted."""
        area = self._area()
        shots, score = self.series[number].points[place]
        shift = (number - (len(self.series) - 1) / 2) * APART_PX
        return QPointF(self._x(shots, area) + shift, self._y(score.accuracy, area))

    def _legend_rows(self) -> list[list[int]]:
        """Numbers of the series by line of the legend, as many as fit in each."""
        metrics = QFontMetricsF(self.font())
        room = max(1.0, float(self.width() - LEFT_PX - RIGHT_PX))
        rows: list[list[int]] = []
        used = room
        for number, one in enumerate(self.series):
            wide = metrics.horizontalAdvance(one.name) + 64
            if used + wide > room or not rows:
                rows.append([])
                used = 0.0
            rows[-1].append(number)
            used += wide
        return rows

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.tokens().surface))
        if not self.series:
            return
        self._paint_axes(painter)
        for number in reversed(range(len(self.series))):
            self._paint_line(painter, number)
        self._paint_legend(painter)

    def _paint_axes(self, painter: QPainter) -> None:
        colours, area = theme.tokens(), self._area()
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        low, high, tick = self._range()
        for step in range(round((high - low) / tick) + 1):
            value = low + step * tick
            y = self._y(value, area)
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(colours.muted))
            place = QRectF(0, y - 10, LEFT_PX - 8, 20)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, int(right), f"{100 * value:.0f}{THIN}%")
        for shots in self._shots():
            place = QRectF(self._x(shots, area) - 24, area.bottom() + 6, 48, 18)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignHCenter), str(shots))
        below = QRectF(area.left(), area.bottom() + 24, area.width(), 20)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), self.tr("Labels a class"))

    def _paint_line(self, painter: QPainter, number: int) -> None:
        area, colour = self._area(), _colour(number)
        one = self.series[number]
        places = [self.place_of(number, place) for place in range(len(one.points))]
        thin = QPen(colour, 1.2)
        for place, (_, score) in zip(places, one.points, strict=True):
            painter.setPen(thin)
            top = self._y(min(1.0, score.accuracy + score.interval), area)
            low = self._y(max(0.0, score.accuracy - score.interval), area)
            painter.drawLine(QPointF(place.x(), top), QPointF(place.x(), low))
            for y in (top, low):
                painter.drawLine(QPointF(place.x() - 3, y), QPointF(place.x() + 3, y))
        painter.setPen(_pen(number))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(places))
        mark = swatch(colour, SHAPES[number % len(SHAPES)], MARK_PX, self.devicePixelRatioF())
        for place in places:
            painter.drawPixmap(place - QPointF(MARK_PX / 2, MARK_PX / 2), mark)

    def _paint_legend(self, painter: QPainter) -> None:
        painter.setFont(self.font())
        metrics = QFontMetricsF(self.font())
        for line, numbers in enumerate(self._legend_rows()):
            x, middle = float(LEFT_PX), ABOVE_PX + LEGEND_PX * line + LEGEND_PX / 2 - 6
            for number in numbers:
                painter.setPen(_pen(number))
                painter.drawLine(QPointF(x, middle), QPointF(x + 32, middle))
                mark = swatch(
                    _colour(number), SHAPES[number % len(SHAPES)], MARK_PX,
                    self.devicePixelRatioF(),
                )  # fmt: skip
                painter.drawPixmap(QPointF(x + 16 - MARK_PX / 2, middle - MARK_PX / 2), mark)
                name = self.series[number].name
                wide = metrics.horizontalAdvance(name)
                painter.setPen(QColor(theme.tokens().text))
                place = QRectF(x + 40, middle - 10, wide + 4, 20)
                painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), name)
                x += wide + 64

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos()), self)
            return True
        return super().event(event)

    def words_at(self, pointed: QPoint) -> str:
        """The figures of the points near a place."""
        words = []
        for number, one in enumerate(self.series):
            for place, (shots, score) in enumerate(one.points):
                away = self.place_of(number, place) - QPointF(pointed)
                if abs(away.x()) <= NEAR_PX and abs(away.y()) <= NEAR_PX:
                    text = self.tr("{name}, {n} labels a class: {figures}")
                    words.append(filled(text, name=one.name, n=shots, figures=_figures(score)))
        return "\n".join(words)


def _pen(number: int) -> QPen:
    pen = QPen(_colour(number), 2)
    if dashes := DASHES[number % len(DASHES)]:
        pen.setDashPattern(list(dashes))
    return pen


def _colour(number: int) -> QColor:
    series = theme.tokens().series
    return QColor(series[number % len(series)])


def _figures(score: Score) -> str:
    return f"{100 * score.accuracy:.1f} ± {100 * score.interval:.1f}{THIN}%"


def _spoken(one: Series) -> str:
    return f"{one.name}: " + ", ".join(f"{shots}: {_figures(score)}" for shots, score in one.points)
