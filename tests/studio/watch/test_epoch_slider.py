"""The slider keeps the user's step, or follows the newest."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from sit_studio.pages.watch.epoch_slider import EpochSlider


def to_epoch(step: int) -> float:
    return step / 375


@pytest.fixture
def slider(qtbot: QtBot) -> EpochSlider:
    made = EpochSlider()
    qtbot.addWidget(made)
    made.show()
    made.set_steps([100, 200, 1200], to_epoch)
    return made


def test_it_follows_the_newest_from_the_start(slider: EpochSlider, qtbot: QtBot) -> None:
    assert slider.step == 1200
    with qtbot.waitSignal(slider.step_chosen) as heard:
        slider.set_steps([100, 200, 1200, 1600], to_epoch)
    assert heard.args == [1600]


def test_it_says_where_it_is(slider: EpochSlider) -> None:
    words = [each.text().replace("\u202f", " ") for each in slider.findChildren(QLabel)]
    assert words == ["epoch 3.2 · step 1 200"]


def test_a_choice_of_the_user_stays(slider: EpochSlider, qtbot: QtBot) -> None:
    with qtbot.waitSignal(slider.step_chosen) as heard:
        QTest.mouseClick(slider._buttons["previous"], Qt.MouseButton.LeftButton)
    assert heard.args == [200]
    assert not slider.is_following
    with qtbot.assertNotEmitted(slider.step_chosen):
        slider.set_steps([50, 100, 200, 1200, 1600], to_epoch)
    assert slider.step == 200


def test_a_step_that_went_gives_way_to_the_next(slider: EpochSlider, qtbot: QtBot) -> None:
    slider._buttons["first"].click()
    with qtbot.waitSignal(slider.step_chosen):
        slider.set_steps([150, 200], to_epoch)
    assert slider.step == 150


def test_following_again_goes_to_the_newest(slider: EpochSlider, qtbot: QtBot) -> None:
    slider._buttons["first"].click()
    with qtbot.waitSignal(slider.step_chosen) as heard:
        slider._follow.click()
    assert heard.args == [1200]


def test_the_keyboard_scrubs(slider: EpochSlider, qtbot: QtBot) -> None:
    for key, step in ((Qt.Key.Key_Left, 200), (Qt.Key.Key_Home, 100), (Qt.Key.Key_End, 1200)):
        QTest.keyClick(slider._slider, key)
        assert slider.step == step


def test_nothing_to_choose(slider: EpochSlider) -> None:
    slider.set_steps([], to_epoch)
    assert slider.step is None
    assert not any(button.isEnabled() for button in slider._buttons.values())
    slider.set_steps([5], to_epoch)
    assert slider.step == 5
