"""The plot's own thinning and files beside pyqtgraph's: a redraw after a new point, a zoom, an export.

Run from the repository root: `python -m benchmarks.plotting [--quick] [--json FILE]`; without a screen
it runs offscreen. One curve of noise, whole in view, with a spike beside a step that was not finite, and
a gap of a hundredth: drawn by the lines of sit_studio (`widgets.plot`), and by pyqtgraph's PlotDataItem,
down-sampled to peaks and clipped to the view. Both on the same canvas, by turns; no time stands where
the export fails.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyqtgraph as pg
from pyqtgraph.exporters import ImageExporter, SVGExporter
from PySide6.QtWidgets import QApplication

from benchmarks.table import Effort, Row, alternate, main, row
from sit_studio.models.curve import Curve
from sit_studio.widgets.plot.plot import CurvePlot
from sit_studio.widgets.plot.plot_file import PNG_SCALE

SIZE_PX = (1000, 500)
POINTS = (2_000, 50_000, 200_000)
SPIKE = 50.0
SHOWN = 20.0
"""No noise is so large: where a picture's data have more, the spike was drawn."""


class Drawn(Protocol):
    """A curve on a canvas."""

    canvas: Any

    def add(self, value: float) -> None:
        """One more point, painted."""

    def zoom(self, x0: float, x1: float) -> None:
        """A part in view, painted."""

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """What is handed to Qt."""

    def save(self, path: Path) -> None:
        """As SVG or PNG."""


class Ours:
    """As the Watch page has it."""

    def __init__(self, steps: np.ndarray, values: np.ndarray) -> None:
        self.curve = Curve()
        self.curve.extend(steps, values)
        self.plot = CurvePlot("Loss", "")
        self.plot.resize(*SIZE_PX)
        self.plot.set_curves({"loss": self.curve})
        self.plot.show()
        self.canvas = self.plot._canvas
        self.plot._draw(np.inf)

    def add(self, value: float) -> None:
        self.curve.append(self.curve.steps[-1] + 1, value)
        self.plot._on_changed()
        self.plot._draw(np.inf)
        _paint(self.canvas)

    def zoom(self, x0: float, x1: float) -> None:
        self.plot._is_following = False
        self.canvas.show_x(x0, x1)
        self.plot._has_changed = True
        self.plot._draw(np.inf)
        _paint(self.canvas)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        (line,) = self.plot._lines
        return line.main.getData()  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        (self.plot.save_svg if path.suffix == ".svg" else self.plot.save_png)(path)


class Theirs:
    """pyqtgraph's own ways."""

    def __init__(self, steps: np.ndarray, values: np.ndarray) -> None:
        self.plot = CurvePlot("Loss", "")  # The same axes and colours.
        self.plot.resize(*SIZE_PX)
        self.plot.show()
        self.canvas = self.plot._canvas
        self.steps, self.values = steps, values
        self.item = pg.PlotDataItem(connect="finite", pen=pg.mkPen("#3366cc", width=1))
        self.canvas.plotItem.addItem(self.item, ignoreBounds=True)
        self.item.setDownsampling(
            auto=True, method="peak"
        )  # The plot sets its own when it is added.
        self.item.setClipToView(True)
        self.item.setData(steps, values)
        self.canvas.show_x(steps[0], steps[-1])
        self.canvas.show_y(float(np.nanmin(values)), float(np.nanmax(values)), 0.0, 0.0)

    def add(self, value: float) -> None:
        self.steps = np.append(self.steps, self.steps[-1] + 1)
        self.values = np.append(self.values, value)
        self.item.setData(self.steps, self.values)
        self.canvas.show_x(self.steps[0], self.steps[-1])
        self.canvas.show_y(float(np.nanmin(self.values)), float(np.nanmax(self.values)), 0.0, 0.0)
        _paint(self.canvas)

    def zoom(self, x0: float, x1: float) -> None:
        self.canvas.show_x(x0, x1)
        _paint(self.canvas)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        return self.item.curve.getData()  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        if path.suffix == ".svg":
            SVGExporter(self.canvas.plotItem).export(str(path))
            return
        exporter = ImageExporter(self.canvas.plotItem)
        exporter.parameters()["width"] = PNG_SCALE * SIZE_PX[0]
        exporter.export(str(path))


def measure(effort: Effort) -> list[Row]:
    """Both ways of each size."""
    app = QApplication.instance() or QApplication([])
    rows = []
    for points in POINTS[:1] if effort.quick else POINTS:
        rng = np.random.default_rng(0)
        steps, values = np.arange(points, dtype=np.float64), rng.standard_normal(points)
        values[points // 3 : points // 3 + 2] = SPIKE, np.nan
        values[points // 2 : points // 2 + points // 100] = np.nan
        both: dict[str, Drawn] = {"ours": Ours(steps, values), "pyqtgraph": Theirs(steps, values)}
        rows += _rows(points, both, repeats=3 if effort.quick else 15)
        del both
        app.processEvents()
    return rows


def _rows(points: int, both: dict[str, Drawn], *, repeats: int) -> list[Row]:
    adds = {name: partial(_add, drawn) for name, drawn in both.items()}
    zooms = {name: partial(_zoom, drawn, points) for name, drawn in both.items()}
    found = {"point": alternate(adds, repeats)}
    kept = {name: drawn.data() for name, drawn in both.items()}
    found["zoom"] = alternate(zooms, repeats)
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("svg", "png"):
            file = Path(folder) / f"plot.{kind}"
            saves = {
                name: partial(_save, drawn, file)
                for name, drawn in both.items()
                if _can_save(drawn, file)
            }
            found[kind] = alternate(saves, repeats)
    return [
        row(
            what=name,
            points=points,
            drawn=len(kept[name][0]),
            spike=str(bool(np.nanmax(kept[name][1]) > SHOWN)),
            gap=str(bool(np.isnan(kept[name][1]).any())),
            **{
                f"{work}_ms": 1000 * statistics.median(each[name]) if name in each else None
                for work, each in found.items()
            },
        )
        for name in both
    ]


def _add(drawn: Drawn, repeat: int) -> None:
    drawn.add(repeat % 2)


def _zoom(drawn: Drawn, points: int, repeat: int) -> None:
    """From the whole to a twentieth of it, and back."""
    drawn.zoom(0, points / (1 + repeat % 2 * 19))


def _save(drawn: Drawn, file: Path, _: int) -> None:
    drawn.save(file)


def _can_save(drawn: Drawn, file: Path) -> bool:
    """pyqtgraph 0.14 with Qt 6.11 writes no SVG of a plot at all."""
    try:
        drawn.save(file)
    except ValueError:
        return False
    return True


def _paint(canvas: Any) -> None:
    """At once, into a picture of its own."""
    QApplication.sendPostedEvents()
    canvas.grab()


if __name__ == "__main__":
    main("plotting", __doc__, measure)
