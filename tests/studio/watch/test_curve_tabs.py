"""The words over the curves: all of them whole, at every width."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

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
    assert panel.stack.currentIndex() == tabs.shown()[-1]
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
    assert panel.stack.currentIndex() == shown[1]
    for at in (shown[0], shown[-1]):
        QTest.keyClick(panel.log, Qt.Key.Key_Backtab, control | shift)
        assert panel.stack.currentIndex() == at
    assert panel.log.hasFocus()
