"""The keyboard stays where the user left it, and never on what would end a run."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import ready, wait
from tests.studio.watch.test_buttons import fill_form

SPACE = Qt.Key.Key_Space


def focused(window: MainWindow) -> object:
    """What a key would go to."""
    QApplication.processEvents()
    return window.focusWidget()


def test_space_after_start_pause_and_resume_ends_nothing(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.session.preferences.set("engine/way", "this")
    ready(window, qtbot, sample[0])
    window.show_page("train")
    fill_form(window)
    window.activateWindow()
    window.train.start_button.setFocus()
    QTest.keyClick(window.train.start_button, SPACE)
    history, page = window.session.history, window.watch
    assert focused(window) is page
    QTest.keyClick(window.focusWidget(), SPACE)
    assert not history.asked
    wait(qtbot, lambda: history.state == "training")
    assert focused(window) is page
    page.pause.setFocus()
    QTest.keyClick(page.pause, SPACE)
    assert str(history.asked) == "pause"
    assert focused(window) is page
    wait(qtbot, lambda: history.state == "paused")
    page.resume.setFocus()
    QTest.keyClick(page.resume, SPACE)
    assert history.is_live
    assert focused(window) is page
    QTest.keyClick(window.focusWidget(), SPACE)
    assert not history.asked
    wait(qtbot, lambda: history.state == "training")
    page.checkpoint.setFocus()
    QTest.keyClick(page.checkpoint, SPACE)
    wait(qtbot, lambda: not history.asked)
    wait(qtbot, lambda: focused(window) is page.checkpoint)
    window.session.command("stop")
    wait(qtbot, lambda: history.state == "stopped")


def test_the_keys_of_the_pages_take_the_focus_along(window: MainWindow) -> None:
    window.activateWindow()
    for number, key in enumerate(window.pages, start=1):
        QTest.keyClick(window.focusWidget() or window, Qt.Key(Qt.Key.Key_0 + number),
                       Qt.KeyboardModifier.ControlModifier)  # fmt: skip
        assert window.stack.currentWidget() is window.pages[key]
        assert focused(window) is window.pages[key]


def test_who_walks_along_the_rail_stays_there(window: MainWindow) -> None:
    window.activateWindow()
    train = window.rail._buttons["train"]
    train.setFocus()
    QTest.keyClick(train, SPACE)
    assert window.stack.currentWidget() is window.train
    assert focused(window) is train
