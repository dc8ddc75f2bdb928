"""A run whose images moved: the window offers to find them, and to go on without those that are gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from sit_engine import api
from sit_engine.records.run import Run
from sit_studio.engine.run_thread import LegRequest
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import wait
from tests.tiny import tiny_config, tiny_finetune
from tests.training.test_resume import stop_at


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """What the dialog for folders answers from then on."""

    def answer(folder: Path) -> None:
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))

    return answer


def test_a_run_whose_folder_moved_is_resumed_where_it_is_found(
    window: MainWindow,
    qtbot: QtBot,
    few: Path,
    tmp_path: Path,
    choose: Callable[[Path], None],
) -> None:
    photos, run = shutil.copytree(few, tmp_path / "photos"), tmp_path / "run"
    api.pretrain(tiny_config(photos), run, emit=lambda _: None, make_control=stop_at(2))
    name = Run(run).split()["train"][0].partition(":")[2]
    new = photos.rename(tmp_path / "new")
    (new / name).unlink()
    session, notice = window.session, window.watch.notice
    session.preferences.set("engine/way", "this")
    window.show_page("watch")
    assert session.open_run(run)
    wait(qtbot, lambda: session.history.state == "stopped")
    window.watch.resume.click()
    wait(qtbot, lambda: notice.offer.isVisible())
    assert str(photos) in notice.text
    assert "--folders" not in notice.text
    assert (notice.offer.text(), notice.other.isVisible()) == ("Find the folder…", False)
    choose(tmp_path / "run")
    notice.offer.click()
    wait(qtbot, lambda: "None of the 48 images" in notice.text)
    choose(new)
    notice.offer.click()
    wait(qtbot, lambda: notice.other.isVisible())
    assert "now: 1 image of the run;" in notice.text
    assert notice.offer.text() == "Go on without these images"
    assert notice.other.text() == "Find the folder…"
    notice.offer.click()
    wait(qtbot, lambda: session.history.state == "completed")
    assert notice.text == ""
    assert len(Run(run).split()["train"]) + len(Run(run).split()["watch"]) == 47
    asked = LegRequest(folders=(str(new),), without_missing=True).flags()
    assert asked == ["--without-missing", "--folders", str(new)]


def test_evaluate_finds_a_finetuned_runs_own_images(
    window: MainWindow,
    qtbot: QtBot,
    few: Path,
    tmp_path: Path,
    choose: Callable[[Path], None],
) -> None:
    photos, run = shutil.copytree(few, tmp_path / "photos"), tmp_path / "run"
    api.finetune(tiny_finetune(photos, optim={"epochs": 1}), run, emit=lambda _: None)
    test = shutil.copytree(few, tmp_path / "test")
    for file in test.rglob("*.png"):
        file.write_bytes(file.read_bytes() + b"\0")
    new = photos.rename(tmp_path / "new")
    page, session = window.evaluate, window.session
    assert session.open_run(run)
    window.show_page("evaluate")
    wait(qtbot, lambda: session.history.state == "completed")
    page.test.set_path(str(test))
    page.quick.setChecked(True)
    wait(qtbot, page.measure.isEnabled)
    page.measure.click()
    wait(qtbot, lambda: page.notice.offer.isVisible())
    assert page.notice.offer.text() == "Find the folder…"
    choose(new)
    page.notice.offer.click()
    wait(qtbot, lambda: page.results.report is not None)
    assert page.notice.text == ""
