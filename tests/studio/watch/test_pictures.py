"""Pictures from arrays: colours, what is enlarged, what the keyboard reaches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from sit_engine.records.attention import Crosses, holding
from sit_studio.look import theme
from sit_studio.pages.watch.attention_view import AttentionView
from sit_studio.pages.watch.model_pictures import ReconstructionView
from sit_studio.widgets.gallery.array_images import (
    Pixels,
    error_colours,
    heat_colours,
    heat_table,
    scaled,
    to_image,
)
from sit_studio.widgets.gallery.enlarged import Enlarged


def photos(number: int, side: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (number, side, side, 3), dtype=np.uint8)


def shown_in_window(widget: QWidget, qtbot: QtBot) -> QWidget:
    window = QWidget()
    QVBoxLayout(window).addWidget(widget)
    qtbot.addWidget(window)
    window.resize(600, 500)
    window.show()
    qtbot.waitExposed(window)
    return window


def enlarged_of(window: QWidget) -> Enlarged:
    return [each for each in window.findChildren(Enlarged) if each.isVisible()][-1]


@pytest.fixture
def rows(qtbot: QtBot) -> Iterator[ReconstructionView]:
    view = ReconstructionView()
    window = shown_in_window(view, qtbot)
    pixels = photos(8, 224)
    view.show_arrays(pixels, 255 - pixels, pixels, np.zeros(pixels.shape, np.int16))
    yield view
    window.close()


def test_too_bright_is_red_and_too_dark_is_blue() -> None:
    difference = np.array([[[200] * 3, [-200] * 3, [0] * 3, [32767] * 3]], dtype=np.int16)
    bright, dark, none, beyond = error_colours(difference)[0].astype(int)
    assert bright[0] > bright[2] + 50
    assert dark[2] > dark[0] + 50
    assert np.ptp(none) < 8
    assert none.min() > 240
    assert beyond[0] > beyond[2]


def test_in_the_dark_no_difference_is_dark(qapp: QApplication) -> None:
    difference = np.array([[[200] * 3, [-200] * 3, [0] * 3]], dtype=np.int16)
    theme.apply(qapp, "dark")
    bright, dark, none = error_colours(difference)[0].astype(int)
    theme.apply(qapp, "light")
    assert bright[0] > bright[2] + 50
    assert dark[2] > dark[0] + 50
    # Near what is around it, and darker than what differs.
    surface = QColor("#1C222A")
    assert abs(none - [surface.red(), surface.green(), surface.blue()]).max() < 16
    assert none.sum() + 150 < min(bright.sum(), dark.sum())


def test_heat_is_stretched_from_least_to_greatest() -> None:
    ramp = np.linspace(3, 4, 196, dtype=np.float32).reshape(14, 14)
    colours = heat_colours(ramp, 224).astype(int).sum(axis=2)
    assert colours[0, 0] < 30
    assert colours[-1, -1] > 600


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf])
def test_a_map_without_contrast_is_dark(value: float) -> None:
    assert heat_colours(np.full((4, 4), value, np.float32), 32).max() < 10


def test_small_pictures_keep_hard_pixels() -> None:
    hard = np.zeros((2, 2, 3), np.uint8)
    hard[0, 0] = 255
    large = scaled(to_image(hard), 100)
    seen = {large.pixelColor(x, y).red() for x in range(0, 100, 7) for y in range(0, 100, 7)}
    assert seen == {0, 255}
    smooth = scaled(to_image(np.kron(hard, np.ones((64, 64, 1), np.uint8))), 333)
    assert len({smooth.pixelColor(x, 20).red() for x in range(333)}) > 2


def test_only_tiles_in_view_are_converted(rows: ReconstructionView, qtbot: QtBot) -> None:
    rows.grab()
    assert 0 < len(rows.grid._kept) < 8 * 4


def test_the_keyboard_reaches_and_enlarges_every_tile(
    rows: ReconstructionView, qtbot: QtBot
) -> None:
    grid = rows.grid
    QTest.keyClick(grid, Qt.Key.Key_End)
    assert grid.current == (7, 3)
    assert grid.viewport().rect().contains(grid.tile_rect(7, 3))
    QTest.keyClick(grid, Qt.Key.Key_Return)
    large = enlarged_of(rows.window())
    assert "Difference" in large.accessibleName()
    QTest.keyClick(large, Qt.Key.Key_Left)
    assert "Output" in large.accessibleName()
    assert not large.grab().isNull()
    QTest.keyClick(large, Qt.Key.Key_Escape)
    assert not large.isVisible()
    assert grid.current == (7, 2)


def test_a_click_enlarges(rows: ReconstructionView, qtbot: QtBot) -> None:
    place = rows.grid.tile_rect(0, 1).center()
    QTest.mouseClick(rows.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert "Corrupted" in enlarged_of(rows.window()).accessibleName()


def test_new_arrays_keep_the_place(rows: ReconstructionView, qtbot: QtBot) -> None:
    rows.grid.go_to(6, 1)
    before = rows.grid.verticalScrollBar().value()
    pixels = photos(8, 224)
    rows.show_arrays(pixels, pixels, pixels, np.zeros(pixels.shape, np.int16))
    assert rows.grid.current == (6, 1)
    assert rows.grid.verticalScrollBar().value() == before > 0


def test_empty_says_why(rows: ReconstructionView) -> None:
    rows.show_empty("Nothing <b>yet</b>.")
    assert "Nothing <b>yet</b>." in [each.text() for each in rows.findChildren(QLabel)]
    assert not rows.grid.isVisible()


def test_attention_shows_the_mean_first_and_follows_choices(qtbot: QtBot) -> None:
    view = AttentionView()
    window = shown_in_window(view, qtbot)
    heads = np.random.default_rng(0).random((3, 8, 14, 14), dtype=np.float32)
    view.show_arrays(photos(3, 64), heads)
    np.testing.assert_allclose(view._maps[:, 0], heads.mean(axis=1))
    QTest.keyClick(view.images, Qt.Key.Key_Right)
    QTest.keyClick(view.heads, Qt.Key.Key_Right)
    assert view._large_name() == "Head 1, Image 2"
    QTest.keyClick(view.heads, Qt.Key.Key_End)
    assert view._large_name() == "Head 1, Image 2", "an empty place is no choice"
    view.alpha.setValue(0)
    plain = view.large.grab().toImage()
    view.alpha.setValue(100)
    assert view.large.grab().toImage() != plain
    view.show_arrays(photos(3, 64), heads)
    assert view._large_name() == "Head 1, Image 2"
    QTest.keyClick(view.large, Qt.Key.Key_Return)
    assert enlarged_of(window).accessibleName() == "Head 1, Image 2"


def test_attention_as_a_mask_shows_the_image_where_it_lies(qtbot: QtBot) -> None:
    view = AttentionView()
    window = shown_in_window(view, qtbot)
    heads = np.random.default_rng(0).gamma(0.3, size=(2, 3, 8, 8)).astype(np.float32)
    pixels = np.maximum(photos(2, 64), 1)
    view.show_arrays(pixels, heads)
    heat = view._head_layers(0, 2)[1]
    QTest.keyClick(view.way, Qt.Key.Key_Down)
    assert view.as_mask
    plain, over = view._head_layers(0, 2)
    assert over != heat
    kept = np.kron(holding(heads[0, 1], 0.6), np.ones((8, 8), dtype=bool))
    for x, y in ((0, 0), (13, 40), (63, 63), (31, 7)):
        shown = over.pixelColor(x, y)
        assert shown == (plain.pixelColor(x, y) if kept[y, x] else QColor("black"))
    assert 0 < kept.sum() < kept.size
    QTest.keyClick(view.way, Qt.Key.Key_Up)
    assert view._head_layers(0, 2)[1] == heat
    window.close()


def crosses_of(images: int) -> Crosses:
    """Stages of 8 × 8 places in stripes of 2, and of 4 × 4 that read all."""
    draw = np.random.default_rng(3)
    columns, rows = (draw.random((images, 8, 8, *shape)) for shape in ((8, 2), (2, 8)))
    whole = draw.random((images, 4, 4, 4, 4))
    return Crosses(
        tuple(
            tuple((each / each.sum((3, 4), keepdims=True)).astype(np.float16) for each in stage)
            for stage in ((columns, rows), (whole,))
        )
    )


def test_a_click_shows_the_cross_that_a_place_reads_in_each_stage(qtbot: QtBot) -> None:
    view = AttentionView()
    window = shown_in_window(view, qtbot)
    view.show_arrays(photos(2, 64), np.zeros((2, 3, 4, 4), np.float32))
    assert view.way.count() == 2
    crosses = crosses_of(2)
    view.show_crosses(Crosses.of(crosses.arrays()))
    view.way.setCurrentIndex(2)
    assert view.reads_place
    rect = view.large.tile_rect(0, 0)
    # The place in row 1, column 6 of the first stage.
    at = rect.topLeft() + QPoint(rect.width() * 13 // 16, rect.height() * 3 // 16)
    QTest.mouseClick(view.large.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert not window.findChildren(Enlarged)
    heat = crosses.heat(0, 0, 1, 6)
    bright = np.kron(heat > 0, np.ones((8, 8), dtype=bool))
    over = view._head_layers(0, 0)[1]
    dark = QColor(*(int(part) for part in heat_table()[0]))
    for x, y in ((52, 12), (60, 60), (3, 3), (3, 60), (20, 30)):
        assert (over.pixelColor(x, y) != dark) == bright[y, x], (x, y)
    QTest.keyClick(view.large, Qt.Key.Key_Down)
    assert view._cell(0) == (2, 6)
    assert view._cell(1) == (1, 3)
    QTest.keyClick(view.heads, Qt.Key.Key_Right)
    assert view._large_name() == "Stage 2, Image 1"
    QTest.keyClick(view.large, Qt.Key.Key_Left)
    assert view._cell(1) == (1, 2)
    QTest.keyClick(view.large, Qt.Key.Key_Return)
    assert enlarged_of(window).accessibleName() == "Stage 2, Image 1"
    view.show_crosses(None)
    assert (view.way.count(), view.reads_place) == (2, False)
    assert view._head_name(0, 0) == "Mean"


def test_crosses_that_fit_no_map_are_none() -> None:
    arrays = crosses_of(2).arrays()
    for name, value in (
        ("stage1_rows", arrays["stage1_rows"][:1]),
        ("stage1_columns", arrays["stage1_columns"][:, :, :, :3]),
        ("stage2_columns", arrays["stage2_columns"].astype(int)),
        ("stage1_columns", arrays["stage1_columns"][0]),
    ):
        damaged = arrays | {
            name: value[:, :, :, :3] if name == "stage1_columns" and value.ndim == 5 else value
        }
        with pytest.raises(ValueError, match="crosses"):
            Crosses.of(damaged)
    with pytest.raises(ValueError, match="crosses"):
        Crosses.of({})


def test_fewer_images_and_heads_are_fine(qtbot: QtBot) -> None:
    view = AttentionView()
    window = shown_in_window(view, qtbot)
    view.show_arrays(photos(4, 32), np.zeros((4, 12, 8, 8), np.float32))
    view.images.go_to(0, 3)
    view.heads.go_to(3, 0)
    view.show_arrays(photos(1, 32), np.zeros((1, 3, 8, 8), np.float32))
    assert not window.grab().isNull()
