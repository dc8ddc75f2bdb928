"""Weights of others through the Runs page and the real engine: refused, corrected, listed, used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.runs.import_dialog import ImportDialog
from tests.models.imports import foreign_files as files
from tests.models.imports.public_layouts import LAYOUTS, write
from tests.studio.conftest import wait


@pytest.fixture
def dialog(window: MainWindow, tmp_path: Path) -> ImportDialog:
    """Open for a checkpoint of SiT 2022 whose width is no usual one."""
    file = files.saved(files.sit2022(), tmp_path / "checkpoint.pth")
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    window.show_page("runs")
    return window.runs.import_file(file)


def table(dialog: ImportDialog) -> list[list[str]]:
    lines = dialog.listing.table.lines
    return [lines.cells(row) for row in range(lines.count)]


def test_a_refusal_says_which_field_and_the_corrected_import_is_listed_and_used(
    window: MainWindow, qtbot: QtBot, dialog: ImportDialog, tmp_path: Path
) -> None:
    assert dialog.go.text() == "Import"
    dialog.heads.setText("four")
    dialog.go.click()
    assert not dialog.job.is_busy
    assert "no whole number" in dialog.notice.text
    dialog.heads.setText("")
    dialog.go.click()
    assert dialog.job.is_busy
    assert not dialog.go.isEnabled()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert "does not say how many attention heads" in dialog.notice.text
    assert "--heads" not in dialog.notice.text
    assert dialog.heads.property("bad")
    assert dialog.go.text() == "Try again"

    dialog.heads.setText("4")
    dialog.image_size.setText("8")
    dialog.network.setCurrentIndex(dialog.network.findData("teacher"))
    dialog.go.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert dialog.notice.text == ""
    found = dialog.listing.found
    assert found is not None
    assert found.path.parent == tmp_path / "runs" / "weights"
    assert json.loads((found.path / "import.json").read_text())["network"] == "teacher"
    assert "its network teacher" in dialog.listing.what.text()
    assert "4 attention heads (as given); views of 8 px" in dialog.listing.sizes.text()
    assert dialog.listing.others.text().endswith("student.")
    rows = table(dialog)
    assert ["Resized", "", "pos_embed", "", "4 × 4 patches became 2 × 2"] in rows
    assert ["Mapped", "module.backbone.cls_token", "cls_token", "1×1×32", ""] in rows
    assert any(row[0] == "Dropped" and row[4] == "another network" for row in rows)
    folded = len(rows)
    dialog.listing.whole.setChecked(True)
    whole = len(found.mapped) + len(found.resized) + len(found.folded) + len(found.dropped)
    assert folded < dialog.listing.table.lines.count == whole

    dialog.use.click()
    assert window.stack.currentWidget() is window.train
    assert window.train.kind == "finetune"
    assert window.train.start_card.weights == found.path


def test_a_file_that_cannot_be_used_is_a_sentence_and_closing_ends_the_question(
    window: MainWindow, qtbot: QtBot, dialog: ImportDialog, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.pth").write_bytes(b"no weights")
    dialog.go.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert "checkpoint.pth" in dialog.notice.text
    assert not dialog.heads.property("bad")
    dialog.go.click()
    assert dialog.job.is_busy
    dialog.close_button.click()
    assert not window.runs.importing.is_busy
    assert not (tmp_path / "runs" / "weights").exists()
    # The next one has a life of its own.
    qtbot.wait(10)
    second = window.runs.import_file(tmp_path / "checkpoint.pth")
    second.go.click()
    wait(qtbot, lambda: second.notice.text)
    assert second.go.text() == "Try again"


def test_weights_of_clip_ask_for_their_variant_and_show_what_was_folded(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    layout = LAYOUTS["CLIP's tower of OpenCLIP"]
    file, _ = write(layout, tmp_path / "clip")
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    window.show_page("runs")
    dialog = window.runs.import_file(file)
    dialog.heads.setText("4")
    dialog.go.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert "which activation" in dialog.notice.text
    assert dialog.variant.property("bad")
    dialog.variant.setCurrentIndex(dialog.variant.findData("openclip"))
    dialog.go.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert dialog.notice.text == ""
    assert dialog.listing.sizes.text().endswith("Variant openclip.")
    assert "mean 0.481, 0.458, 0.408" in dialog.listing.pixels.text()
    assert dialog.listing.found is not None
    assert dialog.listing.found.facts.variant == "openclip"
