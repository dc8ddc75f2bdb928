"""Accuracy over the time trained: a line for each of the settings compared, a band over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from sit_engine.paths import display_name
from sit_engine.records.studies.comparison import AccuracyCurve
from sit_studio.models.curve import Curve
from sit_studio.widgets.basics import label

if TYPE_CHECKING:
    from sit_studio.widgets.plot.plot import CurvePlot


class AccuracyOverTime(QWidget):
    """The plot is made when it is first shown: pyqtgraph takes a while."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves: tuple[AccuracyCurve, ...] = ()
        self.plot: CurvePlot | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        self.about = label("", "caption", wrap=True)
        column.addWidget(self.about)

    def show_curves(self, curves: Sequence[AccuracyCurve]) -> None:
        """Show the curves of one comparison; none: no run has a reading yet."""
        if tuple(curves) != self.curves:
            self.curves = tuple(curves)
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.plot is None:
            from sit_studio.widgets.plot.plot import CurvePlot

            self.plot = CurvePlot(self.tr("k-NN accuracy"), "%")
            self.plot.set_x_axis("time")
            self.plot.set_empty_text(self.tr("No run has been read yet."))
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.insertWidget(0, self.plot, 1)
        self._draw()

    def _draw(self) -> None:
        if self.plot is None:
            return
        lines = {display_name(one.name): one for one in self.curves}
        self.plot.set_curves({name: _curve(one, one.mean) for name, one in lines.items()})
        self.plot.set_bands(
            {
                name: (_curve(one, one.low), _curve(one, one.high))
                for name, one in lines.items()
                if one.seeds > 1
            }
        )
        self.plot.refresh()
        self.about.setText(
            self.tr(
                "Nearest neighbours on watched images while the runs trained, a mean over seeds; the "
                "band goes from the lowest seed to the highest. The first point is before training."
            )
        )


def _curve(found: AccuracyCurve, shares: Sequence[float]) -> Curve:
    """A curve of percent over seconds."""
    made = Curve()
    made.extend([60 * minutes for minutes in found.minutes], [100 * share for share in shares])
    return made
