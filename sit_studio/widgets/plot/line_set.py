"""All lines of one plot: the run's own and those of other runs, in the order of their colours."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Set

import numpy as np
import pyqtgraph as pg

from sit_studio.look import theme
from sit_studio.models.curve import Curve
from sit_studio.widgets.plot.band import Band
from sit_studio.widgets.plot.dashes import DASHES
from sit_studio.widgets.plot.plot_line import Convert, PlotLine, PlotWindow
from sit_studio.widgets.plot.readout import PlotLegend

OVERLAY_DASHES = (4.0, 3.0)


class LineSet:
    """Lines by label; one lives as long as its label stays."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.legend = PlotLegend(plot)
        self._plot = plot
        self._lines: dict[str, PlotLine] = {}
        self._overlays: dict[str, bool] = {}  # which of the lines are of other runs: dashed?
        self._bands: dict[str, Band] = {}
        self._convert: Convert | None = None
        self._view: PlotWindow | None = None
        self._turn = 0

    def __iter__(self) -> Iterator[PlotLine]:
        return iter(self._lines.values())

    def by_label(self) -> Mapping[str, PlotLine]:
        return self._lines

    @property
    def labels(self) -> list[str]:
        """The labels in the order of their colours: our own first."""
        return [*self.own(), *self._overlays]

    def own(self) -> dict[str, Curve]:
        return {one: line.curve for one, line in self._lines.items() if one not in self._overlays}

    def set_own(self, curves: Mapping[str, Curve]) -> bool:
        """False when these stand there already."""
        own = self.own()
        if list(own) == list(curves) and all(own[one] is curves[one] for one in own):
            return False
        for label in [one for one in own if one not in curves]:
            self._remove(label)
        for label, curve in curves.items():
            self._overlays.pop(label, None)
            self._put(label, curve)
        # Dictionaries keep the order of arrival; colours follow the order asked for.
        self._lines = {one: self._lines[one] for one in [*curves, *self._overlays]}
        return True

    def set_exact(self, labels: Set[str]) -> None:
        """Which of our own lines are never smoothed."""
        for label in self.own():
            self._lines[label].is_exact = label in labels

    def set_bands(self, bands: Mapping[str, tuple[Curve, Curve]]) -> bool:
        """Lower and upper curve around some of our lines; False when these stand there already."""
        if {label: band.ends for label, band in self._bands.items()} == dict(bands):
            return False
        for band in self._bands.values():
            band.remove()
        self._bands = {label: Band(self._plot, *ends) for label, ends in bands.items()}
        return True

    def set_overlay(self, label: str, curve: Curve, is_dashed: bool, is_exact: bool) -> None:
        self._overlays[label] = is_dashed
        self._put(label, curve)
        self._lines[label].is_exact = is_exact

    def remove_overlay(self, label: str) -> bool:
        """False when there is none of that name."""
        if self._overlays.pop(label, None) is None:
            return False
        self._remove(label)
        return True

    def set_convert(self, convert: Convert | None) -> None:
        self._convert = convert
        for line in self:
            line.set_convert(convert)

    def restyle(self) -> None:
        colours = theme.tokens().series
        for index, label in enumerate(self.labels):
            dashes = DASHES[index % len(DASHES)]
            if label in self._overlays:
                dashes = OVERLAY_DASHES if self._overlays[label] else ()
            self._lines[label].set_style(colours[index % len(colours)], dashes)
        for label, band in self._bands.items():
            band.set_colour(self._lines[label].colour)
        self.legend.recolour()

    def extent(self) -> tuple[float, float]:
        """The range from the first point of all to the last, and never nothing."""
        ends = [(x[0], x[-1]) for x in (line.x() for line in self) if len(x)]
        x0 = float(min((end[0] for end in ends), default=0.0))
        x1 = float(max((end[1] for end in ends), default=1.0))
        return (x0, x1) if x1 > x0 else (x0 - 0.5, x0 + 0.5)

    def prepare(self, view: PlotWindow, end_s: float) -> tuple[bool, bool]:
        """Whether all are ready, and whether one had to be; stops in the midst at `end_s`.

        Each call begins where the last one stopped: no line waits for ever.
        """
        lines = list(self)
        self._view = view
        has_changed = False
        for number in range(len(lines)):
            self._turn = (self._turn + 1) % len(lines)
            has_changed |= lines[self._turn].prepare(view)
            if time.perf_counter() > end_s and number < len(lines) - 1:
                return False, has_changed
        return True, has_changed

    def show(self) -> list[float]:
        """Draw what is ready; the least and greatest values in view, if any."""
        for line in self:
            line.show()
        shown = [line for line in self if line.main.isVisible()]
        places = [place for line in shown for place in (line.low, line.high)]
        for label, band in self._bands.items():
            is_shown = self._lines[label] in shown
            if self._view is not None:
                places += band.show(self._view, self._convert, is_shown=is_shown)
        return [place for place in places if math.isfinite(place)]

    def has_data(self) -> bool:
        return any(np.isfinite(line.curve.values).any() for line in self)

    def has_positive_data(self) -> bool:
        return any((line.curve.values > 0).any() for line in self)

    def _put(self, label: str, curve: Curve) -> None:
        if label in self._lines:
            self._lines[label].set_curve(curve)
            return
        self._lines[label] = PlotLine(self._plot, curve, self._convert)
        self.legend.add(label, self._lines[label])

    def _remove(self, label: str) -> None:
        self.legend.remove(label)
        self._lines.pop(label).remove()
        if label in self._bands:
            self._bands.pop(label).remove()
