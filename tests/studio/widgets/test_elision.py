"""Names in too little room: the longest one that has its room is whole, and those that differ look so."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QFontMetricsF, QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from sit_studio.pages.evaluate.scores import Bar, Bars
from sit_studio.widgets import elision
from sit_studio.widgets.bars import BarList, _BarDelegate
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.elision import ShortNames, full_px, short_names

NAMES = ("tissue", "t-n", "iiiiiii", "Tomato leaf early", "terracotta", "WWWWWW")


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_class_name_is_painted_whole(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    painted: list[str] = []
    short = _BarDelegate.short

    def hearing(self: _BarDelegate, of: str, room: int) -> str:
        painted.append(short(self, of, room))
        return painted[-1]

    monkeypatch.setattr(_BarDelegate, "short", hearing)
    bars = BarList()
    qtbot.addWidget(bars)
    bars.resize(600, 200)
    bars.set_counts([(name, 12), ("a", 3)])
    # Another font than the one that was measured in: as when a style sheet comes later.
    font = bars.font()
    font.setPixelSize(font.pixelSize() + 4)
    bars.setFont(font)
    bars.grab()
    assert set(painted) == {name, "a"}


@pytest.mark.parametrize("name", ["from imagenet-21k", "vit_small_patch16", "Tomato leaf early"])
def test_the_longest_name_of_scores_is_painted_whole(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    painted: list[str] = []

    def hearing(font: Any, text: str, width: float) -> str:
        painted.append(elision.short(font, text, width))
        return painted[-1]

    monkeypatch.setattr("sit_studio.pages.evaluate.scores.short", hearing)
    bars = Bars([Bar(name, 0.5, 0.1, is_ours=True)])
    qtbot.addWidget(bars)
    bars.grab()
    assert painted == [name]


RUNS = [f"2026-11-29_09{minute}36_train_pretrain" for minute in (20, 21, 45)]
BLIGHT = [f"Tomato leaf with {kind} blight (lower side)" for kind in ("early", "late")]


@pytest.mark.parametrize(
    "names", [RUNS, BLIGHT, ["leaf-of-a-tree-quick-first", "leaf-of-a-tree-quick-second"]]
)
def test_names_that_differ_look_different_and_fit(qapp: QApplication, names: list[str]) -> None:
    font = qapp.font()
    for width in (96, 128, 160):
        found = short_names(font, names, width)
        assert len(set(found.values())) == len(names)
        metrics = QFontMetricsF(font)
        assert all(metrics.horizontalAdvance(text) <= width for text in found.values())


def test_names_that_fit_stay_whole_and_ten_thousand_are_not_compared(qapp: QApplication) -> None:
    font = qapp.font()
    assert short_names(font, RUNS, full_px(font, RUNS)) == {name: name for name in RUNS}
    many = ShortNames([f"class {number}" for number in range(10_000)])
    assert many.of("class 7", font, 200) == "class 7"
    assert not many._found


def test_a_choice_too_long_for_its_box_loses_its_middle_and_is_told_whole(qtbot: QtBot) -> None:
    box = Choice()
    qtbot.addWidget(box)
    box.addItems(["Run 2026-11-29_092036_train_pretrain", "Run short"])
    box.resize(160, 32)
    box.show()
    text = box.shown_text()
    assert "…" in text
    assert (text[:3], text[-5:]) == ("Run", "train")
    at = box.rect().center()
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, at, box.mapToGlobal(at)))
    assert QToolTip.text() == box.currentText()
    QToolTip.hideText()
    box.setCurrentIndex(1)
    assert box.shown_text() == "Run short"
    assert not box.grab().isNull()
