"""The whole job through the real window and the real engine, with a picture of every page.

    pytest tests/journey --screenshots DIR

saves each page in light and dark at 1280 × 800 and 1920 × 1080; without the option none is saved.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sit_engine import runs
from sit_engine.events import RunFinished, RunResumed
from sit_studio import theme
from sit_studio.main_window import MainWindow
from sit_studio.widgets.curve_groups import GROUPS
from tests.studio.conftest import wait

SETTINGS = {
    "optim.epochs": "400",
    "optim.batch_size": "32",
    "model.image_size": "32",
    "model.patch_size": "4",
    "model.width": "32",
    "model.depth": "2",
    "model.heads": "2",
    "compute.threads": "1",
    "watch.report_every": "2",
    "watch.previews": "40",
    "watch.readings": "40",
}
SIZES = ((1280, 800), (1920, 1080))
CLEAN = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
images = torch.zeros(2, 3, 60, 80, dtype=torch.uint8)
print(json.dumps(list(torch.jit.load(sys.argv[1])(images).shape)))
"""


class Camera:
    """Takes a page's four pictures when a folder was asked for."""

    def __init__(self, window: MainWindow, qtbot: QtBot, folder: Path | None) -> None:
        self.window, self.qtbot, self.folder = window, qtbot, folder

    def shoot(self, name: str) -> None:
        """The window as it is now."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        for colours in ("light", "dark"):
            theme.apply(application, colours)
            for width, height in SIZES:
                self.window.resize(width, height)
                self.qtbot.wait(400)
                file = self.folder / f"{name}-{colours}-{width}x{height}.png"
                assert self.window.grab().save(str(file))
        theme.apply(application, "light")


def damaged_copy(sample: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """The photographs with three files that cannot be used, one exact copy and one leak."""
    train, test = folder / "my images" / "train", folder / "my images" / "test"
    shutil.copytree(sample[0], train)
    shutil.copytree(sample[1], test)
    one = next((train / "cat").iterdir())
    (train / "cat" / "cut off.png").write_bytes(one.read_bytes()[:200])
    (train / "coins" / "empty.jpg").touch()
    (train / "notes.txt").write_text("not an image")
    shutil.copy(one, train / "cat" / "again.png")
    shutil.copy(one, test / "cat" / "leak.png")
    return train, test


def see_the_folder(
    window: MainWindow, qtbot: QtBot, train: Path, test: Path, camera: Camera
) -> None:
    """Drop it; the images, problems, copies and leaks are there."""
    session = window.session
    window.take_paths([str(train)])
    wait(qtbot, lambda: session.dataset.state == "ready")
    window.dataset.test.set_path(str(test))
    wait(qtbot, lambda: session.dataset.state == "ready" and bool(session.dataset.test))
    index = session.dataset.index
    assert index is not None
    assert len(index) == 16 * 12 + 1
    assert {Path(index.problem(n).path).name for n in range(len(index.problems))} == {
        "cut off.png",
        "empty.jpg",
        "notes.txt",
    }
    assert len(index.duplicates) == 1
    assert len(index.leaks) == 1
    wait(qtbot, lambda: len(window.dataset.grid.kept) > 5)
    camera.shoot("dataset")
    window.dataset.tabs.setCurrentIndex(1)
    camera.shoot("dataset-problems")


def choose_settings(window: MainWindow, qtbot: QtBot, camera: Camera) -> None:
    """Change settings, see the preview follow, measure what it will cost."""
    window.show_page("train")
    wait(qtbot, lambda: window.session.device is not None)
    page = window.train
    assert page.form.sizes is not None
    page.form.sizes.buttons["quick"].click()
    fields = page.fields.fields
    for path, text in SETTINGS.items():
        fields[path][0].edited.emit(path, text)
    wait(qtbot, lambda: len(page.preview.pictures.rows) > 0)
    before = page.preview.share.text()
    for path, text in (("drop_share", "0.9"), ("replace_probability", "0")):
        full = f"method.corruption.{path}"
        fields[full][-1].edited.emit(full, text)
    wait(qtbot, lambda: page.preview.share.text() != before)
    page.cost.measure.click()
    wait(qtbot, lambda: not page.cost.job.is_busy)
    assert "images/s" in page.cost.sentence.text()
    camera.shoot("train")
    page.form.advanced.fold.click()
    camera.shoot("train-advanced")
    page.form.advanced.fold.click()


def watch_it_learn(window: MainWindow, qtbot: QtBot, camera: Camera) -> None:
    """Start; points on the curve, a reconstruction and an attention map arrive."""
    window.train.start_button.click()
    watch, history = window.watch, window.session.history
    assert window.stack.currentWidget() is watch
    wait(qtbot, lambda: history.state == "training" and history.step >= 40)
    assert len(history.curve("loss")) > 5
    wait(qtbot, lambda: watch.is_built and watch.pictures.shown >= 0)
    qtbot.wait(500)
    assert watch.pictures.reconstructions_tab.grid.isVisible()
    for number, name in enumerate(("reconstructions", "attention", "health", "system", "log")):
        watch.tabs.setCurrentIndex(number)
        qtbot.wait(200)
        camera.shoot(f"watch-{name}")
    (knn,) = (number for number, group in enumerate(GROUPS) if group.title == "k-NN")
    watch.curves.tabs.setCurrentIndex(knn)
    camera.shoot("watch-knn")
    watch.curves.tabs.setCurrentIndex(0)


def pause_resume_finish(window: MainWindow, qtbot: QtBot, camera: Camera) -> None:
    """Two legs in the run folder: one paused, one finished early and kept."""
    watch, session = window.watch, window.session
    history = session.history
    watch.pause.click()
    wait(qtbot, lambda: history.state == "paused")
    assert watch.resume.isVisibleTo(watch)
    paused_at = history.step
    watch.resume.click()
    wait(qtbot, lambda: history.state == "training" and history.step > paused_at)
    watch.finish.click()
    wait(qtbot, lambda: history.state == "completed")
    camera.shoot("watch-complete")
    assert session.run is not None
    told = [event for event, _ in runs.read_events(session.run)]
    outcomes = [event.outcome for event in told if isinstance(event, RunFinished)]
    assert outcomes == ["paused", "completed"]
    assert [event.leg for event in told if isinstance(event, RunResumed)] == [1]


def evaluate(window: MainWindow, qtbot: QtBot, train: Path, test: Path, camera: Camera) -> None:
    """Figures beside the baselines, the images behind them, and the map."""
    window.show_page("evaluate")
    page = window.evaluate
    assert (page.train.path, page.test.path) == (str(train), str(test))
    page.measure.click()
    wait(qtbot, lambda: not page.job.is_busy)
    assert page.notice.text == ""
    report = page.results.report
    assert report is not None
    assert report.columns == ("raw pixels", "untrained", "pretrained")
    for number, name in enumerate(("figures", "shots", "confusion", "classes", "wrong")):
        page.results.setCurrentIndex(number)
        qtbot.wait(200)
        camera.shoot(f"evaluate-{name}")
    page.results.setCurrentWidget(page.map)
    page.map.make.click()
    wait(qtbot, lambda: page.map.loaded is not None)
    page.map.panel.view.clicked.emit(0)
    wait(qtbot, lambda: len(page.map.panel.gallery) > 0)
    qtbot.wait(300)
    camera.shoot("evaluate-map")


def export(window: MainWindow, qtbot: QtBot, place: Path, camera: Camera) -> None:
    """A file that a clean process opens without us."""
    window.show_page("export")
    page = window.export
    file = Path(page.out.text())
    page.write.click()
    wait(qtbot, lambda: not page.job.is_busy)
    assert page.notice.text == ""
    camera.shoot("export")
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN, str(file)],
        capture_output=True, text=True, check=True, cwd=place, timeout=120,
    )  # fmt: skip
    assert json.loads(done.stdout) == [2, 32]
    assert file.with_name(f"{file.name}.md").is_file()


@pytest.mark.timeout(600)
def test_from_a_dropped_folder_to_a_model_that_runs_elsewhere(
    window: MainWindow,
    qtbot: QtBot,
    sample: tuple[Path, Path],
    tmp_path: Path,
    screenshots: Path | None,
) -> None:
    camera = Camera(window, qtbot, screenshots)
    # The offscreen platform's screen is smaller, and the window fits into it.
    window.resize(*SIZES[0])
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    train, test = damaged_copy(sample, tmp_path)
    for page in window.pages:
        window.show_page(page)
        camera.shoot(f"empty-{page}")
    see_the_folder(window, qtbot, train, test, camera)
    choose_settings(window, qtbot, camera)
    watch_it_learn(window, qtbot, camera)
    pause_resume_finish(window, qtbot, camera)
    evaluate(window, qtbot, train, test, camera)
    export(window, qtbot, tmp_path, camera)
    window.show_page("runs")
    # Its row was made while it trained.
    wait(qtbot, lambda: [row.status for row in window.runs.table_model.rows] == ["completed"])
    window.runs.table.selectRow(0)
    row = window.runs.table_model.rows[0]
    assert window.session.run is not None
    assert (row.path, row.status) == (window.session.run.path, "completed")
    assert row.bytes > 0
    camera.shoot("runs")
