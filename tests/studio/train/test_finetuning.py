"""Finetuning in the real window on a real run: started, followed, measured, mapped."""

from __future__ import annotations

import csv
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from sit_engine.records.event_log import read_events
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.history import History
from sit_studio.pages.evaluate import page as evaluate
from sit_studio.pages.watch.health_card import verdict
from sit_studio.pages.watch.page import TABS
from sit_studio.widgets.curve_groups import groups
from tests.studio.conftest import ready, wait
from tests.tiny import engine, vit_of

SHORT = {
    "optim.epochs": "2", "compute.device": "cpu", "compute.threads": "1", "watch.readings": "2",
}  # fmt: skip


@pytest.fixture(scope="session")
def finetuned_run(
    finished_run: Path, sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A classifier of the sample's classes that starts from a pretrained run; to be copied."""
    run = tmp_path_factory.mktemp("runs") / "finetuned"
    flags = [word for path, text in SHORT.items() for word in (f"--{path}", text)]
    engine("finetune", finished_run, sample[0], "--out", run, *flags, check=True)
    return run


@pytest.fixture
def run(window: MainWindow, qtbot: QtBot, finetuned_run: Path, tmp_path: Path) -> Path:
    """A copy of it, open in the window."""
    place = tmp_path / "run"
    shutil.copytree(finetuned_run, place)
    assert window.session.open_run(place)
    wait(qtbot, lambda: window.session.history.state == "completed")
    return place


def test_validation_is_told_beside_the_most_frequent_class(finetuned_run: Path) -> None:
    history = History()
    for event, when in read_events(Run(finetuned_run)):
        history.add(event, when)
    found = history.validation
    assert history.needs_labels
    assert found is not None
    state, sentence = verdict(history)
    assert sentence.startswith(f"Right on {100 * found.accuracy:.1f} ± ")
    assert f"of {found.images} validation images" in sentence
    assert f"would give {100 * found.majority:.1f}" in sentence
    is_better = found.accuracy - found.interval > found.majority
    assert state == ("learning" if is_better else "unknown")
    assert history.curve("validation_accuracy").values[-1] == 100 * found.accuracy
    assert history.curve("validation_loss").values[-1] == found.loss
    train = history.curve("train_accuracy").values
    assert len(train)
    assert 0 <= train[-1] <= 100


def test_watch_shows_what_a_finetuning_run_has_and_hides_what_it_lacks(
    window: MainWindow, qtbot: QtBot, run: Path, finished_run: Path
) -> None:
    page = window.watch
    window.show_page("watch")
    wait(qtbot, lambda: page.is_built and "Right on" in page.working.sentence.text())
    right = [page.tabs.tabText(n) for n in range(page.tabs.count()) if page.tabs.isTabVisible(n)]
    assert right == ["System", "Log"]
    curves = page.curves
    shown = [group for n, group in enumerate(groups()) if curves.tabs.isTabVisible(n)]
    assert [group.title for group in shown][:2] == ["Losses", "Accuracy"]
    assert not {"k-NN", "Rank", "Health", "Teacher"} & {group.title for group in shown}
    wait(qtbot, lambda: list(curves.plot._lines.own()) == ["training loss", "validation loss"])
    assert not page.preview.isVisibleTo(page)
    curves.tabs.setCurrentIndex(1)
    assert list(curves.plot._lines.own()) == ["training accuracy", "validation accuracy"]
    assert "the most frequent class" in curves.plot._canvas._baselines
    # Another kind of run brings its own tabs back.
    assert window.session.open_run(finished_run)
    wait(qtbot, lambda: page.tabs.isTabVisible(TABS.index("reconstructions")))
    wait(qtbot, lambda: curves.tabs.isTabVisible(2))
    assert not curves.tabs.isTabVisible(1)
    # Each kind keeps the tab that was chosen for it, and shows nothing of the run before.
    page.tabs.setCurrentIndex(TABS.index("health"))
    curves.tabs.setCurrentIndex(2)
    wait(qtbot, lambda: page.health.rank.figure.text() != "–")
    assert window.session.open_run(run)
    # Its kind is known before its events are read: nothing of another kind is shown meanwhile.
    assert window.session.history.started is None
    assert window.session.history.needs_labels
    page._draw(force=True)
    assert page.tabs.tabText(page.tabs.currentIndex()) == "System"
    assert page.system.device.figure.text() == "–"
    wait(qtbot, lambda: curves.tabs.currentIndex() == 1)
    assert window.session.open_run(finished_run)
    page._draw(force=True)
    assert page.tabs.tabText(page.tabs.currentIndex()) == "Health"
    assert page.health.rank.figure.text() == "–"
    assert curves.tabs.currentIndex() == 2
    wait(qtbot, lambda: page.health.rank.figure.text() != "–")


def test_a_finetuned_run_is_measured_on_its_own_training_images(
    window: MainWindow,
    qtbot: QtBot,
    run: Path,
    sample: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    finished_run: Path,
) -> None:
    page = window.evaluate
    window.show_page("evaluate")
    assert page.measure.toolTip() == "Choose a labelled folder to test on."
    page.test.set_path(str(sample[1]))
    page.quick.setChecked(True)
    (weights,) = sorted(finished_run.glob("checkpoints/*/model.safetensors"))[-1:]
    page.form.add_baseline(weights)
    assert page.checkpoint.itemText(0) == "Best checkpoint"
    page.measure.click()
    wait(qtbot, lambda: not page.job.is_busy)
    assert page.notice.text == ""
    report = page.results.report
    assert report is not None
    assert report.columns == (
        "raw pixels", "untrained", "the start", weights.parent.name, "finetuned",
    )  # fmt: skip
    assert report.answers is not None
    assert page.open_page.isVisibleTo(page)
    page.results.setCurrentIndex(4)
    wait(qtbot, lambda: page.results.predictions is not None)
    counts = np.array(report.answers.confusion)
    wrong = counts.sum() - counts.trace()
    assert len(page.results.wrong) == wrong
    # Predicting writes a line for each image, and shows where.
    shown: list[Path] = []
    monkeypatch.setattr(evaluate, "show_in_file_manager", shown.append)
    out = tmp_path / "answers.csv"
    page.predict_folder(str(sample[1]), out)
    wait(qtbot, lambda: not page.job.is_busy)
    assert page.notice.text.startswith("64 images were answered into")
    with out.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 64
    assert shown == [out]


def test_a_map_is_made_untangled_searched_and_found_again(
    window: MainWindow, qtbot: QtBot, run: Path, sample: tuple[Path, Path]
) -> None:
    page, tab = window.evaluate, window.evaluate.map
    window.show_page("evaluate")
    page.results.setCurrentWidget(tab)
    assert not tab.make.isEnabled()
    page.test.set_path(str(sample[1]))
    tab.make.click()
    wait(qtbot, lambda: tab.loaded is not None)
    loaded = tab.loaded
    assert loaded is not None
    assert (len(loaded.embedding), loaded.kind) == (64, "pca")
    assert tab.panel.view.embedding is loaded.embedding
    assert [tab.panel.colours.itemData(n) for n in range(tab.panel.colours.count())] == [
        "class", "folder", "prediction", "split",
    ]  # fmt: skip
    tab.panel.view.clicked.emit(3)
    wait(qtbot, lambda: len(tab.panel.gallery) > 0)
    assert tab.panel.view.rings[0] == 3
    # An image that is not on the map, too.
    tab.panel.view.image_dropped.emit(str(next(sample[0].rglob("*.png"))))
    wait(qtbot, lambda: "Looking" not in tab.panel.chosen_hint.text())
    assert page.notice.text == ""
    assert len(tab.panel.gallery) == 12
    tab.untangle.click()
    assert tab.cancel.isVisibleTo(tab)
    wait(qtbot, lambda: tab.loaded is not None and tab.loaded.kind == "tsne")
    assert not tab.untangle.isVisibleTo(tab)
    assert tab.kinds.count() == 2
    window.session.close_run()
    assert not tab.panel.isVisibleTo(tab)
    assert window.session.open_run(run)
    wait(qtbot, lambda: tab.loaded is not None)


def test_a_pretrained_run_cannot_predict(
    window: MainWindow, qtbot: QtBot, finished_run: Path
) -> None:
    assert window.session.open_run(finished_run)
    wait(qtbot, lambda: window.session.history.state == "completed")
    page = window.evaluate
    window.show_page("evaluate")
    assert not page.predict.isEnabled()
    assert "finetune it" in page.predict.toolTip()


def test_finetuning_needs_labels_and_says_so(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    page = window.train
    window.show_page("train")
    page.kinds.buttons["finetune"].click()
    assert page.start_button.toolTip() == "Choose a folder of images first."
    ready(window, qtbot, sample[0] / "brick")
    window.show_page("train")
    assert "at least two classes" in page.start_button.toolTip()
    assert "at least two classes" in page.labels.about.text()
    page.kinds.buttons["pretrain"].click()
    assert page.start_button.isEnabled()


def test_the_form_follows_the_weights_that_it_starts_from(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], finished_run: Path
) -> None:
    page = window.train
    window.session.preferences.set("runs/folder", str(finished_run.parent))
    ready(window, qtbot, sample[0])
    assert window.session.open_run(finished_run)
    window.show_page("train")
    page.kinds.buttons["finetune"].click()
    wait(qtbot, lambda: page.start_card.weights == finished_run)
    wait(qtbot, lambda: page.checked.resolved is not None)
    resolved = page.checked.resolved
    assert resolved is not None
    assert (vit_of(resolved.config).width, vit_of(resolved.config).patch_size) == (32, 4)
    page.form.advanced.make()
    (width,) = page.fields.fields["model.width"]
    assert "as the weights" in width.below.text()
    page.start_card.scratch.setChecked(True)
    words = shlex.split(page.model.command_line(("x",), "folders", None, with_scratch=True))
    assert words == ["sit-engine", "finetune", str(finished_run), "x", "--with-scratch"]
    page.start_card.choose(None)
    assert not page.start_card.with_scratch
    assert shlex.split(page.model.command_line(("x",), "folders", None))[2] == "scratch"
    page.start_card.choose(sample[0] / "no such file")
    wait(qtbot, lambda: page.checked.failure is not None)
    assert "no such file" in page.notice.text


def test_a_started_finetuning_ends_while_its_twin_goes_on(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], finished_run: Path
) -> None:
    page, session = window.train, window.session
    ready(window, qtbot, sample[0])
    window.show_page("train")
    page.kinds.buttons["finetune"].click()
    page.start_card.choose(finished_run)
    page.start_card.scratch.setChecked(True)
    for path, text in SHORT.items():
        page.model.set(path, text)
    page.refresh()
    wait(qtbot, page.start_button.isEnabled)
    page.start_button.click()
    assert window.stack.currentWidget() is window.watch
    wait(qtbot, lambda: not session.history.is_live)
    assert session.history.state == "completed", session.history.failure
    assert session.run is not None
    assert session.run.config().model.weights is not None
    twin = Run(session.run.path.with_name(f"{session.run.path.name}-scratch"))
    wait(qtbot, lambda: twin.config_file.is_file() and not is_running(twin))
    assert twin.config().model.weights is None
    # The duplicate of such a run is a finetuning again, from what was chosen for this one.
    page.show_kind("pretrain")
    page.load_run(session.run.config_file)
    assert page.kind == "finetune"
    assert page.start_card.weights == finished_run
    assert page.model.texts["optim.epochs"] == "2"
