"""A folder of videos on the Dataset page: a tile for each, which one looks through."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from sit_studio.widgets.gallery.film_grid import FilmGrid
from tests.studio.conftest import ready, wait
from tests.videos import numbered, shade, write_video


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two videos of two classes, an image, and a file that is no video."""
    folder = tmp_path / "films"
    write_video(folder / "a" / "long.mp4", numbered(40))
    write_video(folder / "b" / "short.mp4", numbered(12))
    QImage(32, 32, QImage.Format.Format_RGB32).save(str(folder / "b" / "still.png"))
    (folder / "b" / "broken.mp4").write_bytes(b"no video" * 99)
    return folder


def seen(grid: FilmGrid, place: int) -> int:
    """How bright the picture of a tile is, away from its white corner."""
    found = grid.kept[grid._shown(place)]
    assert isinstance(found, QImage)
    return found.pixelColor(40, 40).green()


def test_a_folder_of_videos_has_a_tile_for_each(
    window: MainWindow, qtbot: QtBot, films: Path
) -> None:
    ready(window, qtbot, films)
    page = window.dataset
    grid = page.lists.grid
    assert [grid._lines(place) for place in range(len(grid))] == [
        ["long.mp4", "0:10 · a"], ["short.mp4", "0:03 · b"], ["still.png", "b"],
    ]  # fmt: skip
    assert page.tabs.tabText(0) == "Videos and images 3"
    card = page.summary.images
    assert (card.caption.text(), card.figure.text()) == ("Videos", "2")
    assert card.below.text() == "13 frames are used of 13 s; and 1 image; 1 file cannot be used"
    asked: list[Path] = []
    page.lists.show_wanted.connect(asked.append)
    grid.activated.emit(1)
    assert asked == [films / "b" / "short.mp4"]


def test_one_looks_through_a_video(window: MainWindow, qtbot: QtBot, films: Path) -> None:
    ready(window, qtbot, films)
    grid = window.dataset.lists.grid
    wait(qtbot, lambda: len(grid.kept) == 3)
    # At rest the frame of the middle: of ten seconds that of the fifth.
    assert seen(grid, 0) == pytest.approx(shade(20), abs=4)
    tile = grid._tile(0)
    QTest.mouseMove(grid.viewport(), tile.topLeft() + QPoint(tile.width() - 3, 20))
    wait(qtbot, lambda: len(grid.kept) == 12)
    assert seen(grid, 0) == pytest.approx(shade(36), abs=4)
    QTest.mouseMove(grid.viewport(), tile.topLeft() + QPoint(3, 20))
    assert seen(grid, 0) == pytest.approx(shade(0), abs=4)
    QTest.mouseMove(grid.viewport(), grid._tile(2).center())
    assert grid.looked_at == -1
    assert seen(grid, 0) == pytest.approx(shade(20), abs=4)


def test_one_looks_through_a_video_with_keys(window: MainWindow, qtbot: QtBot, films: Path) -> None:
    ready(window, qtbot, films)
    grid = window.dataset.lists.grid
    grid.select(0)
    for _ in range(4):
        QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert grid.accessibleDescription() == "a/long.mp4, 0:02"
    wait(qtbot, lambda: len(grid.kept) == 12)
    assert seen(grid, 0) == pytest.approx(shade(8), abs=4)
    QTest.keyClick(grid, Qt.Key.Key_Right)
    assert (grid.current, grid.looked_at) == (1, -1)
    # An image has nothing to look through.
    QTest.keyClick(grid, Qt.Key.Key_Right)
    QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert grid.looked_at == -1
