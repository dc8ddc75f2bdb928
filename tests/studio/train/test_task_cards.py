"""The tasks' cards in the real window, with the engine's pictures of real images, and a real run."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from sit_engine.cli.main import parser
from sit_engine.cli.setting_flags import config_from
from sit_engine.config.build import build
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.task_settings import Task
from sit_studio.pages.train.page import TrainPage
from sit_studio.pages.train.pictures.task_cards import TaskCards
from sit_studio.widgets.curve_groups import groups
from tests.studio.conftest import choose_recipe, ready, wait
from tests.studio.watch.test_buttons import fill_form


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]) -> TrainPage:
    """The Train page with images."""
    ready(window, qtbot, sample[0])
    window.show_page("train")
    return window.train


def tasks(page: TrainPage) -> TaskCards:
    found = page.form.tasks
    assert found is not None
    return found


def choose(page: TrainPage, method: str) -> None:
    assert page.form.panel is not None
    choose_recipe(page.form.panel.recipe, method)


def shown(page: TrainPage, task: Task) -> list[QImage]:
    groups = tasks(page).cards[task].pictures.groups
    return [tile.image for group in groups for tile in group]


def test_a_card_is_a_switch_of_the_settings_both_ways(page: TrainPage) -> None:
    card = tasks(page).cards["rotation"]
    assert not card.switch.isChecked()
    assert card.switch.accessibleDescription()
    page.form.advanced.make()
    card.switch.setFocus()
    QTest.keyClick(card.switch, Qt.Key.Key_Space)
    assert page.model.texts["method.rotation_weight"] == "1"
    fields = page.fields.fields["method.rotation_weight"]
    assert len(fields) == 2
    for field in fields:
        assert isinstance(field.editor, QLineEdit)
        assert field.editor.text() == "1"
    # From the form of all settings to the card.
    editor = fields[-1].editor
    assert isinstance(editor, QLineEdit)
    editor.clear()
    QTest.keyClicks(editor, "0")
    assert not card.switch.isChecked()
    assert card.settings.isHidden()
    contrast = tasks(page).cards["contrast"]
    assert contrast.choice is not None
    contrast.choice.buttons["info_nce"].click()
    contrast.learned.click()
    assert page.model.texts["method.contrast_loss"] == "info_nce"
    assert page.model.texts["method.learned_weights"] == "contrast"
    contrast.choice.buttons["nt_xent"].click()
    assert "method.contrast_loss" not in page.model.texts


def test_a_recipe_shows_its_own_defaults(page: TrainPage) -> None:
    cards = tasks(page).cards
    assert [card.switch.isChecked() for card in cards.values()] == [True, False, True]
    assert not cards["contrast"].learned.isChecked()
    choose(page, "sit2021")
    assert all(card.switch.isChecked() and card.learned.isChecked() for card in cards.values())
    choice = cards["reconstruction"].choice
    assert choice is not None
    assert choice.buttons["all"].isChecked()
    assert page.preview.kind.buttons["local"].isChecked()
    page.form.advanced.make()
    (loss,) = page.fields.fields["method.contrast_loss"]
    assert "nt_xent" in loss.editor.itemText(0)  # type: ignore[union-attr]


def test_the_last_task_cannot_be_switched_off_unnoticed(page: TrainPage) -> None:
    cards = tasks(page).cards
    for task in ("contrast", "reconstruction"):
        assert page.start_button.isEnabled()
        cards[task].switch.click()
    problem = tasks(page).problem
    assert problem.isVisibleTo(page)
    assert "nothing to learn from" in problem.text()
    assert "nothing to learn from" in page.start_button.toolTip()
    assert not page.start_button.isEnabled()
    assert page.notice.text == ""
    cards["rotation"].switch.click()
    assert not problem.isVisibleTo(page)
    assert page.start_button.isEnabled()


def test_pictures_follow_the_corruption_and_the_tasks(page: TrainPage, qtbot: QtBot) -> None:
    found, asker = tasks(page), page.session.asker

    def answered() -> dict[str, np.ndarray]:
        wait(qtbot, lambda: not page.preview._timer.isActive() and not asker.is_busy())
        return dict(found.arrays)

    wait(qtbot, lambda: page.session.device is not None)
    kinds = page.preview.kind.buttons
    seen: dict[str, np.ndarray] = {}
    for kind in ("local", "none", "gmml"):
        kinds[kind].click()
        arrays = answered()
        seen[kind] = arrays["view 0 corrupted"]
        share = f"{100 * arrays['view 0 mask'].mean():.0f}"
        assert page.preview.share.text().startswith(share)
        shown_sliders = {name for name, s in page.preview.sliders.items() if s.isVisibleTo(page)}
        assert shown_sliders == {kind} - {"none"}
    assert not np.array_equal(seen["local"], seen["gmml"])
    assert np.array_equal(seen["none"], arrays["view 0 clean"])
    # The card of a task that is off shows what it would do.
    turned = shown(page, "rotation")
    assert len(turned) == 6
    pairs = shown(page, "contrast")
    found.cards["rotation"].switch.click()
    arrays = answered()
    for view in ("view 0", "view 1"):
        assert np.array_equal(arrays[f"{view} clean"], arrays[f"{view} rotated"])
    assert shown(page, "rotation") == turned
    assert shown(page, "contrast") != pairs
    words = [tile.word for group in found.cards["rotation"].pictures.groups for tile in group]
    names = ["0°", "90° clockwise", "180°", "90° anticlockwise"]
    assert words == [
        names[turns] for view in ("view 0", "view 1") for turns in arrays[f"{view} rotations"]
    ]
    # What is judged shows at once, without another answer.
    repairs = shown(page, "reconstruction")
    choice = found.cards["reconstruction"].choice
    assert choice is not None
    choice.buttons["all"].click()
    assert shown(page, "reconstruction")[0] == repairs[0]
    assert shown(page, "reconstruction")[1] != repairs[1]
    # Without corruption nothing is to be reconstructed; what would be seen is seen all the same.
    choice.buttons["corrupted"].click()
    kinds["none"].click()
    assert "nothing to reconstruct" in found.problem.text()
    assert not page.start_button.isEnabled()
    assert not answered()["view 0 mask"].any()
    choice.buttons["all"].click()
    assert page.start_button.isEnabled()
    page.model.set("model.tokens", "0")
    page.refresh()
    assert "Tokens that the tasks read: 2" in found.problem.text()
    assert not page.start_button.isEnabled()


def test_a_run_of_2021_without_reconstruction_is_watched_and_repeated(
    window: MainWindow, page: TrainPage, qtbot: QtBot
) -> None:
    window.session.preferences.set("engine/way", "this")
    choose(page, "sit2021")
    fill_form(window, optim__epochs="4", watch__previews="1", watch__readings="1")
    tasks(page).cards["reconstruction"].switch.click()
    wanted = build(page.model.values()).method
    page.start_button.click()
    wait(qtbot, lambda: window.session.history.state == "completed")
    run, watch = window.session.run, window.watch
    assert run is not None
    wait(qtbot, lambda: watch.is_built and watch.pictures.shown >= 0)
    empty = watch.pictures.reconstructions_tab
    wait(qtbot, lambda: "switched off" in empty._sentence.text())
    bar = watch.curves.tabs
    titles = {group.title for n, group in enumerate(groups()) if bar.isTabVisible(n)}
    assert {"Accuracy", "Task weights", "Agreement"} < titles
    (place,) = (n for n, group in enumerate(groups()) if group.title == "Task weights")
    bar.setCurrentIndex(place)
    assert list(watch.curves.plot._lines.own()) == ["weight of rotation", "weight of contrast"]
    accuracy = window.session.history.curve("rotation_accuracy").values
    assert 1 < accuracy[-1] <= 100

    page.load_run(run.config_file)
    assert (page.model.preset, page.model.method) == ("quick", "sit2021")
    assert not tasks(page).cards["reconstruction"].switch.isChecked()
    words = shlex.split(page.model.command_line(("x",), "folders", None))
    chosen = parser("pretrain").parse_args(words[1:])
    assert config_from(chosen, [], chosen.method).method == build(page.model.values()).method
    assert build(page.model.values()).method == wanted
