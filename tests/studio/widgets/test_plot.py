"""The plot on real Qt, offscreen: items live on, odd data is drawn, files are written."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from sit_studio.look import theme
from sit_studio.models.curve import Curve
from sit_studio.widgets.plot.axes import clock
from sit_studio.widgets.plot.markers import MOST_MARKERS, Marker
from sit_studio.widgets.plot.plot import CurvePlot
from sit_studio.widgets.plot.readout import Readout


def settle(plot: CurvePlot, qtbot: QtBot) -> None:
    """Until nothing is left to draw."""
    plot.refresh()
    qtbot.waitUntil(lambda: not plot._soon.isActive() and not plot._rest.isActive())


@pytest.fixture
def plot(qtbot: QtBot) -> CurvePlot:
    made = CurvePlot("Loss", "nats")
    qtbot.addWidget(made)
    made.resize(640, 320)
    made.show()
    return made


def curve(*values: float) -> Curve:
    made = Curve()
    made.extend(np.arange(len(values)) * 10, values)
    return made


def readout(plot: CurvePlot) -> str:
    (found,) = plot.findChildren(Readout)
    return found.text().replace("\u00a0", " ")


def test_items_are_never_made_anew(plot: CurvePlot, qtbot: QtBot) -> None:
    growing = curve(1, 2)
    plot.set_curves({"a": growing})
    items = plot._canvas.plotItem.items.copy()
    line = plot._lines.by_label()["a"]
    drawn = (line.raw, line.main, line.dots)
    plot.set_smoothing(0.5)
    for step in range(1000):
        growing.append(100 + step, math.sin(step / 50))
        plot.set_curves({"a": growing})
        plot.set_markers([Marker(step, "checkpoint", "")])
        plot.refresh()
    settle(plot, qtbot)
    assert plot._canvas.plotItem.items == items
    assert (line.raw, line.main, line.dots) == drawn
    assert line.main.xData[-1] == 1099


@pytest.mark.parametrize(
    "values",
    [
        (),
        (5.0,),
        (3.0, 3.0, 3.0),
        (math.nan, math.nan),
        (math.nan, 1.0, math.nan),
        (1e300, 1.0, -1e300),
        (1e-300, 2e-300),
        (0.0, 0.0),
        (-1.0, 0.0, 2.0),
        (1e9, 1e9 + 1e-7),
    ],
)
@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.9])
def test_odd_data_is_drawn(
    plot: CurvePlot, qtbot: QtBot, values: tuple[float, ...], is_log: bool, weight: float
) -> None:
    plot.set_log(is_log)
    plot.set_smoothing(weight)
    plot.set_curves({"a": curve(*values)})
    plot.set_baselines({"untrained": 0.5, "none": -1})
    settle(plot, qtbot)
    assert not plot.grab().isNull()


def test_a_single_point_and_a_lone_one_are_dots(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(1, 2, math.nan, 5, math.nan)})
    settle(plot, qtbot)
    assert plot._lines.by_label()["a"].dots.getData()[1].tolist() == [5]


def test_an_empty_plot_says_what_comes(plot: CurvePlot, qtbot: QtBot) -> None:
    growing = Curve()
    plot.set_empty_text("Soon.")
    plot.set_curves({"a": growing})
    settle(plot, qtbot)
    words = [each for each in plot.findChildren(QLabel) if each.text() == "Soon."]
    assert [each.isVisible() for each in words] == [True]
    growing.append(1, 2)
    settle(plot, qtbot)
    assert not words[0].isVisible()


def test_the_readout_gives_step_epoch_and_values(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(*range(200)), "b": curve(0.12345)})
    plot.set_epochs(lambda steps: steps / 100)
    settle(plot, qtbot)
    assert "step 1 990 · epoch 19.90" in readout(plot).replace("\u202f", " ")
    plot._canvas.pointed.emit(501.0)
    assert "step 500 · epoch 5.00" in readout(plot)
    assert "50.0" in readout(plot)
    assert "0.123" in readout(plot)


def test_the_wheel_zooms_and_a_double_click_fits(plot: CurvePlot, qtbot: QtBot) -> None:
    growing = curve(*range(100))
    plot.set_curves({"a": growing})
    settle(plot, qtbot)
    view = plot._canvas.viewport()
    middle = QPointF(view.rect().center())
    with qtbot.waitSignal(plot.zoomed):
        QApplication.sendEvent(view, wheel(middle))
    low, high = plot._canvas.box.viewRange()[0]
    assert 0 < low < high < 990
    growing.append(5000, 1)
    settle(plot, qtbot)
    assert plot._canvas.box.viewRange()[0] == [low, high]
    with qtbot.waitSignal(plot.zoomed):
        QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=middle.toPoint())
    settle(plot, qtbot)
    assert plot._canvas.box.viewRange()[0] == [0, 5000]


def wheel(place: QPointF) -> QWheelEvent:
    return QWheelEvent(
        place,
        place,
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_the_keyboard_moves_the_crosshair_and_zooms(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(*range(100))})
    settle(plot, qtbot)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    assert "step 490" in readout(plot) or "step 480" in readout(plot)
    QTest.keyClick(plot, Qt.Key.Key_Plus)
    assert not plot.is_following
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert plot.is_following


def test_another_axis_converts_points_and_markers(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(*range(11))})
    plot.set_markers([Marker(50, "resume", "")])
    plot.set_x_axis("time", lambda steps: steps * 2)
    settle(plot, qtbot)
    assert plot._lines.by_label()["a"].main.xData[-1] == 200
    assert plot._flags.item.getData()[0].tolist() == [100]
    assert clock(3900).replace("\u202f", " ") == "1:05 h"


def test_flags_are_bounded_and_the_rare_ones_stay(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(*range(2000))})
    many = [Marker(step, "checkpoint", "") for step in range(1000)]
    plot.set_markers([*many, Marker(500.5, "skipped", "not finite")])
    settle(plot, qtbot)
    shown = [spot.data() for spot in plot._flags.item.points()]
    assert len(shown) == MOST_MARKERS
    assert Marker(500.5, "skipped", "not finite") in shown


def test_overlays_and_labels_come_and_go(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(1, 2)})
    plot.set_overlay("other", curve(2, 3), True)
    settle(plot, qtbot)
    assert plot._lines.by_label()["other"].legend_pen().dashPattern()
    plot.remove_overlay("other")
    plot.set_curves({"b": curve(4, 5)})
    settle(plot, qtbot)
    assert plot._lines.labels == ["b"]
    assert len(plot._lines.legend._item.items) == 1


def test_a_million_points_are_drawn_thinned(plot: CurvePlot, qtbot: QtBot) -> None:
    large = Curve()
    large.extend(np.arange(1e6), np.random.default_rng(0).standard_normal(1_000_000))
    plot.set_curves({"a": large})
    plot.set_smoothing(0.9)
    settle(plot, qtbot)
    line = plot._lines.by_label()["a"]
    assert len(line.raw.xData) <= 640
    assert len(line.main.xData) <= 640
    assert not line.prepare(line._view), "nothing changed, nothing is done"


def test_log_of_nothing_positive_is_a_gap(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_log(True)
    plot.set_curves({"a": curve(-1, 0, 100)})
    settle(plot, qtbot)
    np.testing.assert_array_equal(plot._lines.by_label()["a"].main.yData, [math.nan, math.nan, 2])


def test_log_without_a_positive_value_says_so(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_log(True)
    plot.set_curves({"a": curve(-1, -2)})
    settle(plot, qtbot)
    assert any("above zero" in each.text() for each in plot.findChildren(QLabel))
    plot.set_log(False)
    settle(plot, qtbot)
    assert not any("above zero" in each.text() for each in plot.findChildren(QLabel))


def test_a_click_in_the_legend_hides_a_curve(plot: CurvePlot, qtbot: QtBot) -> None:
    plot.set_curves({"a": curve(1, 2), "b": curve(100, 200)})
    settle(plot, qtbot)
    sample = plot._lines.legend._item.items[1][0]
    place = plot._canvas.mapFromScene(sample.mapToScene(sample.boundingRect().center()))
    QTest.mouseClick(plot._canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
    settle(plot, qtbot)
    line = plot._lines.by_label()["b"]
    assert not any(each.isVisible() for each in (line.raw, line.main, line.dots))
    assert plot._canvas.box.viewRange()[1][1] < 3
    assert "b" not in readout(plot).split()


def test_a_change_of_theme_recolours_in_place(plot: CurvePlot, qtbot: QtBot) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    plot.set_curves({"a": curve(1, 2)})
    items = plot._canvas.plotItem.items.copy()
    try:
        for choice in ("dark", "light"):
            theme.apply(application, choice)
            settle(plot, qtbot)
            assert plot._lines.by_label()["a"].colour.upper() == theme.tokens().series[0]
    finally:
        theme.apply(application, "light")
    assert plot._canvas.plotItem.items == items


def test_files_hold_the_plot_and_the_raw_points(plot: CurvePlot, tmp_path: Path) -> None:
    plot.set_curves({"a": curve(1, math.nan, 3), "b": curve(0.5)})
    plot.set_epochs(lambda steps: steps / 10)
    plot.set_smoothing(0.9)
    plot.save_png(tmp_path / "ü.png")
    plot.save_svg(tmp_path / "a.svg")
    plot.save_csv(tmp_path / "a.csv")
    assert QImage(str(tmp_path / "ü.png")).width() > 640
    assert "Loss" in (tmp_path / "a.svg").read_text("utf-8")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["step", "epoch", "a", "b"]
    assert rows[1:] == [["0", "0", "1.0", "0.5"], ["10", "1", "", ""], ["20", "2", "3.0", ""]]


def test_the_legend_takes_the_colours_of_the_theme(
    plot: CurvePlot, qtbot: QtBot, qapp: QApplication
) -> None:
    plot.set_curves({"first": curve(1, 2), "second": curve(2, 3)})
    settle(plot, qtbot)
    names = [name for _, name in plot._lines.legend._item.items]
    try:
        theme.apply(qapp, "dark")
        dark = theme.tokens().text.lower()
        assert all(dark in name.item.toHtml().lower() for name in names)
    finally:
        theme.apply(qapp, "light")
    assert all(theme.tokens().text.lower() in name.item.toHtml().lower() for name in names)


def test_a_band_follows_its_curve_and_goes_with_it(plot: CurvePlot, qtbot: QtBot) -> None:
    middle, low, high = curve(50, 60, 55), curve(40, 50, 45), curve(60, 70, 65)
    plot.set_curves({"k-NN": middle})
    plot.set_bands({"k-NN": (low, high)})
    settle(plot, qtbot)
    bottom, top = plot._canvas.box.viewRange()[1]
    assert bottom <= 40
    assert top >= 70
    items = len(plot._canvas.plotItem.items)
    for one, value in ((middle, 70), (low, 60), (high, 90)):
        one.append(30, value)
    plot.set_bands({"k-NN": (low, high)})
    settle(plot, qtbot)
    assert plot._canvas.box.viewRange()[1][1] >= 90
    assert len(plot._canvas.plotItem.items) == items
    plot.set_curves({"loss": curve(1, 2)})
    settle(plot, qtbot)
    assert plot._canvas.box.viewRange()[1][1] < 10
    assert len(plot._canvas.plotItem.items) < items


@pytest.mark.parametrize("width", [320, 400, 900])
def test_the_legend_covers_no_curve(plot: CurvePlot, qtbot: QtBot, width: int) -> None:
    """Curves that fill all corners of the plot, some of them with long names."""
    plot.resize(width, 420)
    for number, name in enumerate(("contrast", "reconstruction", "total", "of another run")):
        plot.set_overlay(name, curve(*[(step + number) % 5 for step in range(60)]))
    plot.set_baselines({"untrained": 4.0})
    settle(plot, qtbot)
    legend, box = plot._lines.legend._item, plot._canvas.box
    lowest = legend.mapRectToParent(legend.boundingRect()).bottom()
    highest = max(float(np.nanmax(line.main.yData)) for line in plot._lines)
    top = box.mapFromView(QPointF(0, highest)).y()
    assert legend.isVisible()
    assert lowest <= top
    wide = legend.mapRectToParent(legend.boundingRect())
    assert wide.left() >= -1
    # Most of the plot is left for the curves.
    assert top < box.height() / 2
    # It stays as it is, however often it is laid out.
    height = plot._lines.legend.lay_out()
    assert [plot._lines.legend.lay_out() for _ in range(4)] == [height] * 4
