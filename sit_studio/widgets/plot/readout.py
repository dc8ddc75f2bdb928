"""The line of figures above a plot: values under the crosshair, else the newest; and the legend."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyleOptionGraphicsItem, QWidget

from sit_studio.look import theme
from sit_studio.look.words import figure
from sit_studio.widgets.plot.plot_line import PlotLine

MOST_LINES = 3
MARGIN_PX, GAP_PX, SAMPLE_PX = 8, 12, 28
MOST_SHARE = 0.35
"""Of a plot's height, for the names of its curves."""
NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class PlotReading:
    """One figure of the readout."""

    label: str
    value: str
    colour: str


class Readout(QLabel):
    """Figures in a fixed place, with room kept for as many lines as the labels need."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self._labels: tuple[str, ...] = ()
        self._keep_room()

    def set_labels(self, labels: Sequence[str], *, is_smoothed: bool) -> None:
        self._labels = tuple(
            f"{label} 0.000 (0.000)  " if is_smoothed else label for label in labels
        )
        self._keep_room()

    def show_readings(self, place: str, readings: Sequence[PlotReading]) -> None:
        muted = theme.tokens().muted
        parts = [f'<span style="color:{muted}">{_solid(place)}</span>'] if place else []
        parts += [
            f'<span style="color:{each.colour}">■</span>{NO_BREAK}'
            f'<span style="color:{muted}">{_solid(each.label)}</span>{NO_BREAK}'
            f"{_solid(each.value)}"
            for each in readings
        ]
        self.setText(f"{NO_BREAK * 2} ".join(parts))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_room()

    def _keep_room(self) -> None:
        """A height that does not follow the figures, so that the plot stands still."""
        metrics = self.fontMetrics()
        texts = [
            "step 000 000 · epoch 000.00",
            *(f"■ {label} 0.000000  " for label in self._labels),
        ]
        wide = sum(metrics.horizontalAdvance(text) for text in texts)
        lines = min(max(-(-wide // max(self.width() - 16, 1)), 1), MOST_LINES)
        self.setFixedHeight(lines * metrics.lineSpacing() + 3)


def read(
    lines: Mapping[str, PlotLine],
    x: float | None,
    weight: float,
    place: Callable[[float, float], str],
) -> tuple[str, list[PlotReading]]:
    """Where and what the curves are at x, or at their newest points: raw, then smoothed."""
    readings = []
    words = ""
    for label, line in lines.items():
        index = line.nearest(x)
        if index is None or not line.main.isVisible():
            continue
        words = words or place(float(line.curve.steps[index]), float(line.x()[index]))
        value = figure(float(line.curve.values[index]))
        if weight and not line.is_exact:
            value += f" ({figure(float(line.curve.smoothed(weight)[index]))})"
        readings.append(PlotReading(label, value, line.colour))
    return words, readings


class Sample(pg.ItemSample):  # type: ignore[misc]
    """A stroke in a curve's colour and dash, beside its name."""

    def __init__(self, item: pg.PlotCurveItem) -> None:
        super().__init__(item)
        self.pen = QPen()
        self.setFixedHeight(16)
        self.setFixedWidth(SAMPLE_PX)

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, 28, 16)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.item.isVisible():
            painter.setPen(self.pen)
            painter.drawLine(0, 8, 24, 8)
        else:
            painter.setPen(QPen(QColor(theme.tokens().muted), 1))
            painter.drawEllipse(QRectF(8, 4, 8, 8))


class PlotLegend:
    """Names of the curves above them all; a click hides a curve."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._view = plot.vb
        self._item = pg.LegendItem(sampleType=Sample, verSpacing=-8, labelTextSize="12px")
        self._item.setParentItem(plot.vb)
        self.clicked = self._item.sigSampleClicked
        self.clicked.connect(self._on_sample_clicked)
        self._lines: dict[str, PlotLine] = {}
        self._item.anchor(itemPos=(1, 0), parentPos=(1, 0), offset=(-MARGIN_PX, MARGIN_PX // 2))

    def add(self, label: str, line: PlotLine) -> None:
        self._lines[label] = line
        self._item.addItem(line.main, html.escape(label))

    def remove(self, label: str) -> None:
        self._item.removeItem(self._lines.pop(label).main)

    def recolour(self) -> None:
        tokens = theme.tokens()
        self._item.setBrush(QColor(tokens.surface))
        self._item.setPen(None)
        self._item.setLabelTextColor(tokens.text)
        pens = {line.main: line.legend_pen() for line in self._lines.values()}
        for sample, name in self._item.items:
            sample.pen = pens[sample.item]
            sample.update()
            # pyqtgraph keeps the new colour, but draws it only with the next text.
            name.setText(name.text)

    def lay_out(self) -> float:
        """Lay the names out in columns above the curves; gives the pixels that are to be left free."""
        has_data = any(np.isfinite(line.low) for line in self._lines.values())
        if not has_data or len(self._lines) < 2:
            self._item.setVisible(False)
            return 0.0
        # Not the width that the cells have now, which follows from the columns there were.
        widest = SAMPLE_PX + max(name.item.boundingRect().width() for _, name in self._item.items)
        room = self._view.boundingRect().width() - 2 * MARGIN_PX
        fitting = max(1, int(room // (widest + GAP_PX)))
        self._item.setColumnCount(min(fitting, len(self._lines)))
        wanted = float(self._item.boundingRect().height()) + MARGIN_PX
        # A low plot is for the curves; their names and colours stand in the line of figures above it,
        # but for those that were hidden, which only a click here brings back.
        is_low = wanted > MOST_SHARE * self._view.boundingRect().height()
        some_hidden = any(not line.main.isVisible() for line in self._lines.values())
        self._item.setVisible(some_hidden or not is_low)
        return wanted if self._item.isVisible() else 0.0

    def _on_sample_clicked(self, item: pg.PlotCurveItem) -> None:
        for line in self._lines.values():
            if line.main is item:
                line.set_visible(item.isVisible())


def _solid(text: str) -> str:
    return html.escape(text).replace(" ", NO_BREAK)
