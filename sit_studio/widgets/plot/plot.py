"""A plot of curves over steps, epochs or time that follows a run; pages import it lazily."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.models.curve import Curve
from sit_studio.widgets.plot import plot_file
from sit_studio.widgets.plot.axes import XKind, clock
from sit_studio.widgets.plot.canvas import Canvas
from sit_studio.widgets.plot.line_set import LineSet
from sit_studio.widgets.plot.markers import FLAG_PX, Flags, Marker
from sit_studio.widgets.plot.plot_line import Convert, PlotWindow
from sit_studio.widgets.plot.readout import Readout, read

TURN_S = 0.003  # of preparing in one turn of the event loop
PATIENCE_S = 0.1  # then the lines that are ready are shown without the others
VIEW_WAIT_MS = 16
NAME_PX = 24.0
KEY_STEP = 0.01  # of the range in view, a press of an arrow key


class CurvePlot(QWidget):
    """Curves on one pair of axes; `refresh` after they grew, at most ten times a second."""

    zoomed = Signal(bool)  # whether the user looks at a part; new points do not move that

    def __init__(self, title: str, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._unit = title, unit
        self._markers: list[Marker] = []
        self._weight = 0.0
        self._is_following = True
        self._is_in_follow = False
        self._has_changed = True
        self._convert: Convert | None = None
        self._to_epoch: Convert | None = None
        self._pointed_x: float | None = None
        self._shown_s = 0.0
        self._build()
        self._connect()
        self.set_x_axis("step")
        self._on_theme_changed()

    def set_empty_text(self, text: str) -> None:
        """What the plot says while it has no point."""
        self._empty_text = text
        self._on_changed()

    @property
    def is_following(self) -> bool:
        """Whether new points move the range; until the user zooms."""
        return self._is_following

    def set_curves(self, curves: Mapping[str, Curve], exact: Set[str] = frozenset()) -> None:
        """The run's own curves in the order of their colours; items live on by label.

        Those named in `exact` are drawn as they are, whatever the smoothing.
        """
        if self._lines.set_own(curves):
            self._lines.set_exact(exact)
            self._restyle()

    def set_bands(self, bands: Mapping[str, tuple[Curve, Curve]]) -> None:
        """Around curves by their labels: where the truth lies with 95 %, from … to."""
        if self._lines.set_bands(bands):
            self._restyle()

    def set_overlay(
        self, label: str, curve: Curve, dashed: bool = True, *, exact: bool = False
    ) -> None:
        """A curve of another run, drawn after our own."""
        self._lines.set_overlay(label, curve, dashed, exact)
        self._restyle()

    def remove_overlay(self, label: str) -> None:
        if self._lines.remove_overlay(label):
            self._restyle()

    def set_baselines(self, baselines: Mapping[str, float]) -> None:
        """Values to compare with: thin dashed lines across, each with its name."""
        self._canvas.set_baselines(baselines)
        self._on_changed()

    def set_markers(self, markers: Sequence[Marker]) -> None:
        """What happened at which step: flags on the axis."""
        finite = [one for one in markers if math.isfinite(one.step)]
        if finite != self._markers:
            self._markers = finite
            self._place_markers()

    def set_smoothing(self, weight: float) -> None:
        """The moving average's weight, 0 (none) to 0.99."""
        self._weight = min(max(weight, 0.0), 0.99)
        self._readout.set_labels(self._lines.labels, is_smoothed=self._weight > 0)
        self._on_changed()

    def set_log(self, is_log: bool) -> None:
        """A logarithmic value axis; what is not positive is a gap there."""
        self._canvas.values_axis.set_log(is_log)
        self._on_changed()

    def set_x_axis(self, kind: XKind, convert: Convert | None = None) -> None:
        """What runs below; `convert` takes ascending steps to ascending epochs or seconds."""
        self._convert = convert
        if kind == "epoch":
            self._to_epoch = convert
        self._canvas.steps_axis.set_kind(kind)
        names = {"step": self.tr("Step"), "epoch": self.tr("Epoch"), "time": self.tr("Time")}
        beside = f"{self._title} ({self._unit})" if self._unit else self._title
        self._canvas.set_titles(names[kind], beside)
        self._lines.set_convert(convert)
        self._place_markers()
        self.fit()

    def set_epochs(self, to_epoch: Convert | None) -> None:
        """How steps become epochs in the readout and the CSV, whatever runs below."""
        self._to_epoch = to_epoch
        self._on_changed()

    @Slot()
    def fit(self) -> None:
        """Everything in view again, and new points too."""
        if not self._is_following:
            self._is_following = True
            self.zoomed.emit(False)
        self._on_changed()

    @Slot()
    def refresh(self) -> None:
        """Draw what changed; long work goes on in the next turns of the event loop."""
        if self.isVisible():
            self._draw(TURN_S)

    def save_png(self, path: Path) -> None:
        self._draw(math.inf, plot_file.PNG_SCALE)
        plot_file.save_png(path, self._canvas, self._title)
        self._on_changed()

    def save_svg(self, path: Path) -> None:
        self._draw(math.inf, 1.0)
        plot_file.save_svg(path, self._canvas, self._title)
        self._on_changed()

    def save_csv(self, path: Path) -> None:
        """The run's own curves, raw."""
        plot_file.save_csv(path, self._lines.own(), self._to_epoch)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        x0, x1 = self._canvas.box.viewRange()[0]
        key, middle = event.key(), self._pointed_x
        middle = (x0 + x1) / 2 if middle is None else middle
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            way = -1 if key == Qt.Key.Key_Left else 1
            self._on_pointed(min(max(middle + way * (x1 - x0) * KEY_STEP, x0), x1))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            factor = 0.8 if key == Qt.Key.Key_Plus else 1.25
            self._canvas.show_x(middle - (middle - x0) * factor, middle + (x1 - middle) * factor)
            self._on_zoomed_by_hand()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_0):
            self.fit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.tokens().surface))
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.tokens().accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_changed()

    def _build(self) -> None:
        self.setAccessibleName(self._title)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._empty_text = self.tr("The first point appears after the first report.")
        self._readout = Readout()
        self._canvas = Canvas()
        self._flags = Flags(self._canvas.plotItem)
        self._lines = LineSet(self._canvas.plotItem)
        self._empty = QLabel()
        self._empty.setProperty("role", "muted")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout = QGridLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self._readout, 0, 0)
        layout.addWidget(self._canvas, 1, 0)
        layout.addWidget(self._empty, 1, 0)
        layout.setRowStretch(1, 1)
        self.setMinimumSize(240, 160)
        self._rest = QTimer(self, singleShot=True, interval=0)
        self._soon = QTimer(self, singleShot=True, interval=VIEW_WAIT_MS)

    def _connect(self) -> None:
        self._rest.timeout.connect(self.refresh)
        self._soon.timeout.connect(self.refresh)
        self._canvas.pointed.connect(self._on_pointed)
        self._canvas.left.connect(self._on_left)
        self._canvas.fit_asked.connect(self.fit)
        self._canvas.box.sigRangeChangedManually.connect(self._on_zoomed_by_hand)
        self._canvas.box.sigXRangeChanged.connect(self._on_view_changed)
        self._canvas.box.sigResized.connect(self._on_view_changed)
        self._lines.legend.clicked.connect(self._on_legend_clicked)
        theme.notifier().changed.connect(self._on_theme_changed)

    def _place_markers(self) -> None:
        steps = np.array([one.step for one in self._markers], dtype=np.float64)
        self._flags.set_markers(self._markers, self._convert(steps) if self._convert else steps)
        self._on_changed()

    def _restyle(self) -> None:
        self._lines.restyle()
        self._readout.set_labels(self._lines.labels, is_smoothed=self._weight > 0)
        self._on_changed()

    def _draw(self, seconds: float, pen_scale: float | None = None) -> None:
        """Prepare all lines, then show them at once, so that the plot is painted but once."""
        end = time.perf_counter() + seconds
        box = self._canvas.box
        x0, x1 = self._lines.extent() if self._is_following else box.viewRange()[0]
        size, is_log = box.size(), self._canvas.values_axis.is_log
        width, height = round(size.width()), round(size.height())
        scale = pen_scale or self.devicePixelRatioF()
        view = PlotWindow(x0, x1, width, height, self._weight, is_log, scale)
        is_ready, has_changed = self._lines.prepare(view, end)
        self._has_changed |= has_changed
        if not is_ready:
            self._rest.start()
        if self._has_changed and (is_ready or end > self._shown_s + PATIENCE_S):
            self._has_changed = not is_ready
            if self._is_following:
                self._follow(x0, x1)
            self._settle()

    def _follow(self, x0: float, x1: float) -> None:
        if [x0, x1] != self._canvas.box.viewRange()[0]:
            self._is_in_follow = True
            self._canvas.show_x(x0, x1)
            self._is_in_follow = False

    def _settle(self) -> None:
        """Show the lines, then what depends on all: range of values, flags, legend, readout."""
        self._shown_s = time.perf_counter()
        places = self._lines.show()
        self._tell_if_empty(has_points=bool(places))
        baselines = self._canvas.place_baselines()
        places += baselines
        if places:
            foot = FLAG_PX * 1.25 if self._markers else 0.0
            # A baseline's name stands above its line.
            head = NAME_PX if baselines and max(baselines) >= max(places) else 0.0
            head += self._lines.legend.lay_out()
            self._canvas.show_y(min(places), max(places), foot, head)
        (x0, x1), (y0, y1) = self._canvas.box.viewRange()
        self._flags.place(x0, x1, y0, (y1 - y0) / max(self._canvas.box.height(), 1.0))
        self._show_readings()

    def _tell_if_empty(self, *, has_points: bool) -> None:
        has_data = has_points or self._lines.has_data()
        words = "" if has_data else self._empty_text
        is_log = self._canvas.values_axis.is_log
        if has_data and is_log and not has_points and not self._lines.has_positive_data():
            words = self.tr("A logarithmic axis shows only values above zero; there is none.")
        self._empty.setText(words)
        self._empty.setVisible(bool(words))
        self._canvas.show_scales(not words)

    def _show_readings(self) -> None:
        self._canvas.show_crosshair(self._pointed_x)
        found = read(self._lines.by_label(), self._pointed_x, self._weight, self._place)
        self._readout.show_readings(*found)

    def _place(self, step: float, x: float) -> str:
        """The step, epoch or time that the readings are from, in words."""
        is_time = self._canvas.steps_axis.kind == "time"
        if is_time and self._convert is None:
            # Curves over seconds, not over a run's steps.
            return clock(step)
        words = self.tr("step {step}").format(step=count(step))
        if self._to_epoch is not None:
            epoch = float(self._to_epoch(np.array([step]))[0])
            words += " · " + self.tr("epoch {epoch}").format(epoch=f"{epoch:.2f}")
        if self._canvas.steps_axis.kind == "time":
            words += f" · {clock(x)}"
        return words

    def _on_changed(self) -> None:
        self._has_changed = True
        if not self._soon.isActive():
            self._soon.start()

    @Slot()
    def _on_legend_clicked(self) -> None:
        self._on_changed()

    @Slot()
    def _on_view_changed(self) -> None:
        """Redraw before the paint which the view asked for, so that one is enough."""
        if self._is_in_follow:
            return
        if self._is_following:
            self._on_changed()
            return
        self._has_changed = True
        self.refresh()

    @Slot()
    def _on_zoomed_by_hand(self) -> None:
        if self._is_following:
            self._is_following = False
            self.refresh()
            self.zoomed.emit(True)

    @Slot(float)
    def _on_pointed(self, x: float) -> None:
        self._pointed_x = x
        self._show_readings()

    @Slot()
    def _on_left(self) -> None:
        self._pointed_x = None
        self._show_readings()

    @Slot()
    def _on_theme_changed(self) -> None:
        self._canvas.recolour()
        self._flags.recolour()
        self._restyle()
