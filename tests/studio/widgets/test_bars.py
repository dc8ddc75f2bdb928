"""Class bars and sparklines: many rows stay cheap, odd values are drawn."""

from __future__ import annotations

import math
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from sit_studio.pages.runs.sparkline import paint_sparkline
from sit_studio.widgets.bars import BarList, _BarDelegate


@pytest.fixture
def bars(qtbot: QtBot) -> BarList:
    made = BarList()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def test_rows_come_as_given(bars: BarList) -> None:
    bars.set_counts([("b", 1), ("a", 1200), ("c", 5)])
    assert names(bars) == ["b", "a", "c"]
    tip = bars.model().index(1, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.replace("\u202f", " ") == "a: 1 200"


def names(bars: BarList) -> list[str]:
    model = bars.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_of_ten_thousand_classes_only_those_in_sight_are_painted(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[int] = []
    paint = _BarDelegate.paint

    def counting(self: _BarDelegate, painter: QPainter, option: Any, index: Any) -> None:
        painted.append(index.row())
        paint(self, painter, option, index)

    monkeypatch.setattr(_BarDelegate, "paint", counting)
    bars = BarList()
    qtbot.addWidget(bars)
    bars.resize(400, 300)
    bars.set_counts([(f"class {number}" * 9, number) for number in range(10_000)])
    bars.grab()
    bars.scrollToBottom()
    bars.grab()
    assert 0 in painted
    assert 9_999 in painted
    assert len(set(painted)) < 50


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
