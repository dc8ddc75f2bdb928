""" "Are these two the same thing to you?": answers become settings, in the real window by keyboard."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.same_settings import (
    COLOURS,
    CROP,
    FLIP,
    PATHS,
    TASK,
    TURN,
    answered,
    chosen,
)
from sit_studio.models.settings_model import SettingsModel
from sit_studio.pages.train.page import TrainPage
from sit_studio.pages.train.same.same_dialog import SameDialog
from tests.studio.conftest import ready, wait


def test_answers_become_settings() -> None:
    model = SettingsModel()
    assert answered(model, "colours", same=False) == {COLOURS: "weak"}
    assert answered(model, "colours", same=True) == {COLOURS: "published"}
    assert answered(model, "mirrored", same=False) == {FLIP: "0"}
    assert answered(model, "half", same=False) == {CROP: "0.6"}
    # The recipe of 2022 asks for no turn anyway; that of 2021 does.
    assert answered(model, "turned", same=True) == {TURN: "0.75"}
    model.choose(recipe="sit2021")
    assert answered(model, "turned", same=True) == {TURN: "0.75", TASK: "0"}
    model.set(TASK, "0")
    assert answered(model, "turned", same=False) == {TURN: "", TASK: ""}
    assert answered(SettingsModel(), "turned", same=False) == {TURN: "0"}
    assert answered(SettingsModel(texts={TASK: "1"}), "turned", same=False) == {TURN: ""}
    # DINO has no such task.
    model.choose(recipe="dino")
    assert answered(model, "turned", same=True) == {TURN: "0.75"}
    assert answered(model, "turned", same=False) == {TURN: "0"}


@pytest.mark.parametrize("recipe", ["sit", "sit2021"])
@pytest.mark.parametrize("same", [True, False])
def test_any_answers_make_settings_that_can_be_used(recipe: str, same: bool) -> None:
    model = SettingsModel()
    model.choose(recipe=recipe)
    for change in ("colours", "mirrored", "turned", "half"):
        for path, text in answered(model, change, same=same).items():
            model.set(path, text)
    checked = model.check(DataFacts(500, 0, 64), DeviceFacts())
    assert checked.failure is None
    assert checked.resolved is not None
    views = checked.resolved.config.method.model_dump()["views"]
    assert (views["flip"], views["crop_scale_min"]) == ((0.5, 0.2) if same else (0.0, 0.6))
    assert (views["brightness"], views["turn"]) == ((0.4, 0.75) if same else (0.3, 0.0))


def test_another_weight_of_the_rotation_task_is_no_answer() -> None:
    assert chosen(SettingsModel(texts={TASK: "1", FLIP: "0"})) == [FLIP]
    assert chosen(SettingsModel(texts={TASK: "0"})) == [TASK]


@pytest.fixture
def unlabelled(sample: tuple[Path, Path], tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, path in enumerate(sorted(sample[0].rglob("*.png"))[::8]):
        shutil.copy(path, folder / f"{number}.png")
    return folder


def train_page(window: MainWindow, qtbot: QtBot, folder: Path) -> TrainPage:
    ready(window, qtbot, folder)
    window.show_page("train")
    wait(qtbot, lambda: window.session.device is not None)
    return window.train


def asked(page: TrainPage, qtbot: QtBot) -> SameDialog:
    """The dialog with its pictures, opened by keyboard."""
    page.same.ask.setFocus()
    QTest.keyClick(page.same.ask, Qt.Key.Key_Space)
    dialog = page.same.findChild(SameDialog)
    assert isinstance(dialog, SameDialog)
    assert not dialog.yes.isEnabled()
    wait(qtbot, lambda: dialog.arrays)
    dialog.activateWindow()
    wait(qtbot, dialog.isActiveWindow)
    return dialog


def press(dialog: SameDialog, qtbot: QtBot, letter: Qt.Key) -> None:
    """As the keyboard sends it: to the window, where the letters of buttons are known."""
    window, place = dialog.windowHandle(), dialog.place
    assert window is not None
    QTest.keyClick(window, letter, Qt.KeyboardModifier.AltModifier)
    wait(qtbot, lambda: not isValid(dialog) or dialog.isHidden() or dialog.place != place, 5000)


def test_without_labels_the_question_comes_first_and_its_answers_stand_in_the_form(
    window: MainWindow, qtbot: QtBot, unlabelled: Path
) -> None:
    page = train_page(window, qtbot, unlabelled)
    first = page.sights.itemAt(0)
    assert first is not None
    assert first.widget() is page.same
    assert "Without a hundred labels" in page.same.about.text()
    assert page.same.forget.isHidden()
    dialog = asked(page, qtbot)
    assert dialog.skip.hasFocus()
    described = []
    for key in (Qt.Key.Key_N, Qt.Key.Key_S, Qt.Key.Key_B, Qt.Key.Key_S, Qt.Key.Key_Y, Qt.Key.Key_N):
        described.append(dialog.pictures.accessibleDescription())
        assert len(dialog.pictures.pairs) == 4
        press(dialog, qtbot, key)
    assert len(set(described)) == 4
    assert page.model.texts == {COLOURS: "weak", TURN: "0.75", CROP: "0.6"}
    assert "weak changes, as you chose" in page.same.values[COLOURS].text()
    assert "of the views, as you chose" in page.same.values[TURN].text()
    assert page.same.values[TASK].isHidden()
    assert page.same.values[FLIP].text().startswith("auto: 50")
    page.form.advanced.make()
    assert page.fields.fields[COLOURS][0].reset.isVisibleTo(page.fields.fields[COLOURS][0])
    assert page.checked.resolved is not None
    assert page.checked.resolved.config.method.model_dump()["views"]["hue"] == 0
    assert "--method.views.colours weak" in page.model.command_line(("x",), "none", None)
    page.same.forget.click()
    assert page.model.texts == {}
    wait(qtbot, lambda: not window.session.asker.is_busy())


def test_a_dialog_that_is_closed_changes_nothing(
    window: MainWindow, qtbot: QtBot, unlabelled: Path
) -> None:
    page = train_page(window, qtbot, unlabelled)
    dialog = asked(page, qtbot)
    press(dialog, qtbot, Qt.Key.Key_N)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert page.model.texts == {}
    wait(qtbot, lambda: not window.session.asker.is_busy())


def test_with_labels_the_measured_reason_stands_there(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    page = train_page(window, qtbot, sample[0])
    first = page.sights.itemAt(0)
    assert first is not None
    assert first.widget() is page.preview
    facts = window.session.dataset.facts
    assert facts is not None
    assert facts.cues is not None
    assert facts.cues.images == 192
    told = f"colour alone tells {100 * facts.cues.colour:.0f} % of 192 labelled images apart"
    assert told in page.same.values[COLOURS].text()
    page.form.advanced.make()
    assert told in page.fields.fields[COLOURS][0].below.text()
    wait(qtbot, lambda: not window.session.asker.is_busy())


def test_what_only_a_run_can_measure_is_shown_as_auto(window: MainWindow, qtbot: QtBot) -> None:
    page = window.train
    facts = DataFacts(5000, 10, 32, 500, 500, labelled=5000)
    page.checked = page.model.check(facts, DeviceFacts())
    page.form.show_checked(page.checked)
    page.same.show_checked(page.checked, facts)
    page.form.advanced.make()
    for path in (COLOURS, FLIP, "method.views.hue"):
        below = page.fields.fields[path][0].below.text()
        assert below == "auto: measured at the start of the run"
    assert page.same.values[COLOURS].text() == "auto: measured at the start of the run"
    # Nothing of it is kept: what is built is what the run gets.
    assert page.checked.resolved is not None
    assert build(page.checked.resolved.config.model_dump()) == page.checked.resolved.config
    assert set(PATHS) <= {item.path for item in page.model.settings()}
