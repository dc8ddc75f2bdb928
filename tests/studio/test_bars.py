"""Class bars and sparklines: many rows stay cheap, odd values are drawn."""

from __future__ import annotations

import math
import time

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from sit_studio.widgets.bars import BarList
from sit_studio.widgets.sparkline import paint_sparkline


@pytest.fixture
def bars(qtbot: QtBot) -> BarList:
    made = BarList()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def test_rows_come_as_given_or_largest_first(bars: BarList) -> None:
    bars.set_counts([("b", 1), ("a", 1200), ("c", 5)])
    assert names(bars) == ["b", "a", "c"]
    bars.set_sorted_by_count(True)
    assert names(bars) == ["a", "c", "b"]
    tip = bars.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.replace("\u202f", " ") == "a: 1 200"


def names(bars: BarList) -> list[str]:
    model = bars.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_ten_thousand_classes_are_quick(bars: BarList) -> None:
    start = time.thread_time()
    bars.set_counts([(f"class {number}" * 9, number) for number in range(10_000)])
    bars.grab()
    bars.scrollToBottom()
    bars.grab()
    assert time.thread_time() - start < 0.5


def test_no_class_and_empty_classes_are_fine(bars: BarList) -> None:
    for counts in ([], [("none", 0)]):
        bars.set_counts(counts)
        assert not bars.grab().isNull()


@pytest.mark.parametrize(
    "values", [[], [math.nan], [1.0], [2.0, 2.0], [1e300, 1.0], [1.0, math.nan, 2.0, 3.0]]
)
def test_odd_sparklines_are_drawn(qtbot: QtBot, values: list[float]) -> None:
    image = QImage(100, 30, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    paint_sparkline(painter, QRect(0, 0, 100, 30), values, "#0F6E84")
    painter.end()
    is_drawn = any(image.pixel(x, y) != 0xFFFFFFFF for x in range(100) for y in range(30))
    assert is_drawn == any(abs(value) < 1e30 for value in values)
