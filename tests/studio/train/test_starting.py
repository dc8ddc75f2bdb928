"""What a run starts from, on the Train page: nothing, a run, an import, weights on disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.records.run import Run
from sit_engine.records.starts import find_start
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.runs.import_dialog import ImportDialog
from sit_studio.pages.train.page import TrainPage
from sit_studio.pages.train.starting.alike_dialog import AlikeDialog
from sit_studio.pages.watch.page import TABS
from sit_studio.widgets.public_weights_dialog import PublicWeightsDialog
from tests.models.imports import foreign_files as files
from tests.studio.conftest import choose_recipe, ready, wait

SCRATCH = "From scratch"


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path) -> TrainPage:
    """Train, with images and an empty folder of runs."""
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    ready(window, qtbot, few)
    window.show_page("train")
    wait(qtbot, lambda: window.session.device is not None)
    return window.train


def use(page: TrainPage, method: str) -> None:
    """Choose a method as a user does."""
    panel = page.form.panel
    assert panel is not None
    choose_recipe(panel.recipe, method)


def texts(page: TrainPage) -> list[str]:
    """What can be chosen."""
    box = page.start_card.box
    return [box.itemText(number) for number in range(box.count())]


def imported(run: Path, place: Path) -> Path:
    """An import, as far as a start needs one."""
    place.mkdir(parents=True)
    step = find_start(run)
    shutil.copy(step / "model.safetensors", place)
    (place / "import.json").write_text("{}")
    return place


def test_pretraining_begins_from_scratch_and_continue_says_what_to_do(
    window: MainWindow, page: TrainPage
) -> None:
    assert texts(page) == [SCRATCH]
    assert page.start_card.weights is None
    assert not page.start_card.scratch.isVisibleTo(page)
    assert "random weights" in page.start_card.about.text()
    assert page.start_button.isEnabled()
    assert "model.weights" not in page.fields.fields

    use(page, "continue")
    assert SCRATCH not in texts(page)
    assert "fetch public ones" in page.start_card.about.text()
    assert not page.start_button.isEnabled()
    assert page.start_button.toolTip().startswith(
        "The method continue goes on from weights, and none are named."
    )
    # The card says it, so the page's notice does not.
    assert page.notice.text == ""
    use(page, "sit")
    assert texts(page) == [SCRATCH]
    assert page.start_button.isEnabled()


def test_continue_proposes_the_newest_run_or_import_and_others_begin_from_nothing(
    window: MainWindow, page: TrainPage, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "a-run"
    shutil.copytree(finished_run, run)
    use(page, "continue")
    wait(qtbot, lambda: page.start_card.weights == run)
    wait(qtbot, lambda: page.checked.resolved is not None and page.start_button.isEnabled())
    newer = imported(finished_run, tmp_path / "runs" / "weights" / "theirs")
    window.session.lister.look_now()
    wait(qtbot, lambda: page.start_card.weights == newer)
    assert texts(page)[-1] == "Imported theirs"
    older = imported(finished_run, tmp_path / "runs" / "weights" / "old")
    os.utime(older / "import.json", (1.0, 1.0))
    window.session.lister.look_now()
    wait(qtbot, lambda: "Imported old" in texts(page))
    assert page.start_card.weights == newer
    # What was only proposed does not go along to a method that begins from nothing.
    use(page, "sit")
    assert page.start_card.weights is None
    assert page.model.start is None
    assert texts(page)[0] == SCRATCH
    # What was chosen does.
    page.start_card.box.setCurrentIndex(texts(page).index("Imported old"))
    page.start_card.box.activated.emit(page.start_card.box.currentIndex())
    assert page.model.start == older
    assert "becomes better than them" in page.start_card.about.text()
    use(page, "dino")
    assert page.start_card.weights == older
    assert f"--model.weights {older}" in page.model.command_line(("x",), "folders", None)
    # Finetuning has its own start.
    page.show_kind("finetune")
    wait(qtbot, lambda: page.start_card.weights == run)
    assert page.forms["pretrain"].model.start == older


def test_weights_of_a_loaded_config_and_of_a_file_on_disk_are_shown(
    window: MainWindow, page: TrainPage, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    (file,) = sorted(finished_run.glob("checkpoints/*/model.safetensors"))[-1:]
    page.start_card.take(file)
    assert page.start_card.weights == file.parent
    wait(qtbot, lambda: page.checked.resolved is not None)
    page.save_to(tmp_path / "kept.toml")
    page.start_card.choose(None)
    assert page.model.start is None
    page._take(tmp_path / "kept.toml", of_run=False)
    assert page.start_card.weights == file.parent
    assert page.start_card.box.currentText() == file.parent.name


def test_a_checkpoint_of_others_is_imported_first_and_becomes_the_start(
    window: MainWindow, page: TrainPage, qtbot: QtBot, tmp_path: Path
) -> None:
    page.start_card.take(files.saved(files.sit2022(), tmp_path / "checkpoint.pth"))
    assert page.start_card.weights is None
    (dialog,) = window.runs.findChildren(ImportDialog)
    dialog.heads.setText("4")
    dialog.go.click()
    wait(qtbot, lambda: dialog.listing.found is not None)
    assert dialog.use.text() == "Start from it"
    dialog.use.click()
    assert dialog.listing.found is not None
    assert page.kind == "pretrain"
    assert page.model.start == dialog.listing.found.path


def test_public_weights_become_the_start_of_the_card_that_asked(
    window: MainWindow, page: TrainPage, tmp_path: Path
) -> None:
    place = tmp_path / "runs" / "weights" / "vit-tiny"
    place.mkdir(parents=True)
    (place / "import.json").write_text("{}")
    page.start_card.public.click()
    (dialog,) = page.findChildren(PublicWeightsDialog)
    dialog.choose("vit-tiny")
    assert not dialog.fetch.isVisibleTo(dialog)
    dialog.use.click()
    assert page.forms["pretrain"].start.weights == place
    assert page.forms["finetune"].start.weights is None


def test_continue_goes_on_from_the_weights_of_the_card_and_watch_calls_them_the_start(
    window: MainWindow, page: TrainPage, qtbot: QtBot, finished_run: Path
) -> None:
    use(page, "continue")
    page.go_on_from(finished_run)
    for path, text in {
        "optim.epochs": "1", "data.watch_share": "0.25", "watch.readings": "1",
        "compute.device": "cpu", "compute.threads": "1",
    }.items():  # fmt: skip
        page.model.set(path, text)
    page.refresh()
    wait(qtbot, page.start_button.isEnabled)
    page.start_button.click()
    session = window.session
    wait(qtbot, lambda: not session.history.is_live)
    assert session.history.state == "completed", session.history.failure
    assert session.run is not None
    watch = window.watch
    wait(qtbot, lambda: watch.is_built and watch.working.untrained.caption.text() == "The start")
    titles = [group.title for group in watch.curves.groups]
    watch.curves.tabs.setCurrentIndex(titles.index("k-NN"))
    wait(qtbot, lambda: "the start" in watch.curves.plot._canvas._baselines)
    assert "untrained" not in watch.curves.plot._canvas._baselines
    watch.tabs.setCurrentIndex(TABS.index("health"))
    wait(qtbot, lambda: watch.health.knn.caption.text() == "k-NN over the start")
    assert Path(Run(session.run.path).config().model.weights or "").is_relative_to(finished_run)


def test_weights_show_what_they_find_alike_before_a_run_begins(
    page: TrainPage, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    card = page.start_card
    assert card.alike.isHidden()
    page.go_on_from(finished_run)
    assert card.alike.isVisible()
    card.alike.click()
    (dialog,) = page.findChildren(AlikeDialog)
    wait(qtbot, lambda: len(dialog.pictures.rows) == 4)
    assert dialog.pictures.titles[:2] == ["Image", "Most alike"]
    assert all(len(row) == 5 for row in dialog.pictures.rows)
    dialog.reject()
    wait(qtbot, lambda: not page.findChildren(AlikeDialog))
    (tmp_path / "none").mkdir()
    page.go_on_from(tmp_path / "none")
    card.alike.click()
    (dialog,) = page.findChildren(AlikeDialog)
    wait(qtbot, lambda: "cannot be used" in dialog.pictures.empty)
