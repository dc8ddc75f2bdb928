"""One curve as the plot draws it: a faint raw line, the smoothed one, dots for lone points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from sit_studio.models.curve import Array, Curve, thin

Convert = Callable[[Array], Array]

MOST_VALUE = 1e30  # Qt's paths overflow far beyond
RAW_OPACITY = 0.3
LINE_PX = 2.0
DOT_PX = 6
# Painting is the dearest part of a plot, and Qt's time goes with points, length and edges:
# dashes show only on a calm line, width on one that does not fill a band anyhow, and smooth
# edges are for few points.
CALM_LENGTH_PX = 6_000.0
BAND_LENGTH_PX = 12_000.0
FEW_POINTS = 400
RAW_COLUMN_PX = 2
MAIN_COLUMN_PX = 4
_NOTHING: tuple[Array, Array] = (np.empty(0), np.empty(0))


@dataclass(frozen=True)
class PlotWindow:
    """What decides how a line is drawn, beside its data."""

    x0: float
    x1: float
    width_px: int
    height_px: int
    weight: float
    is_log: bool
    pen_scale: float = 1.0  # plot pens are in device pixels


class PlotLine:
    """The items of one curve: made once, given new data ever after."""

    def __init__(self, plot: pg.PlotItem, curve: Curve, convert: Convert | None) -> None:
        self.raw = pg.PlotCurveItem(connect="finite")
        self.main = pg.PlotCurveItem(connect="finite")
        self.dots = pg.ScatterPlotItem(size=DOT_PX, pxMode=True, antialias=True, pen=None)
        for depth, item in enumerate((self.raw, self.main, self.dots)):
            item.setZValue(depth)
            plot.addItem(item, ignoreBounds=True)
        self.curve = curve
        self.is_exact = False  # never smoothed
        self.low = self.high = np.nan
        self._raw = self._main = _NOTHING
        self._view = PlotWindow(0.0, 1.0, 1, 1, 0.0, False)
        self._is_waiting = False
        self._plot = plot
        self._pen = QPen()
        self._dashes: tuple[float, ...] = ()
        self.set_convert(convert)

    def remove(self) -> None:
        for item in (self.raw, self.main, self.dots):
            self._plot.removeItem(item)

    def set_curve(self, curve: Curve) -> None:
        if curve is not self.curve:
            self.curve = curve
            self.set_convert(self._convert)

    def set_convert(self, convert: Convert | None) -> None:
        self._convert = convert
        self._converted: Array = np.empty(0)
        self._edition = -1
        self._prepared: tuple[object, ...] = ()

    def set_style(self, colour: str, dashes: tuple[float, ...]) -> None:
        self._dashes = dashes
        self._pen = pg.mkPen(QColor(colour), width=LINE_PX)
        self._pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        faint = QColor(colour)
        faint.setAlphaF(RAW_OPACITY)
        self.raw.setPen(pg.mkPen(faint, width=1))
        self.dots.setBrush(pg.mkBrush(colour))
        self._prepared = ()

    @property
    def colour(self) -> str:
        return self._pen.color().name()

    def legend_pen(self) -> QPen:
        pen = QPen(self._pen)
        if self._dashes:
            pen.setDashPattern(list(self._dashes))
        return pen

    def set_visible(self, is_visible: bool) -> None:
        for item in (self.raw, self.main, self.dots):
            item.setVisible(is_visible)

    def x(self) -> Array:
        """The curve's steps on the axis in use, each converted once; still ascending."""
        steps = self.curve.steps
        if self._convert is None:
            return steps
        if self._edition != self.curve.edition:
            self._edition = self.curve.edition
            self._converted = np.empty(0)
        known = len(self._converted)
        if known < len(steps):
            fresh = np.asarray(self._convert(steps[known:]), dtype=np.float64)
            self._converted = np.concatenate((self._converted, fresh))
        return self._converted

    def prepare(self, view: PlotWindow) -> bool:
        """Find what is visible; False when that stands there already."""
        if self.is_exact:
            view = replace(view, weight=0.0)
        key = (view, self.curve.edition, len(self.curve))
        if key == self._prepared:
            return False
        self._prepared = key
        x, values = self.x(), self.curve.values
        self._view = view
        self._raw = visible(x, values, view, RAW_COLUMN_PX if view.weight > 0 else 1)
        self._main = self._raw
        if view.weight > 0:
            self._main = visible(x, self.curve.smoothed(view.weight), view, MAIN_COLUMN_PX)
        self.low, self.high = bounds(self._main[1], self._raw[1])
        self._is_waiting = True
        return True

    def show(self) -> None:
        """Draw what was prepared."""
        if not self._is_waiting:
            return
        self._is_waiting = False
        x, y = self._main
        is_smoothed = self._view.weight > 0
        span = self.high - self.low
        travel = np.nansum(np.abs(np.diff(y))) / span * self._view.height_px if span > 0 else 0.0
        is_calm = bool(travel < CALM_LENGTH_PX)
        pen = self.legend_pen() if is_calm else QPen(self._pen)
        is_wide = is_calm or (is_smoothed and travel < BAND_LENGTH_PX)
        pen.setWidthF((LINE_PX if is_wide else 1.0) * self._view.pen_scale)
        if pen != self.main.opts["pen"]:
            self.main.setPen(pen)
        self.main.setData(x, y, antialias=is_calm and len(x) <= FEW_POINTS)
        self.raw.setData(*(self._raw if is_smoothed else _NOTHING))
        lone = _lone(y)
        self.dots.setData(x[lone], y[lone])

    def nearest(self, x: float | None) -> int | None:
        """The index of the point nearest to x, or of the newest; None without points."""
        all_x = self.x()
        if not len(all_x):
            return None
        right = len(all_x) - 1
        if x is not None:
            right = min(int(np.searchsorted(all_x, x)), right)
        left = max(right - 1, 0)
        return left if x is not None and x - all_x[left] <= all_x[right] - x else right


def visible(x: Array, y: Array, view: PlotWindow, column_px: int) -> tuple[Array, Array]:
    """The thinned part in view, in the axis' own measure; what Qt cannot draw is a gap."""
    thin_x, thin_y = thin(x, y, view.x0, view.x1, view.width_px // column_px)
    if view.is_log:
        positive = thin_y > 0
        return thin_x, np.log10(thin_y, out=np.full(len(thin_y), np.nan), where=positive)
    return thin_x, np.where(np.abs(thin_y) <= MOST_VALUE, thin_y, np.nan)


def bounds(*parts: Array) -> tuple[float, float]:
    """Least and greatest number; NaN for both when there is none."""
    low = high = np.nan
    for part in parts:
        if len(part):
            low = float(np.fmin(low, np.fmin.reduce(part)))
            high = float(np.fmax(high, np.fmax.reduce(part)))
    return low, high


def _lone(y: Array) -> Array:
    """Which points have a gap or nothing on both sides, so that no line shows them."""
    is_number = np.isfinite(y)
    before = np.concatenate(([False], is_number[:-1]))
    after = np.concatenate((is_number[1:], [False]))
    return is_number & ~before & ~after  # type: ignore[return-value]
