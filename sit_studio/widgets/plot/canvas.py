"""The drawing surface of a plot: view, axes, grid, crosshair, baselines and their colours."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPen
from PySide6.QtWidgets import QWidget

from sit_studio.look import theme
from sit_studio.look.words import figure
from sit_studio.widgets.plot.axes import StepAxis, ValueAxis

MOST_X = 1e15
EDGE = 0.05  # of the range, left free above and below the curves
BASELINE_DASHES = (2.0, 4.0)
CAPTION_PX = 12


class ZoomBox(pg.ViewBox):  # type: ignore[misc]
    """Wheel and drag move along x alone."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0)
        self.setMouseEnabled(x=True, y=False)
        self.disableAutoRange()
        self.setLimits(xMin=-MOST_X, xMax=MOST_X, minXRange=1e-6)


class Canvas(pg.PlotWidget):  # type: ignore[misc]
    """A pyqtgraph plot in our language, without data."""

    pointed = Signal(float)  # x under the mouse
    left = Signal()
    fit_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self.box = ZoomBox()
        self.values_axis = ValueAxis()
        self.steps_axis = StepAxis()
        super().__init__(
            parent,
            viewBox=self.box,
            axisItems={"left": self.values_axis, "bottom": self.steps_axis},
        )
        self.setAntialiasing(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plotItem.hideButtons()
        # Made without a parent, it would outlive us; without its flags it would show as a child.
        menu = self.plotItem.ctrlMenu
        menu.setParent(self, menu.windowFlags())
        self.plotItem.layout.setContentsMargins(0, 4, 16, 0)
        self.values_axis.setGrid(255)
        self.values_axis.setZValue(-1)
        self._crosshair = pg.InfiniteLine(angle=90, movable=False)
        self._crosshair.setVisible(False)
        self._crosshair.setZValue(4)
        self.plotItem.addItem(self._crosshair, ignoreBounds=True)
        self._titles = ("", "")
        self._baselines: dict[str, float] = {}
        self._lines: dict[str, pg.InfiniteLine] = {}
        self.scene().sigMouseMoved.connect(self._on_mouse_moved)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self.fit_asked.emit()

    def set_titles(self, below: str, beside: str) -> None:
        self._titles = (below, beside)
        style = {"color": theme.tokens().muted, "font-size": f"{CAPTION_PX}px"}
        self.steps_axis.setLabel(below, **style)
        self.values_axis.setLabel(beside, **style)

    def set_baselines(self, baselines: Mapping[str, float]) -> None:
        if self._baselines == baselines:
            return
        self._baselines = dict(baselines)
        for label in self._lines.keys() - baselines.keys():
            self.plotItem.removeItem(self._lines.pop(label))
        for label in baselines.keys() - self._lines.keys():
            line = pg.InfiniteLine(
                angle=0, label=label, labelOpts={"position": 0.98, "anchors": [(1, 1), (1, 1)]}
            )
            line.setZValue(-0.5)
            self._lines[label] = line
            self.plotItem.addItem(line, ignoreBounds=True)
        for label, line in self._lines.items():
            line.label.setFormat(f"{label} {figure(baselines[label])}")
        self.place_baselines()
        self.recolour()

    def place_baselines(self) -> list[float]:
        """Place the baselines on the axis in use, hide those without a place, and give their values."""
        places = {label: self._on_axis(value) for label, value in self._baselines.items()}
        for label, place in places.items():
            self._lines[label].setVisible(math.isfinite(place))
            if math.isfinite(place):
                self._lines[label].setValue(place)
        return [place for place in places.values() if math.isfinite(place)]

    def show_x(self, x0: float, x1: float) -> None:
        x0, x1 = max(x0, -MOST_X), min(x1, MOST_X)
        self.box.setXRange(x0, x1, padding=0)

    def show_y(self, low: float, high: float, foot_px: float, head_px: float = 0.0) -> None:
        """Show a range around these values, also where they are one, with room for flags and words."""
        span = high - low
        if span <= max(abs(low), abs(high)) * 1e-9:
            span = 0.6 if self.values_axis.is_log else abs(low) * 0.2 or 2.0
            low, high = low - span / 2, high + span / 2
        height = max(self.box.height(), 1.5 * (foot_px + head_px), 1.0)
        # What is left for the values themselves.
        room = 1 - (foot_px + head_px) / height
        foot, head = span * foot_px / height / room, span * head_px / height / room
        self.box.setYRange(low - max(span * EDGE, foot), high + max(span * EDGE, head), padding=0)
        self.box.prepareForPaint()  # else the first paint finds it out and asks for a second

    def show_crosshair(self, x: float | None) -> None:
        self._crosshair.setVisible(x is not None)
        if x is not None:
            self._crosshair.setValue(x)

    def show_scales(self, is_shown: bool) -> None:
        """Whether figures stand on the axes; of an empty plot they would be invented."""
        for axis in (self.values_axis, self.steps_axis):
            axis.setStyle(showValues=is_shown)
        self.values_axis.setGrid(255 if is_shown else False)

    def recolour(self) -> None:
        tokens = theme.tokens()
        self.setBackground(tokens.surface)
        font = QFont(self.font())
        font.setPixelSize(CAPTION_PX)
        for axis in (self.values_axis, self.steps_axis):
            axis.setTickFont(font)
            axis.setTextPen(tokens.muted)
            axis.setTickPen(tokens.line)
            axis.setPen(tokens.line)
        self.values_axis.setPen(QColor(0, 0, 0, 0))
        self.set_titles(*self._titles)
        self._crosshair.setPen(pg.mkPen(tokens.muted, width=1))
        pen = QPen(QColor(tokens.muted), 1)
        pen.setCosmetic(True)
        pen.setDashPattern(list(BASELINE_DASHES))
        for line in self._lines.values():
            line.setPen(pen)
            line.label.setColor(tokens.muted)

    def _on_axis(self, value: float) -> float:
        if not self.values_axis.is_log:
            return value if abs(value) < MOST_X else math.nan
        return math.log10(value) if value > 0 and math.isfinite(value) else math.nan

    @Slot(object)
    def _on_mouse_moved(self, position: QPointF) -> None:
        if self.box.sceneBoundingRect().contains(position):
            self.pointed.emit(self.box.mapSceneToView(position).x())
        else:
            self.left.emit()
