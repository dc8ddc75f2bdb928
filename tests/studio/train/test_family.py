"""The kind of network in the real window: chosen in plain words, set, and kept for the next start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

from sit_engine.config.schema import FAMILY
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.settings_model import SettingsModel
from sit_studio.pages.train.choices import recall, written
from sit_studio.pages.train.page import TrainPage
from tests.studio.conftest import choose_recipe, ready, wait
from tests.tiny import CSWIN

OWN = {f"model.{name}": str(value) for name, value in CSWIN.items() if name != "family"}


def boxes(page: TrainPage, path: str) -> list[QComboBox]:
    """Those that can be seen of a setting."""
    found = [field.editor for field in page.fields.fields[path] if field.isVisibleTo(page)]
    return [box for box in found if isinstance(box, QComboBox)]


def test_it_is_chosen_in_words_and_kept(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    page = window.train
    ready(window, qtbot, few)
    window.show_page("train")
    (box,) = boxes(page, FAMILY)
    words = [box.itemText(number) for number in range(box.count())]
    assert words == [
        "Plain (ViT) (default)",
        "Windows (CSWin): for large images",
        "Block by block (ViTAS): what a search found",
    ]
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert page.model.family == "cswin"
    (box,) = boxes(page, FAMILY)
    assert box.currentText() == "Windows (CSWin): for large images"
    (size,) = boxes(page, "model.backbone")
    assert size.findData("cswin_tiny") > 0
    assert size.findData("vit_tiny") < 0
    assert not any(f.isVisibleTo(page) for f in page.fields.fields["model.patch_size"])
    page.form.advanced.show_fields(True)
    (stripes,) = [f for f in page.fields.fields["model.stripes"] if f.isVisibleTo(page)]
    # What is left open is worked out here and now, with its reason.
    wait(qtbot, lambda: "as published" in stripes.below.text())
    for path, text in OWN.items():
        page.model.set(path, text)
    page.refresh()
    wait(qtbot, page.start_button.isEnabled)
    # Another form takes saved settings over.
    page.save_to(tmp_path / "own.toml")
    page.model.set(FAMILY, "")
    page.load_run(tmp_path / "own.toml")
    assert page.checked.config is not None
    model = page.checked.config.model
    assert {name: getattr(model, name) for name in CSWIN} == CSWIN


def test_a_wrong_size_stands_beside_its_field(window: MainWindow, qtbot: QtBot, few: Path) -> None:
    page = window.train
    ready(window, qtbot, few)
    window.show_page("train")
    own = {FAMILY: "cswin", "model.backbone": "cswin_tiny", "model.image_size": "100"}
    for path, text in own.items():
        page.model.set(path, text)
    page.refresh()
    wait(qtbot, lambda: page.checked.failure is not None)
    (field,) = [f for f in page.fields.fields["model.image_size"] if f.isVisibleTo(page)]
    assert "96 or 128" in field.below.text()
    assert not page.start_button.isEnabled()


def test_what_the_other_kind_does_not_have_waits_for_it() -> None:
    model = SettingsModel(texts={"model.patch_size": "8", "model.backbone": "vit_tiny"})
    model.set(FAMILY, "cswin")
    assert set(model.texts) == {FAMILY}
    model.set("model.depths", "1,2")
    assert "--model.family cswin" in model.command_line(("photos",), "folders", None)
    kept = written("pretrain", {"pretrain": model})
    model.set(FAMILY, "")
    assert model.texts == {"model.patch_size": "8", "model.backbone": "vit_tiny"}
    model.set(FAMILY, "cswin")
    assert model.texts["model.depths"] == "1,2"
    again: dict[Any, SettingsModel] = {"pretrain": SettingsModel()}
    assert recall(kept, again) == "pretrain"
    assert again["pretrain"].texts == {FAMILY: "cswin", "model.depths": "1,2"}


def test_a_kind_that_only_comes_with_weights_is_not_chosen(tmp_path: Path) -> None:
    file = tmp_path / "timm.toml"
    file.write_text('[model]\nfamily = "timm"\nwidth = 32\narchitecture = "convnext_atto"\n')
    model = SettingsModel()
    model.load(file)
    assert model.family == "vit"
    assert model.values()["model"] == {"width": "32"}


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot, few: Path) -> TrainPage:
    """With images open."""
    ready(window, qtbot, few)
    window.show_page("train")
    return window.train


def test_other_settings_are_made_when_they_are_looked_for(page: TrainPage) -> None:
    fold, fields = page.form.advanced, page.fields.fields
    assert "optim.weight_decay" not in fields
    page.model.set("optim.weight_decay", "0.07")
    page.refresh()
    assert fold.inside.isHidden()
    QTest.keyClicks(fold.search, "weight decay")
    (decay,) = fields["optim.weight_decay"]
    assert decay.isVisibleTo(page)
    # It stands there as it was set before, and is heard from now on.
    assert decay.editor.text() == "0.07"  # type: ignore[union-attr]
    assert not fields["optim.batch_size"][0].isVisibleTo(page)
    QTest.keyClicks(decay.editor, "1")
    assert page.model.texts["optim.weight_decay"] == "0.071"


def test_what_is_found_stands_without_holes_and_goes_back(page: TrainPage) -> None:
    fold, fields = page.form.advanced, page.fields.fields

    def places() -> dict[str, tuple[int, int]]:
        page.grab()
        inside = (f for found in fields.values() for f in found if fold.inside.isAncestorOf(f))
        return {f.item.path: (f.y(), f.x()) for f in inside if f.isVisibleTo(page)}

    fold.show_fields(True)
    before = places()
    fold.search.setText("learning rate")
    found = places().values()
    assert len(found) == 4
    assert len({y for y, _ in found}) == len({x for _, x in found}) == 2
    fold.search.setText("")
    assert places() == before


def test_the_fold_opens_for_what_is_wrong_in_it(page: TrainPage) -> None:
    page.model.set("optim.weight_decay", "much")
    page.refresh()
    (decay,) = page.fields.fields["optim.weight_decay"]
    assert decay.isVisibleTo(page)
    assert decay.below.text()
    # Whoever closes it again has seen it.
    page.form.advanced.fold.click()
    page.refresh()
    assert not decay.isVisibleTo(page)
    # The same in the form of another recipe, though a search there would leave it out.
    page.model.set("optim.weight_decay", "")
    assert page.form.panel is not None
    choose_recipe(page.form.panel.recipe, "dino")
    page.form.advanced.search.setText("batch")
    page.model.set("optim.weight_decay", "much")
    page.refresh()
    assert any(f.isVisibleTo(page) for f in page.fields.fields["optim.weight_decay"])


def test_what_another_place_tells_opens_no_fold(page: TrainPage) -> None:
    page.model.set("method.corruption.drop_share", "1.5")
    page.refresh()
    (slider,) = page.fields.fields["method.corruption.drop_share"]
    assert slider.below.text()
    assert page.form.advanced.inside.isHidden()


def test_by_keys_the_fields_follow_the_button_that_shows_them(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.show_page("train")
    fold = window.train.form.advanced
    fold.fold.setFocus()
    fold.fold.click()
    first = fold.groups[0][1][0]
    assert fold.fold.nextInFocusChain() is first.editor
    last = fold.groups[-1][1][-1]
    fields = sum(len(members) for _, members in fold.groups)
    at: QWidget | None = first.editor
    for _ in range(2 * fields - 1):
        assert at is not None
        at = at.nextInFocusChain()
    assert at is last.reset
