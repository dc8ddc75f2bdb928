"""The real window in all hands: keys, names, wheel, colours, numbers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from sit_studio.frame.dialogs import KeysDialog, SettingsDialog
from sit_studio.frame.main_window import MainWindow
from sit_studio.look import theme
from tests.studio.conftest import wait


def visit_all(window: MainWindow) -> list[QWidget]:
    """Show every page once, with all that can unfold; gives all widgets."""
    for page in window.pages:
        window.show_page(page)
        QTest.qWait(5)
    window.train.form.advanced.show_fields(True)
    return window.findChildren(QWidget)


@pytest.fixture
def full(window: MainWindow, qtbot: QtBot, finished_run: Path) -> MainWindow:
    """With a run open and Watch built."""
    window.session.open_run(finished_run)
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    wait(qtbot, lambda: window.session.history.state == "completed")
    return window


def test_every_page_opens_by_its_key(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.waitActive(window)
    for number, page in enumerate(window.pages.values(), start=1):
        key = Qt.Key(Qt.Key.Key_0.value + number)
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.stack.currentWidget() is page


@pytest.mark.parametrize(
    ("key", "modifier", "kind"),
    [
        (Qt.Key.Key_F1, Qt.KeyboardModifier.NoModifier, KeysDialog),
        (Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier, SettingsDialog),
    ],
)
def test_a_dialog_opens_by_its_key_and_closes_before_anything_is_answered(
    window: MainWindow,
    qtbot: QtBot,
    key: Qt.Key,
    modifier: Qt.KeyboardModifier,
    kind: type[QWidget],
) -> None:
    window.activateWindow()
    qtbot.waitActive(window)
    QTest.keyClick(window, key, modifier)
    (dialog,) = window.findChildren(kind)
    assert dialog.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    wait(qtbot, lambda: not window.findChildren(kind))
    wait(qtbot, lambda: not window.session.asker.is_busy())


def name_of(widget: QWidget) -> str:
    """As a screen reader hears it."""
    found = QAccessible.queryAccessibleInterface(widget)
    return found.text(QAccessible.Text.Name) if found is not None else ""


def test_whatever_takes_the_focus_has_a_name(full: MainWindow) -> None:
    kinds = (
        QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QSlider, QAbstractItemView,
        QPlainTextEdit,
    )  # fmt: skip
    dialog = SettingsDialog(full.session, full)
    dialog.open()
    found = [
        widget
        for widget in visit_all(full)
        if isinstance(widget, kinds)
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        # Parts that Qt makes itself: a spin box's editor, the list of a combo box.
        and not isinstance(widget.parent(), (QAbstractSpinBox, QComboBox))
        and not widget.objectName().startswith("qt_")
        and widget.window() in (full, dialog)
    ]
    assert len(found) > 80
    nameless = [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for widget in found
        if not name_of(widget).strip()
    ]
    assert not nameless
    dialog.reject()


def test_the_wheel_changes_no_value(full: MainWindow) -> None:
    values: list[tuple[QWidget, Callable[[], object]]] = []
    for widget in visit_all(full):
        if isinstance(widget, QComboBox):
            values.append((widget, widget.currentIndex))
        elif isinstance(widget, QAbstractSpinBox):
            values.append((widget, widget.text))
        elif isinstance(widget, QSlider):
            values.append((widget, widget.value))
    assert len(values) > 10
    for widget, value in values:
        before = value()
        widget.setFocus()
        for turn in (120, -240):
            event = QWheelEvent(
                QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, turn), Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(widget, event)
        assert value() == before, widget.accessibleName()


def test_the_colours_change_with_all_pages_open(full: MainWindow) -> None:
    visit_all(full)
    dialog = SettingsDialog(full.session, full)
    dialog.open()
    try:
        for choice in ("dark", "light"):
            dialog.theme.setCurrentIndex(dialog.theme.findData(choice))
            for page in full.pages:
                full.show_page(page)
                QTest.qWait(1)
            assert (theme.tokens().ground < "#8") == (choice == "dark")
            assert full.session.preferences.text("look/theme") == choice
    finally:
        dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
        dialog.accept()


def test_made_without_the_style_sheet_the_window_looks_as_if_made_in_it(
    open_new: Callable[[], MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures: list[list[QImage]] = []
    for dressed in (False, True):
        if dressed:
            monkeypatch.setattr(theme, "undressed", lambda _: nullcontext())
        window = open_new()
        assert QApplication.instance().styleSheet()  # type: ignore[union-attr]
        pictures.append([])
        for page in window.pages:
            window.show_page(page)
            QTest.qWait(5)
            pictures[-1].append(window.pages[page].grab().toImage())
    assert pictures[0] == pictures[1]


def test_numbers_have_a_point_whatever_the_locale(
    open_new: Callable[[], MainWindow],
) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    try:
        window = open_new()
        window.show_page("train")
        window.train.form.advanced.show_fields(True)
        for path, text in (
            ("method.corruption.drop_share", "0.25"),
            ("optim.weight_decay", "0.05"),
        ):
            for field in window.train.fields.fields[path]:
                assert isinstance(field.editor, QLineEdit)
                field.editor.clear()
                QTest.keyClicks(field.editor, text)
            assert window.train.model.texts[path] == text
        assert window.train.checked.failure is None
        for field in window.train.fields.fields["optim.weight_decay"]:
            QTest.keyClicks(field.editor, ",5")
            assert "0.05,5" in field.below.text()
        sliders = [
            field.slider for field in window.train.fields.fields["method.corruption.drop_share"]
        ]
        for slider in sliders:
            if slider is not None:
                slider.setValue(50)
        assert "," not in window.train.model.texts["method.corruption.drop_share"]
    finally:
        QLocale.setDefault(before)


def test_no_button_is_pressed_by_enter_in_a_field(window: MainWindow) -> None:
    """Only a dialog has a default button; a page must not start what nobody pressed."""
    assert not [made for made in window.findChildren(QPushButton) if made.isDefault()]
