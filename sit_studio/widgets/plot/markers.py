"""Small flags on the time axis of a plot: what happened at a step, in words on hover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QPainterPath, QPolygonF

from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.models.curve import Array
from sit_studio.models.history import MarkKind

MOST_MARKERS = 300
FLAG_PX = 16
LESSER: tuple[MarkKind, ...] = ("checkpoint", "preview")  # many, and the first to give way


@dataclass(frozen=True)
class Marker:
    """Something worth a flag."""

    step: float
    kind: MarkKind
    text: str


class Flags:
    """The flags of one plot, kept at the bottom of the view."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.item = pg.ScatterPlotItem(
            size=FLAG_PX, pxMode=True, antialias=True, hoverable=True, tip=_tip, pen=None
        )
        self.item.setZValue(5)
        plot.addItem(self.item, ignoreBounds=True)
        self._markers: list[Marker] = []
        self._x: Array = np.empty(0)
        self._placed: tuple[object, ...] = ()

    def set_markers(self, markers: Sequence[Marker], x: Array) -> None:
        """The markers and where they stand on the axis in use."""
        self._markers = list(markers)
        self._x = x
        self._placed = ()

    def place(self, x0: float, x1: float, y0: float, pixel_height: float) -> None:
        """Draw those in view, half a flag above the axis."""
        key = (x0, x1, y0, pixel_height)
        if key == self._placed:
            return
        self._placed = key
        y = y0 + pixel_height * FLAG_PX / 2
        shown = _most_telling(self._markers, np.flatnonzero((self._x >= x0) & (self._x <= x1)))
        colours = _colours()
        self.item.setData(
            [
                {
                    "pos": (self._x[index], y),
                    "data": self._markers[index],
                    "symbol": _SHAPES[self._markers[index].kind],
                    "brush": colours[self._markers[index].kind],
                }
                for index in shown
            ]
        )

    def recolour(self) -> None:
        self._placed = ()


def _most_telling(markers: list[Marker], visible: NDArray[np.intp]) -> list[int]:
    """At most MOST_MARKERS markers: first the rare kinds, the others evenly thinned."""
    rare = [int(i) for i in visible if markers[i].kind not in LESSER]
    many = [int(i) for i in visible if markers[i].kind in LESSER]
    room = max(MOST_MARKERS - len(rare), 0)
    if len(many) > room:
        many = [many[i * len(many) // room] for i in range(room)]
    return many + rare[-MOST_MARKERS:]


def _tip(*, x: float, y: float, data: Marker) -> str:
    step = QCoreApplication.translate("Flags", "step {step}").format(step=count(data.step))
    return f"{data.text}\n{step}"


def _colours() -> dict[MarkKind, QColor]:
    tokens = theme.tokens()
    faint = QColor(tokens.muted)
    faint.setAlphaF(0.45)
    return {
        "resume": QColor(tokens.accent),
        "skipped": QColor(tokens.bad),
        "rollback": QColor(tokens.bad),
        "spike": QColor(tokens.warn),
        "dip": QColor(tokens.warn),
        "checkpoint": faint,
        "change": QColor(tokens.warn),
        "preview": QColor(tokens.muted),
    }


def _flag(*points: tuple[float, float]) -> QPainterPath:
    """A pole from the axis up and a shape on it, in a square of side 1 around 0."""
    pole, shape = QPainterPath(), QPainterPath()
    pole.addRect(QRectF(-0.04, -0.5, 0.08, 1.0))
    shape.addPolygon(QPolygonF([QPointF(x, y) for x, y in (*points, points[0])]))
    return pole.united(shape)


def _cross() -> QPainterPath:
    arm, reach = 0.09, 0.28
    points = []
    for turn in range(4):
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn]
        for a, b in ((reach, -arm), (reach, arm), (arm, arm)):
            x, y = (a - b) * 0.7071, (a + b) * 0.7071
            points.append((x * cos - y * sin, x * sin + y * cos - 0.2))
    return _flag(*points)


_SHAPES: dict[MarkKind, QPainterPath] = {
    "resume": _flag((0, -0.5), (0.45, -0.27), (0, -0.04)),
    "skipped": _cross(),
    "rollback": _flag((0, -0.5), (-0.45, -0.27), (0, -0.04)),
    "spike": _flag((-0.2, 0.0), (0, -0.5), (0.2, 0.0)),
    "dip": _flag((-0.2, -0.5), (0.2, -0.5), (0, 0.0)),
    "checkpoint": _flag((-0.12, -0.35), (0.12, -0.35), (0.12, -0.11), (-0.12, -0.11)),
    "change": _flag((0, -0.5), (0.26, -0.24), (0, 0.02), (-0.26, -0.24)),
    "preview": _flag((0, -0.5), (0.42, -0.5), (0.42, -0.08), (0, -0.08)),
}
