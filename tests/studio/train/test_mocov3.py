"""MoCo v3 in the real window: chosen, drawn, trained, and its first layer's gradient on Watch."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from sit_studio.widgets.curve_groups import names_of
from tests.studio.conftest import choose_recipe, ready, wait
from tests.studio.watch.test_buttons import fill_form

NAME = "mocov3"


def test_it_is_chosen_trained_and_watched(window: MainWindow, qtbot: QtBot, few: Path) -> None:
    page = window.train
    ready(window, qtbot, few)
    window.show_page("train")
    fill_form(window)
    assert page.form.panel is not None
    choose_recipe(page.form.panel.recipe, NAME)
    assert page.form.sizes is not None
    assert page.form.sizes.buttons["paper"].isVisibleTo(page)
    (field,) = page.fields.fields["method.first_layer"]
    assert field.isVisibleTo(page)
    assert field.title.text() == "First layer"
    wait(qtbot, lambda: "view 1 clean" in page.preview.arrays)
    assert page.preview.pictures.titles == ["Image", "View 1", "View 2"]
    for path, text in {"optim.epochs": "6", "watch.previews": "1", "watch.readings": "2"}.items():
        page.model.set(path, text)
    page.refresh()
    wait(qtbot, page.start_button.isEnabled)
    page.start()
    wait(qtbot, lambda: window.session.history.state == "completed")
    wait(qtbot, lambda: window.watch.is_built)
    watch, history = window.watch, window.session.history
    watch._draw(force=True)
    shown = {
        group.title: names_of(group, history)
        for number, group in enumerate(watch.curves.groups)
        if watch.curves.tabs.isTabVisible(number)
    }
    assert shown["First layer"] == ("first_layer_norm",)
    assert len(history.curve("first_layer_norm")) == 6
