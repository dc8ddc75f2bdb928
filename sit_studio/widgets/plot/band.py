"""The interval around a curve of readings: a faint band behind its line."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from sit_studio.models.curve import Curve
from sit_studio.widgets.plot.plot_line import Convert, PlotWindow, bounds, visible

OPACITY = 0.16


class Band:
    """Between a lower and an upper curve; the items are made once."""

    def __init__(self, plot: pg.PlotItem, low: Curve, high: Curve) -> None:
        self.ends = low, high
        self._plot = plot
        self._edges = [pg.PlotCurveItem(pen=None) for _ in range(2)]
        self._fill = pg.FillBetweenItem(*self._edges)
        self._fill.setPen(QPen(Qt.PenStyle.NoPen))
        self._fill.setZValue(-1)
        for item in (*self._edges, self._fill):
            plot.addItem(item, ignoreBounds=True)

    def remove(self) -> None:
        """Take it off the plot."""
        for item in (*self._edges, self._fill):
            self._plot.removeItem(item)

    def set_colour(self, colour: str) -> None:
        """Set the colour of its line, faint."""
        faint = QColor(colour)
        faint.setAlphaF(OPACITY)
        self._fill.setBrush(pg.mkBrush(faint))

    def show(self, view: PlotWindow, convert: Convert | None, *, is_shown: bool) -> list[float]:
        """Draw what is in view; its least and greatest value there."""
        self._fill.setVisible(is_shown)
        parts = []
        for edge, curve in zip(self._edges, self.ends, strict=True):
            x = curve.steps if convert is None else convert(curve.steps)
            part_x, part_y = visible(x, curve.values, view, 1)
            edge.setData(part_x, part_y)
            parts.append(part_y)
        return list(bounds(*parts)) if is_shown else []
