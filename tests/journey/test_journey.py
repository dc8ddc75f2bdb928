"""The whole job through the real window and the real engine, with a picture of every page.

    pytest tests/journey --screenshots DIR

saves each page in light and dark at 1280 × 800 and 1920 × 1080; without the option none is saved.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sit_engine import runs
from sit_engine.events import ConfigChanged, RunFinished, RunResumed
from sit_studio import theme
from sit_studio.main_window import MainWindow

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


def until(qtbot: QtBot, claim: Callable[[], bool], limit_s: float = 120) -> None:
    """Wait, with the window alive, until the claim holds."""
    qtbot.waitUntil(claim, timeout=round(1000 * limit_s))


def damaged_copy(sample: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """The photographs with three files that cannot be used and one exact copy."""
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


@pytest.mark.timeout(600)
def test_from_a_dropped_folder_to_a_model_that_runs_elsewhere(
    window: MainWindow,
    qtbot: QtBot,
    sample: tuple[Path, Path],
    tmp_path: Path,
    screenshots: Path | None,
) -> None:
    camera = Camera(window, qtbot, screenshots)
    session = window.session
    train, test = damaged_copy(sample, tmp_path)
    for page in ("dataset", "train", "watch", "evaluate", "export", "runs"):
        window.show_page(page)
        camera.shoot(f"empty-{page}")

    # Drop the folder, see the problems.
    window.take_paths([str(train)])
    until(qtbot, lambda: session.dataset.state == "ready")
    window.dataset.test.set_path(str(test))
    until(qtbot, lambda: session.dataset.state == "ready" and bool(session.dataset.test))
    index = session.dataset.index
    assert index is not None
    assert len(index) == 16 * 12 + 1
    assert {Path(index.problem(n).path).name for n in range(len(index.problems))} == {
        "cut off.png", "empty.jpg", "notes.txt",
    }  # fmt: skip
    assert len(index.duplicates) == 1
    assert len(index.leaks) == 1
    until(qtbot, lambda: len(window.dataset.grid.kept) > 5)
    camera.shoot("dataset")
    window.dataset.tabs.setCurrentIndex(1)
    camera.shoot("dataset-problems")

    # Change settings, see the preview follow, measure.
    window.show_page("train")
    until(qtbot, lambda: session.device is not None)
    page = window.train
    page.model.preset = "quick"
    for path, text in (
        ("optim.epochs", "400"), ("optim.batch_size", "32"), ("model.image_size", "32"),
        ("model.patch_size", "4"), ("model.width", "32"), ("model.depth", "2"),
        ("model.heads", "2"), ("compute.threads", "1"), ("watch.report_every", "2"),
        ("watch.previews", "40"), ("watch.readings", "40"),
    ):  # fmt: skip
        page.fields.fields[path][0].edited.emit(path, text)
    until(qtbot, lambda: len(page.preview.pictures.rows) > 0)
    before = page.preview.share.text()
    page.fields.fields["method.corruption.drop_share"][-1].edited.emit(
        "method.corruption.drop_share", "0.9"
    )
    page.fields.fields["method.corruption.replace_probability"][-1].edited.emit(
        "method.corruption.replace_probability", "0"
    )
    until(qtbot, lambda: page.preview.share.text() != before)
    page.cost.measure.click()
    until(qtbot, lambda: not page.cost.job.is_busy)
    assert "images/s" in page.cost.sentence.text()
    camera.shoot("train")
    page.advanced.fold.click()
    camera.shoot("train-advanced")
    page.advanced.fold.click()

    # Start; points, a reconstruction and an attention map arrive.
    page.start_button.click()
    assert window.stack.currentWidget() is window.watch
    history = session.history
    until(qtbot, lambda: history.state == "training" and history.step >= 40)
    watch = window.watch
    assert len(history.curve("loss")) > 5
    until(qtbot, lambda: watch.is_built and watch.pictures.shown >= 0)
    camera.shoot("watch")
    for number, name in enumerate(("reconstructions", "attention", "health", "system", "log")):
        watch.tabs.setCurrentIndex(number)
        qtbot.wait(200)
        camera.shoot(f"watch-{name}")
    watch.curves.tabs.setCurrentIndex(1)
    camera.shoot("watch-knn")
    watch.curves.tabs.setCurrentIndex(0)

    # Pause, resume, finish early.
    watch.pause.click()
    until(qtbot, lambda: history.state == "paused")
    assert watch.resume.isVisibleTo(watch)
    paused_at = history.step
    watch.resume.click()
    until(qtbot, lambda: history.state == "training" and history.step > paused_at)
    watch.finish.click()
    until(qtbot, lambda: history.state == "completed")
    camera.shoot("watch-complete")
    assert session.run is not None
    told = [event for event, _ in runs.read_events(session.run)]
    assert [event.outcome for event in told if isinstance(event, RunFinished)] == [
        "paused", "completed",
    ]  # fmt: skip
    assert [event.leg for event in told if isinstance(event, RunResumed)] == [1]
    assert not [event for event in told if isinstance(event, ConfigChanged)]

    # Evaluate beside the baselines.
    window.show_page("evaluate")
    evaluate = window.evaluate
    assert (evaluate.train.path, evaluate.test.path) == (str(train), str(test))
    evaluate.measure.click()
    until(qtbot, lambda: evaluate._job is None, 240)
    assert evaluate.notice.text == ""
    assert evaluate.grid.count() > 4
    camera.shoot("evaluate")

    # Export, and open it elsewhere.
    window.show_page("export")
    export = window.export
    export.write.click()
    until(qtbot, lambda: export._job is None, 240)
    assert export.notice.text == ""
    camera.shoot("export")
    file = session.run.path / "exports" / "model.pt"
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN, str(file)],
        capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert json.loads(done.stdout) == [2, 32]
    assert file.with_name("model.pt.md").is_file()

    # It stands among the runs.
    window.show_page("runs")
    until(qtbot, lambda: len(window.runs.table_model.rows) == 1)
    window.runs.table.selectRow(0)
    row = window.runs.table_model.rows[0]
    assert (row.path, row.status) == (session.run.path, "completed")
    assert row.bytes > 0
    camera.shoot("runs")
