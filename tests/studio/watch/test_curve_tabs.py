"""The words over the curves: all of them whole, at every width."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from sit_studio.models.history import History
from sit_studio.pages.watch.curves_panel import CurvesPanel


def test_where_the_tabs_have_no_room_the_plot_is_chosen_from_a_list(qtbot: QtBot) -> None:
    panel = CurvesPanel()
    qtbot.addWidget(panel)
    tabs, words = panel.tabs, panel.tab_row.list
    panel.resize(1600, 400)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    assert tabs.isVisible()
    assert not words.isVisible()
    for at in tabs.shown():
        assert tabs.tabRect(at).width() > QFontMetrics(tabs.font()).horizontalAdvance(
            tabs.tabText(at)
        )

    airy = tabs.tabRect(0).width()
    tabs.setFocus()
    panel.resize(400, 400)
    assert words.isVisible()
    assert not tabs.isVisible()
    assert words.hasFocus()
    assert [words.itemText(row) for row in range(words.count())] == [
        tabs.tabText(at) for at in tabs.shown()
    ]
    assert words.count() > 5
    QTest.keyClick(words, Qt.Key.Key_End)
    assert panel.tabs.currentIndex() == tabs.shown()[-1]
    assert panel.stack.currentWidget() is panel.plot
    assert words.currentText() == tabs.tabText(tabs.shown()[-1])

    qtbot.wait(10)
    panel.resize(1600, 400)
    assert tabs.hasFocus()
    tabs.setCurrentIndex(tabs.shown()[0])
    # Of the tab in front, which is wider.
    qtbot.waitUntil(lambda: tabs.tabRect(0).width() == airy)
    panel.resize(400, 400)
    assert words.currentText() == tabs.tabText(tabs.shown()[0])


def test_ctrl_tab_turns_them_from_anywhere_in_the_panel(qtbot: QtBot) -> None:
    panel = CurvesPanel()
    qtbot.addWidget(panel)
    panel.resize(1600, 400)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    shown = panel.tabs.shown()
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    panel.log.setFocus()
    QTest.keyClick(panel.log, Qt.Key.Key_Tab, control)
    assert panel.tabs.currentIndex() == shown[1]
    for at in (shown[0], shown[-1]):
        QTest.keyClick(panel.log, Qt.Key.Key_Backtab, control | shift)
        assert panel.tabs.currentIndex() == at
        assert panel.stack.currentWidget() is panel.plot
    assert panel.log.hasFocus()


def test_a_plot_is_made_when_its_tab_first_comes_to_the_front(qtbot: QtBot) -> None:
    """With all that was set before there was one."""
    panel = CurvesPanel()
    qtbot.addWidget(panel)
    own, other = History(), History()
    for history in (own, other):
        history.curve("learning_rate").append(1, 0.5)
        history.version += 1
    panel.show_history(own)
    assert len(panel.plots) == 1
    panel.log.setChecked(True)
    panel.smoothing.setValue(40)
    panel.axis.setCurrentIndex(panel.axis.findData("epoch"))
    panel._add(Path("other"), "other", other)
    number = next(n for n, group in enumerate(panel.groups) if "learning_rate" in group.names)
    panel.tabs.setCurrentIndex(number)
    assert len(panel.plots) == 2
    plot = panel.plots[number]
    assert panel.stack.currentWidget() is panel.plot is plot
    assert plot._weight == 0.4
    assert plot._canvas.values_axis.is_log
    assert plot._convert == own.epoch_of
    assert [name for name in plot._lines.by_label() if name.startswith("other: ")]
    # By Tab it comes after the words over it and before the tools under it.
    assert panel.tab_row.list.nextInFocusChain() is plot
    panel.tabs.setCurrentIndex(
        next(n for n, group in enumerate(panel.groups) if "rank" in group.names)
    )
    assert panel.plot._weight == 0
