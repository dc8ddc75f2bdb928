"""A method that only a line in the table knows has its place in the real window."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from sit_engine.config.methods import METHODS
from sit_studio.engine.standby_trainer import Standby
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.settings_model import SettingsModel
from sit_studio.pages.train.form import SettingFields
from sit_studio.pages.train.method_panel import MethodPanel
from sit_studio.pages.train.page import TrainPage
from sit_studio.pages.train.segments import LongChoice
from tests import preloaded
from tests.methods.test_toy import ENTRY
from tests.studio.conftest import OpenWindow, choose_recipe, ready, wait
from tests.studio.watch.test_buttons import fill_form

TELL = "tests.methods.tell_toy"


def telling_python(module: str, *words: str) -> list[str]:
    """As sit_studio.engine.standby_trainer.engine_python, with another line in the table."""
    return [sys.executable, "-m", TELL, module, *words]


def telling_fork(_: Standby, words: list[str], log: Path) -> preloaded.Forked:
    """A trainer that is told too, from a process that has loaded the engine."""
    with log.open("ab") as file:
        told = ["sit_engine", *words]
        return preloaded.Forked(told, file.fileno(), file.fileno(), module=TELL)


@pytest.fixture
def toyland(open_new: OpenWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """The real window where the table has the toy's line."""
    monkeypatch.setitem(METHODS, "toy", ENTRY)
    if sys.platform == "linux":
        asks = partial(preloaded.stand_in, TELL)
        monkeypatch.setattr("sit_studio.engine.questions.engine_python", asks)
        monkeypatch.setattr(Standby, "take", telling_fork)
    else:
        for place in ("standby_trainer", "questions", "process"):
            monkeypatch.setattr(f"sit_studio.engine.{place}.engine_python", telling_python)
    window = open_new()
    qtbot.waitExposed(window)
    return window


def choose(page: TrainPage, method: str) -> None:
    """As a person does."""
    assert page.form.panel is not None
    choose_recipe(page.form.panel.recipe, method)


def test_it_is_chosen_set_previewed_trained_and_watched(
    toyland: MainWindow, qtbot: QtBot, few: Path
) -> None:
    window, page = toyland, toyland.train
    ready(window, qtbot, few)
    window.show_page("train")
    fill_form(window)
    tasks = page.form.tasks
    assert tasks is not None
    choose(page, "toy")
    # What others have is not there, and its own settings are.
    assert page.model.method == "toy"
    assert not tasks.isVisibleTo(page)
    for part in (page.preview.kind, page.preview.about, page.same):
        assert not part.isVisibleTo(page)
    assert page.form.sizes is not None
    assert not page.form.sizes.buttons["paper"].isVisibleTo(page)
    (field,) = page.fields.fields["method.pull"]
    assert field.isVisibleTo(page)
    assert field.title.text() == "Pull of toys"
    editor = field.editor
    assert isinstance(editor, QLineEdit)
    QTest.keyClicks(editor, "2")
    assert "from 0 to 1" in field.below.text()
    editor.clear()
    QTest.keyClicks(editor, "0.25")
    assert page.checked.config is not None
    assert page.checked.config.method.model_dump()["pull"] == 0.25
    assert "--method toy" in page.model.command_line((str(few),), "folders", None)
    # The user's images as its four views.
    wait(qtbot, lambda: "view 3 clean" in page.preview.arrays)
    titles = page.preview.pictures.titles
    assert titles == ["Image", "16 px", "16 px", "8 px", "8 px"]
    assert page.preview.arrays["view 3 clean"].shape[1] == 8
    assert not page.preview.share.isVisibleTo(page)

    for path, text in {"optim.epochs": "6", "watch.previews": "1", "watch.readings": "2"}.items():
        page.model.set(path, text)
    page.refresh()
    wait(qtbot, page.start_button.isEnabled)
    page.start()
    wait(qtbot, lambda: window.session.history.state == "completed")
    wait(qtbot, lambda: window.watch.is_built)
    watch, history = window.watch, window.session.history
    watch._draw(force=True)
    names = [watch.tabs.tabText(n) for n in range(watch.tabs.count()) if watch.tabs.isTabVisible(n)]
    assert names == ["Attention", "Health", "System", "Log"]
    assert watch.health.own == {}
    shown = [
        group.title
        for number, group in enumerate(watch.curves.groups)
        if watch.curves.tabs.isTabVisible(number)
    ]
    assert "Likeness" in shown
    assert not {"Task weights", "Agreement", "Accuracy"} & set(shown)
    assert history.has_curve("likeness")


def test_another_method_keeps_what_was_written(
    toyland: MainWindow, qtbot: QtBot, few: Path
) -> None:
    page = toyland.train
    ready(toyland, qtbot, few)
    toyland.show_page("train")
    page.form.edited.emit("method.corruption.drop_share", "0.5")
    page.form.edited.emit("model.width", "48")
    choose(page, "toy")
    assert page.model.texts == {"model.width": "48"}
    page.form.edited.emit("method.pull", "0.25")
    choose(page, "sit")
    assert page.model.texts == {"model.width": "48", "method.corruption.drop_share": "0.5"}
    tasks = page.form.tasks
    assert tasks is not None
    assert tasks.isVisibleTo(page)
    assert page.preview.kind.isVisibleTo(page)
    assert page.same.isVisibleTo(page)
    choose(page, "toy")
    assert page.model.texts["method.pull"] == "0.25"
    assert page.checked.failure is None


def test_many_methods_are_a_list(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("toy", "toy two"):
        monkeypatch.setitem(METHODS, name, ENTRY)
    model = SettingsModel()
    made = MethodPanel(model, SettingFields(model))
    qtbot.addWidget(made)
    recipe, chosen = made.recipe, list[str]()
    assert isinstance(recipe, LongChoice)
    assert [recipe.itemText(n) for n in range(2)] == ["SiT 2022", "SiT 2021"]
    made.recipe_chosen.connect(chosen.append)
    recipe.setFocus()
    QTest.keyClick(recipe, Qt.Key.Key_Down)
    assert chosen == ["sit2021"]
    made.show_settings(None)
    assert recipe.currentData() == "sit"
