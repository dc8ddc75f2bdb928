"""Every method of the table that needs no labels has its place on the Train page."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.config.methods import pretraining_methods, traits
from sit_engine.config.schema import settings
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.train.method_panel import panel_of
from sit_studio.pages.train.pictures.preview_card import MOST_VIEWS
from sit_studio.pages.train.segments import LongChoice
from tests.studio.conftest import choose_recipe, ready, wait

OWN = [name for name in pretraining_methods() if panel_of(name) == name]


@pytest.mark.parametrize("method", OWN)
def test_its_title_fields_sizes_and_views_are_shown(
    method: str, window: MainWindow, qtbot: QtBot, few: Path, finished_run: Path
) -> None:
    page, of = window.train, traits(method)
    ready(window, qtbot, few)
    window.show_page("train")
    panel = page.form.panel
    assert panel is not None
    choose_recipe(panel.recipe, method)
    assert isinstance(panel.recipe, LongChoice)
    assert panel.recipe.currentText() == of.title
    assert page.model.method == method
    if of.needs_start:
        wait(qtbot, lambda: page.checked.failure is not None)
        assert page.checked.failure is not None
        assert "goes on from weights" in page.checked.failure.message
        page.go_on_from(finished_run)
    assert page.checked.failure is None
    # Every setting of it has a field in the panel; whose features are measured stands further below.
    own = {
        item.path
        for item in settings(method)
        if item.path.startswith("method.") and item.path != "method.features"
    }
    shown = {
        path
        for path, fields in page.fields.fields.items()
        if any(field.isVisibleTo(page) for field in fields)
    }
    assert own
    assert own <= shown
    assert page.form.sizes is not None
    visible = {name for name, card in page.form.sizes.buttons.items() if card.isVisibleTo(page)}
    assert visible == set(of.sizes)
    # The user's images as all its views.
    wait(qtbot, lambda: page.checked.resolved is not None)
    assert page.checked.resolved is not None
    config = page.checked.resolved.config
    count = sum(kind.count for kind in config.method.view_kinds(config.model.image_size))
    wait(qtbot, lambda: f"view {min(count, MOST_VIEWS) - 1} clean" in page.preview.arrays)
    kinds = config.method.view_kinds(config.model.image_size)
    sides = [kind.size for kind in kinds for _ in range(kind.count)]
    views = [f"{side} px" for side in sides] if len(set(sides)) > 1 else None
    views = views or [f"View {number + 1}" for number in range(count)]
    assert page.preview.pictures.titles == ["Image", *views[:MOST_VIEWS]]
