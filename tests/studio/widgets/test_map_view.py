"""The embedding map under the hand: point, click, lasso, legend, keys, drops, and never a wait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sit_studio.models.map_points import Embedding, PointGrid
from sit_studio.widgets.map.panel import MapPanel, Neighbour
from sit_studio.widgets.map.view import MapView
from tests.studio.dataset.test_drops import dragged
from tests.studio.widgets.test_plot import wheel

# Two heaps, far apart, and a lone image without a class.
PLACES = [(-5, 0)] * 6 + [(5, 0)] * 5 + [(0, 4)]
LABELS = [0] * 6 + [1] * 5 + [-1]


def embedding(sample: tuple[Path, Path]) -> Embedding:
    paths = [str(path) for path in sorted(sample[0].rglob("*.png"))[: len(PLACES)]]
    count = len(PLACES)
    return Embedding(
        paths,
        ("cat", "dog <b>"),
        (),
        ("train", "validation", "other"),
        np.array(LABELS, dtype=np.int32),
        np.full(count, -1, dtype=np.int32),
        np.array([0] * 6 + [1] * 6, dtype=np.int8),
        np.array([1] * count, dtype=np.int32),
    )


@pytest.fixture
def panel(qtbot: QtBot, sample: tuple[Path, Path]) -> MapPanel:
    made = MapPanel()
    qtbot.addWidget(made, before_close_func=MapPanel.shut_down)
    jitter = np.random.default_rng(0).normal(0, 0.1, (len(PLACES), 2))
    grid = PointGrid((np.array(PLACES) + jitter).astype(np.float32))
    made.resize(900, 500)
    made.show()
    made.show_map(embedding(sample), grid, keep=False)
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: made.view._shown is not None and not made.view._turns.isActive())
    return made


def place_of(view: MapView, row: int) -> QPoint:
    return view.place_of(row).toPoint()


def lasso(view: MapView, corners: list[QPoint], held: Qt.KeyboardModifier) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, held, corners[0])
    for corner in corners[1:]:
        QTest.mouseMove(view, corner)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, held, corners[-1])


def around(view: MapView, x: float) -> list[QPoint]:
    """Corners around the heap there."""
    ratio = view.devicePixelRatioF()
    middle = (np.array([x - view.view.x, view.view.y]) * view.view.scale) / ratio
    left = round(view.width() / 2 + middle[0])
    top = round(view.height() / 2 + middle[1])
    return [QPoint(left + dx, top + dy) for dx, dy in ((-40, -40), (40, -40), (40, 40), (-40, 40))]


def test_a_click_on_a_point_asks_for_images_like_it(panel: MapPanel, qtbot: QtBot) -> None:
    asked: list[str] = []
    panel.neighbours_wanted.connect(asked.append)
    view = panel.view
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place_of(view, 11))
    assert view.embedding is not None
    assert asked == [view.embedding.paths[11]]
    found = [Neighbour(row, view.embedding.paths[row], 0.9 - row / 100) for row in (0, 7)]
    panel.show_neighbours(asked[0], found)
    assert list(view.rings) == [11, 0, 7]
    assert len(panel.gallery) == 2
    assert panel.gallery._lines(0)[0] == "0.900"
    # Where there is nothing, nothing is chosen.
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert len(asked) == 1


def test_the_pointer_shows_the_image_with_its_class_and_answer(
    panel: MapPanel, qtbot: QtBot
) -> None:
    view = panel.view
    QTest.mouseMove(view, place_of(view, 11))
    qtbot.waitUntil(lambda: view.hovered == 11)
    qtbot.waitUntil(lambda: view.card.path in view.card.kept, timeout=30_000)
    assert view.card.isVisible()
    assert list(view.card.lines)[1:] == ["called dog <b>"]
    assert "called dog" in view.accessibleDescription()
    QTest.mouseMove(view, QPoint(2, 2))
    qtbot.waitUntil(lambda: not view.card.isVisible())


@pytest.mark.parametrize("by_button", [True, False])
def test_the_lasso_brings_its_images_to_the_grid(panel: MapPanel, by_button: bool) -> None:
    view = panel.view
    held = Qt.KeyboardModifier.NoModifier if by_button else Qt.KeyboardModifier.ShiftModifier
    if by_button:
        panel.lasso.click()
    before = view.view
    lasso(view, around(view, 5), held)
    assert view.view == before
    assert len(panel.gallery) == 5
    assert panel.chosen_title.text() == "5 images"
    assert view.embedding is not None
    assert panel.gallery.images is not None
    assert panel.gallery.images.path(0) == view.embedding.paths[6]
    assert panel.gallery._lines(0) == ["dog <b>", "called dog <b>"]


def test_a_drag_moves_and_the_wheel_zooms_at_the_pointer(panel: MapPanel) -> None:
    view = panel.view
    start = place_of(view, 0)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    QTest.mouseMove(view, QPoint(80, 60))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(80, 60))
    assert (place_of(view, 0) - start).toTuple() == (30, 10)
    here = view.place_of(0)
    scale = view.view.scale
    QApplication.sendEvent(view, wheel(here))
    assert view.view.scale > scale
    assert (view.place_of(0) - here).manhattanLength() < 0.5


def test_the_legend_lights_groups_and_only_those_are_chosen(panel: MapPanel, qtbot: QtBot) -> None:
    view = panel.view
    assert [entry.name for entry in panel.legend.entries] == ["cat", "dog <b>", "None"]
    first, second, _ = panel.legend.entries
    first.click()
    assert view.lit == {0}
    assert view.point_at(view.place_of(7)) == -1
    lasso(view, around(view, 5), Qt.KeyboardModifier.ShiftModifier)
    assert len(panel.gallery) == 0
    second.click()
    assert view.lit == {1}
    assert not first.isChecked()
    second.click()
    assert view.lit == frozenset()
    assert view.point_at(view.place_of(7)) >= 0


def test_the_keyboard_moves_zooms_fits_and_chooses(panel: MapPanel) -> None:
    view = panel.view
    clicked: list[int] = []
    view.clicked.connect(clicked.append)
    whole = view.view
    QTest.keyClick(view, Qt.Key.Key_Plus)
    QTest.keyClick(view, Qt.Key.Key_Plus)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.view.scale > whole.scale
    assert view.view.x < whole.x
    assert view.hovered >= 0
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert clicked == [view.hovered]
    QTest.keyClick(view, Qt.Key.Key_0)
    assert view.view == whole


def test_a_dropped_image_is_looked_up_a_dropped_folder_is_the_windows(
    panel: MapPanel, sample: tuple[Path, Path]
) -> None:
    asked: list[str] = []
    panel.neighbours_wanted.connect(asked.append)
    image = next(sample[1].rglob("*.png"))
    for path in (image, sample[1]):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        copy, move = Qt.DropAction.CopyAction, Qt.DropAction.MoveAction
        answers = dragged(panel.view, mime, copy | move)
        assert answers == ([copy] * 3 if path == image else [Qt.DropAction.IgnoreAction])
    assert asked == [str(image)]


def test_other_colours_and_another_arrangement_keep_the_images(panel: MapPanel) -> None:
    view = panel.view
    keys = [panel.colours.itemData(number) for number in range(panel.colours.count())]
    assert keys == ["class", "prediction", "split"]
    panel.colours.setCurrentIndex(2)
    assert [entry.name for entry in panel.legend.entries] == ["Training", "Validation"]
    panel.show_map(view.embedding, PointGrid(view.grid.points_P2 * 3 + 1), keep=True)
    assert panel.colours.currentData() == "split"
    assert view.grouping is not None
    panel.show_map(None, None, keep=False)
    assert view.grouping is None
    assert not panel.grab().isNull()


def test_a_picture_that_is_not_ready_is_shown_moved(panel: MapPanel, qtbot: QtBot) -> None:
    view = panel.view
    shown = view._shown
    view.move_by(10, 0)
    # The old one stands in until the turns of drawing are done.
    assert view._shown is shown
    assert not view.grab().isNull()
    qtbot.waitUntil(lambda: view._shown is not shown)
    assert view._shown is not None
    assert view._shown[1] == view.view
