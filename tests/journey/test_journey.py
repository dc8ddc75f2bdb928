"""The whole job through the real window and the real engine, by keys alone after the folder was dropped.

Each page's picture is taken on the way:

    pytest tests/journey --screenshots DIR

saves each page in light and dark at 1280 × 800, 1920 × 1080 and 1024 × 680; without the option none
is saved.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from sit_engine.records.event_log import read_events
from sit_engine.records.events import RunFinished, RunResumed
from sit_studio.frame.main_window import MainWindow
from sit_studio.look import theme
from sit_studio.pages.watch.page import TABS
from sit_studio.widgets.curve_groups import groups
from tests.conftest import FEW_CLASSES
from tests.studio.conftest import wait
from tests.studio.dataset.test_drops import drop

SETTINGS = {
    "optim.epochs": "2400",
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
SIZES = ((1280, 800), (1920, 1080), (1024, 680))
MOST_TABS = 400
CLEAN = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
images = torch.zeros(2, 3, 60, 80, dtype=torch.uint8)
print(json.dumps(list(torch.jit.load(sys.argv[1])(images).shape)))
"""


def go(window: MainWindow, place: QWidget) -> None:
    """Go there by Tab, as who has no mouse."""
    passed: list[str] = []
    while (here := window.focusWidget() or window) is not place:
        passed.append(here.accessibleName() or type(here).__name__)
        assert len(passed) < MOST_TABS, f"{place.accessibleName()} is not among {set(passed)}"
        QTest.keyClick(here, Qt.Key.Key_Tab)


def press(window: MainWindow, button: QWidget) -> None:
    """Go there and press Space."""
    go(window, button)
    QTest.keyClick(button, Qt.Key.Key_Space)


def write(window: MainWindow, line: QWidget, text: str) -> None:
    """Go there and type it instead of what stands there."""
    go(window, line)
    QTest.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(line, text)


def turn_to(window: MainWindow, tabs: QTabBar, number: int) -> None:
    """Go to the tabs and along them."""
    go(window, tabs)
    while (at := tabs.currentIndex()) != number:
        QTest.keyClick(tabs, Qt.Key.Key_Right if number > at else Qt.Key.Key_Left)
        assert tabs.currentIndex() != at, tabs.tabText(number)


def keys(window: MainWindow, key: Qt.Key) -> None:
    """One of the window's own, with Ctrl."""
    QTest.keyClick(window.focusWidget() or window, key, Qt.KeyboardModifier.ControlModifier)


class Camera:
    """Takes a page's pictures when a folder was asked for."""

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
    """The photographs with rubbish, three files that cannot be used, one exact copy and one leak."""
    mine = folder / "my images – Ünïcode, 'quoted' 📷"
    train, test = mine / "train", mine / "test"
    for name in FEW_CLASSES:  # Sixteen are measured for half a minute, and show no more.
        shutil.copytree(sample[0] / name, train / name)
        shutil.copytree(sample[1] / name, test / name)
    # What systems and archives leave beside images, which is looked at by nobody.
    for rubbish in (".DS_Store", "Thumbs.db", "__MACOSX/cat/._000.png", "@eaDir/cat/000.png"):
        (train / rubbish).parent.mkdir(parents=True, exist_ok=True)
        (train / rubbish).write_bytes(b"rubbish")
    one = next((train / "cat").iterdir())
    (train / "cat" / "cut off.png").write_bytes(one.read_bytes()[:200])
    (train / "moon" / "empty.jpg").touch()
    (train / "notes.txt").write_text("not an image")
    shutil.copy(one, train / "cat" / "again.png")
    shutil.copy(one, test / "cat" / "leak.png")
    return train, test


def see_the_folder(
    window: MainWindow, qtbot: QtBot, train: Path, test: Path, camera: Camera
) -> None:
    """Drop it; the images, problems, copies and leaks are there."""
    session = window.session
    drop(window, QUrl.fromLocalFile(str(train)))
    wait(qtbot, lambda: session.dataset.state == "ready")
    QGuiApplication.clipboard().setText(str(test))
    go(window, window.dataset.test.line)
    keys(window, Qt.Key.Key_V)
    QTest.keyClick(window.dataset.test.line, Qt.Key.Key_Return)
    wait(qtbot, lambda: session.dataset.state == "ready" and bool(session.dataset.test))
    index = session.dataset.index
    assert index is not None
    assert len(index) == 4 * 12 + 1
    assert {Path(index.problem(n).path).name for n in range(len(index.problems))} == {
        "cut off.png",
        "empty.jpg",
        "notes.txt",
    }
    assert len(index.duplicates) == 1
    assert len(index.leaks) == 1
    wait(qtbot, lambda: len(window.dataset.grid.kept) > 5)
    camera.shoot("dataset")
    turn_to(window, window.dataset.tabs.tabBar(), 1)
    camera.shoot("dataset-problems")


def choose_settings(window: MainWindow, qtbot: QtBot, camera: Camera) -> None:
    """Change settings, see the preview follow, measure what it will cost."""
    keys(window, Qt.Key.Key_2)
    assert window.stack.currentWidget() is window.train
    wait(qtbot, lambda: window.session.device is not None)
    page = window.train
    assert page.form.sizes is not None
    press(window, page.form.sizes.buttons["quick"])
    fields = page.fields.fields
    press(window, page.form.advanced.fold)
    for path, text in SETTINGS.items():
        write(window, fields[path][0].editor, text)
    camera.shoot("train-advanced")
    press(window, page.form.advanced.fold)
    wait(qtbot, lambda: len(page.preview.pictures.rows) > 0)
    before = page.preview.share.text()
    for path, text in (("drop_share", "0.9"), ("replace_probability", "0")):
        write(window, fields[f"method.corruption.{path}"][0].editor, text)
    wait(qtbot, lambda: page.preview.share.text() != before)
    press(window, page.cost.measure)
    wait(qtbot, lambda: not page.cost.job.is_busy)
    assert "images/s" in page.cost.sentence.text()
    camera.shoot("train")


def stop_while_it_prepares(window: MainWindow, qtbot: QtBot) -> None:
    """Start too early and stop: nothing is left of it, and Start is there again."""
    keys(window, Qt.Key.Key_Return)
    watch, session = window.watch, window.session
    assert session.history.state == "preparing"
    press(window, watch.stop)
    wait(qtbot, lambda: session.run is None)
    assert "stopped before its first step" in watch.notice.text
    assert not list(session.preferences.runs_folder.glob("*"))
    keys(window, Qt.Key.Key_2)
    assert window.train.start_button.isEnabled()


def watch_it_learn(window: MainWindow, qtbot: QtBot, camera: Camera) -> None:
    """Start; points on the curve, a reconstruction and an attention map arrive."""
    keys(window, Qt.Key.Key_Return)
    watch, history = window.watch, window.session.history
    assert window.stack.currentWidget() is watch
    # One press too many ends nothing.
    QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_Space)
    assert not history.asked
    wait(qtbot, lambda: history.state == "training" and history.step >= 40)
    assert len(history.curve("loss")) > 5
    wait(qtbot, lambda: watch.is_built and watch.pictures.shown >= 0)
    wait(qtbot, lambda: watch.pictures.reconstructions_tab.grid.isVisible())
    for number, name in enumerate(TABS):
        if watch.tabs.isTabVisible(number):
            turn_to(window, watch.tabs, number)
            camera.shoot(f"watch-{name}")
    (knn,) = (number for number, group in enumerate(groups()) if group.title == "k-NN")
    turn_to(window, watch.curves.tabs, knn)
    camera.shoot("watch-knn")
    turn_to(window, watch.curves.tabs, 0)


def pause_resume_finish(window: MainWindow, qtbot: QtBot, camera: Camera) -> None:
    """Two legs in the run folder: one paused, one finished early and kept."""
    watch, session = window.watch, window.session
    history = session.history
    keys(window, Qt.Key.Key_P)
    wait(qtbot, lambda: history.state == "paused")
    assert watch.resume.isVisibleTo(watch)
    paused_at = history.step
    keys(window, Qt.Key.Key_P)
    wait(qtbot, lambda: history.state == "training" and history.step > paused_at)
    press(window, watch.finish)
    wait(qtbot, lambda: history.state == "completed")
    camera.shoot("watch-complete")
    assert session.run is not None
    told = [event for event, _ in read_events(session.run)]
    outcomes = [event.outcome for event in told if isinstance(event, RunFinished)]
    assert outcomes == ["paused", "completed"]
    assert [event.leg for event in told if isinstance(event, RunResumed)] == [1]


def evaluate(window: MainWindow, qtbot: QtBot, train: Path, test: Path, camera: Camera) -> None:
    """Figures beside the baselines, the images behind them, and the map."""
    keys(window, Qt.Key.Key_4)
    page = window.evaluate
    assert (page.train.path, page.test.path) == (str(train), str(test))
    press(window, page.measure)
    wait(qtbot, lambda: not page.job.is_busy)
    assert page.notice.text == ""
    report = page.results.report
    assert report is not None
    assert report.columns == ("raw pixels", "untrained", "pretrained")
    for number, name in enumerate(("figures", "shots", "confusion", "classes", "wrong")):
        turn_to(window, page.results.tabBar(), number)
        camera.shoot(f"evaluate-{name}")
    turn_to(window, page.results.tabBar(), page.results.indexOf(page.map))
    press(window, page.map.make)
    wait(qtbot, lambda: page.map.loaded is not None)
    # The middle of the map is what the keys point at.
    go(window, page.map.panel.view)
    QTest.keyClick(page.map.panel.view, Qt.Key.Key_0)
    QTest.keyClick(page.map.panel.view, Qt.Key.Key_Return)
    wait(qtbot, lambda: len(page.map.panel.gallery) > 0)
    camera.shoot("evaluate-map")


def export(window: MainWindow, qtbot: QtBot, place: Path, camera: Camera) -> None:
    """A file that a clean process opens without us."""
    keys(window, Qt.Key.Key_5)
    page = window.export
    file = Path(page.out.text())
    press(window, page.write)
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
    window.activateWindow()
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    train, test = damaged_copy(sample, tmp_path)
    for page in window.pages:
        window.show_page(page)
        camera.shoot(f"empty-{page}")
    see_the_folder(window, qtbot, train, test, camera)
    choose_settings(window, qtbot, camera)
    stop_while_it_prepares(window, qtbot)
    watch_it_learn(window, qtbot, camera)
    pause_resume_finish(window, qtbot, camera)
    evaluate(window, qtbot, train, test, camera)
    export(window, qtbot, tmp_path, camera)
    keys(window, Qt.Key.Key_6)
    # Its row was made while it trained.
    wait(qtbot, lambda: [row.status for row in window.runs.table_model.rows] == ["completed"])
    go(window, window.runs.table)
    QTest.keyClick(window.runs.table, Qt.Key.Key_Down)
    assert window.runs.open.isEnabled()
    row = window.runs.table_model.rows[0]
    assert window.session.run is not None
    assert (row.path, row.status) == (window.session.run.path, "completed")
    assert row.bytes > 0
    camera.shoot("runs")
