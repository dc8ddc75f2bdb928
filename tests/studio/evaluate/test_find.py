"""Find in the real window: an index of videos, a dropped query, copies as groups, lists as files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sit_engine import api
from sit_engine.records.events import Event
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.evaluate.find.find_tab import FindTab
from sit_studio.pages.evaluate.find.index_view import FOUND, GROUPS, IndexView
from tests.studio.conftest import wait
from tests.videos import scenes, write_video


@pytest.fixture
def shelf(films: Path, tmp_path: Path) -> Path:
    """Six films, and a copy of one under another name."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for number in range(6):
        shutil.copy(films / f"{number:02d}.mp4", folder)
    shutil.copy(films / "03.mp4", folder / "copy of 3.mp4")
    return folder


@pytest.fixture
def tab(
    window: MainWindow, qtbot: QtBot, clip_run: tuple[Path, list[Event]], tmp_path: Path
) -> FindTab:
    """Find, in front, with a run of clips."""
    run = tmp_path / "run"
    shutil.copytree(clip_run[0], run)
    window.session.open_run(run)
    window.show_page("evaluate")
    page = window.evaluate
    wait(qtbot, lambda: page.results.currentWidget() is page.finder)
    return page.finder


def drop(view: IndexView, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
           Qt.KeyboardModifier.NoModifier)  # fmt: skip
    for event in (QDragEnterEvent(QPoint(50, 50), *how), QDropEvent(QPointF(50, 50), *how)):
        QApplication.sendEvent(view, event)
        assert event.isAccepted()


def test_a_dropped_video_and_copies_are_found_and_listed(
    window: MainWindow, tab: FindTab, qtbot: QtBot, shelf: Path, tmp_path: Path
) -> None:
    run = window.session.run
    assert run is not None
    assert tab.place is not None
    api.index_videos(run.path, [str(shelf)], tab.place)
    tab.forget()
    wait(qtbot, lambda: tab.loaded is not None)
    view = tab.view
    assert view.views.tabText(0) == "Videos 7"
    assert [view.films._lines(n)[0] for n in range(2)] == ["00.mp4", "01.mp4"]
    drop(view, Path(shutil.copy(shelf / "03.mp4", tmp_path / "query.mp4")))
    wait(qtbot, lambda: view.found is not None)
    assert view.views.currentIndex() == FOUND
    best = view.hits.matches[0]
    assert Path(best.hit.path).name in ("03.mp4", "copy of 3.mp4")
    assert best.query_s == pytest.approx(4.0, abs=0.3)
    beside = view.hits.beside
    wait(qtbot, lambda: all(isinstance(one.found, QImage) for one in beside.pictures))
    QTest.keyClick(beside.slider, Qt.Key.Key_End)
    assert beside.number == len(best.moments()) - 1
    QTest.keyClick(view.hits.table, Qt.Key.Key_Down)
    assert beside.match is view.hits.matches[1]
    tab.save_to(tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["video"] == best.hit.path
    view.find_groups.click()
    wait(qtbot, lambda: view.groups is not None)
    assert view.views.currentIndex() == GROUPS
    group = view.duplicates.group
    assert group is not None
    assert {"03.mp4", "copy of 3.mp4"} <= {Path(path).name for path in group.paths}
    assert len(view.duplicates.grid) == len(group.paths)
    tab.save_to(tmp_path / "groups.json")
    assert json.loads((tmp_path / "groups.json").read_text())["groups"]
    tab.save_to(tmp_path / "groups.html")
    wait(qtbot, lambda: not tab.job.is_busy)
    assert "copy of 3.mp4" in (tmp_path / "groups.html").read_text("utf-8")
    assert len(list(shelf.iterdir())) == 7


def test_an_index_is_there_again_and_grows(
    window: MainWindow, tab: FindTab, qtbot: QtBot, shelf: Path, finished_run: Path
) -> None:
    run = window.session.run
    assert run is not None
    assert not tab.make.isEnabled()
    tab.folder.set_path(str(shelf))
    (shelf / "broken.mp4").write_bytes(b"no video" * 99)
    told: list[str] = []
    tab.told.connect(lambda failure: told.append(failure.message))
    tab.make.click()
    assert tab.stop.isVisibleTo(tab)
    tab.stop.click()
    assert not tab.job.is_busy
    tab.make.click()
    wait(qtbot, lambda: tab.loaded is not None)
    assert told[0].startswith("1 file cannot be searched in; the first: ")
    assert "broken.mp4" in told[0]
    # Another run has no clips, and no Find.
    window.session.open_run(finished_run)
    page = window.evaluate
    number = page.results.indexOf(tab)
    wait(qtbot, lambda: not page.results.isTabVisible(number))
    write_video(shelf / "new.mp4", scenes(40, 16))
    window.session.open_run(run.path)
    wait(qtbot, lambda: page.results.isTabVisible(number) and tab.loaded is not None)
    assert tab.loaded is not None
    assert len(tab.loaded.films) == 7
    assert tab.folder.path == str(shelf)
    tab.bring.click()
    wait(qtbot, lambda: tab.loaded is not None and len(tab.loaded.films) == 8)
    # Another checkpoint has an index of its own, which nobody made.
    page.checkpoint.setCurrentIndex(1)
    wait(qtbot, lambda: tab.loaded is None)
    assert tab.make.isVisibleTo(tab)
