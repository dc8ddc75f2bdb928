"""The embedding map without a window: what is nearest, what a group is, what the picture shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sit_studio.models.map_picture import (
    CHUNK,
    FULL,
    SHAPES,
    MapStyle,
    Pixels,
    draw,
    layers_of,
    point_px,
    stamp,
)
from sit_studio.models.map_points import (
    MOST_NAMED,
    Array,
    Embedding,
    MapWindow,
    PointGrid,
    core,
    group,
    whole_view,
)


def embedded(labels: list[int], classes: int, prediction: list[int] | None = None) -> Embedding:
    count = len(labels)
    none = np.full(count, -1, dtype=np.int32)
    return Embedding(
        [f"/x/{number}.png" for number in range(count)],
        tuple(f"class {number}" for number in range(classes)),
        (),
        ("train", "validation", "other"),
        np.array(labels, dtype=np.int32),
        none,
        np.zeros(count, dtype=np.int8),
        none if prediction is None else np.array(prediction, dtype=np.int32),
    )


def points(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 3, (count, 2)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 50, 5000])
def test_the_nearest_point_is_the_one_that_a_look_at_all_finds(count: int) -> None:
    all_points = points(count)
    grid = PointGrid(all_points)
    for x, y in np.random.default_rng(1).uniform(-9, 9, (50, 2)):
        away = np.hypot(*(all_points - np.array([x, y], dtype=np.float32)).T)
        expected = int(away.argmin()) if away.min() <= 0.5 else -1
        assert grid.nearest(x, y, 0.5) == expected


def test_only_allowed_points_are_pointed_at_and_no_map_is_no_harm() -> None:
    grid = PointGrid(np.array([[0, 0], [1, 0]], dtype=np.float32))
    assert grid.nearest(0.1, 0, 5) == 0
    assert grid.nearest(0.1, 0, 5, np.array([False, True])) == 1
    assert grid.nearest(0.1, 0, 5, np.array([False, False])) == -1
    assert PointGrid(np.empty((0, 2), dtype=np.float32)).nearest(0, 0, 1) == -1
    same = PointGrid(np.zeros((7, 2), dtype=np.float32))
    assert same.nearest(0, 0, 1) == 0
    assert same.count(-1, -1, 1, 1) == 7


def test_what_is_in_a_rectangle_is_never_missed() -> None:
    all_points = points(3000)
    grid = PointGrid(all_points)
    for x, y in np.random.default_rng(2).uniform(-9, 9, (30, 2)):
        inside = ((all_points >= [x, y]) & (all_points <= [x + 2, y + 3])).all(axis=1)
        rows = grid.rows(x, y, x + 2, y + 3)
        assert set(np.flatnonzero(inside)) <= set(rows)
        assert grid.count(x, y, x + 2, y + 3) == len(rows)


@given(
    st.floats(0.2, 5), st.floats(0, 800), st.floats(0, 600), st.floats(-50, 50), st.floats(-50, 50)
)
@settings(max_examples=50, deadline=None)
def test_what_is_under_the_pointer_stays_there_while_it_zooms(
    factor: float, px: float, py: float, dx: float, dy: float
) -> None:
    grid = PointGrid(points(100))
    whole = whole_view(grid.low, grid.high, 800, 600)
    view = whole.moved(dx, dy).zoomed(factor, px, py, whole)
    assert view.to_map(px, py) == pytest.approx(whole.moved(dx, dy).to_map(px, py), abs=1e-6)


def test_the_whole_view_holds_every_point_and_zoom_has_ends() -> None:
    all_points = points(500)
    grid = PointGrid(all_points)
    whole = whole_view(grid.low, grid.high, 400, 300)
    left, top = whole.to_screen(all_points)
    assert left.min() >= 0
    assert left.max() <= 400
    assert top.min() >= 0
    assert top.max() <= 300
    assert whole.zoomed(1e-9, 0, 0, whole).scale == pytest.approx(whole.scale / 2)
    assert whole.zoomed(1e12, 0, 0, whole).scale == pytest.approx(whole.scale * 20_000)
    lone = PointGrid(np.array([[3, 4]], dtype=np.float32))
    assert np.isfinite(whole_view(lone.low, lone.high, 400, 300).scale)


def test_three_outliers_do_not_squeeze_the_rest_into_a_corner() -> None:
    all_points = points(500)
    span = np.ptp(all_points, axis=0)
    far = np.array([[1e4, 0], [0, 1e4], [-1e4, 1]], dtype=np.float32)
    low, high = core(np.concatenate([all_points, far]))
    assert (high - low <= 2.1 * span).all()
    assert (low <= np.percentile(all_points, 2, axis=0)).all()
    # Without outliers nothing is cut off.
    low, high = core(all_points)
    assert (low <= np.percentile(all_points, 1, axis=0)).all()
    assert ((low >= all_points.min(0)) & (high <= all_points.max(0))).all()
    assert not core(np.empty((0, 2), dtype=np.float32))[0].any()


def test_the_most_frequent_classes_have_names_the_rest_are_others() -> None:
    labels = [number for number in range(20) for _ in range(20 - number)] + [-1, -1]
    found = group(embedded(labels, 20), "class")
    assert len(found.names) == MOST_NAMED
    assert found.names[0] == "class 0"
    assert found.counts[found.nothing] == 2
    assert found.counts.sum() == len(labels)
    assert set(found.codes[np.array(labels) >= MOST_NAMED]) == {found.others}


def test_a_class_keeps_its_colour_whether_labels_or_predictions_are_shown() -> None:
    labels = [0] * 9 + [1] * 8 + [2] * 2
    data = embedded(labels, 3, [2] * len(labels))
    by_class, by_answer = group(data, "class"), group(data, "prediction")
    assert by_class.names == by_answer.names
    assert set(by_answer.codes) == {by_class.names.index("class 2")}
    assert data.has("prediction")
    assert not data.has("folder")


def picture(all_points: Array, codes: list[int], px: float, *, lit: int | None = None) -> Pixels:
    """As the map draws it, 200 × 100 pixels around the origin, 10 pixels a unit."""
    style = MapStyle(
        ((255, 0, 0), (0, 0, 255)),
        tuple(1.0 if lit in (None, code) else 0.1 for code in range(2)),
        ("disc", "square"),
    )
    of_point = np.array(codes, dtype=np.uint8)
    behind = np.array([lit is not None and code != lit for code in range(2)])
    layers = layers_of(of_point, behind, np.arange(len(codes)))
    turns = [*draw(all_points, of_point, layers, MapWindow(0, 0, 10, 200, 100), style, px)]
    assert all(turn is None for turn in turns[:-1])
    assert turns[-1] is not None
    return turns[-1]


def test_a_point_is_painted_where_it_is_in_its_colour() -> None:
    made = picture(np.array([[2, 1]], dtype=np.float32), [1], 7)
    lines, columns = np.nonzero(made)
    assert (round(columns.mean()), round(lines.mean())) == (120, 40)
    assert made[40, 120] >> 24 > 150
    assert made[40, 120] & 0xFF > 150
    assert (made[40, 120] >> 16) & 0xFF == 0


def test_dense_places_are_darker_than_lone_points() -> None:
    many = np.zeros((40, 2), dtype=np.float32)
    lone = np.array([[5, 0]], dtype=np.float32)
    made = picture(np.concatenate([many, lone]), [0] * 41, 3)
    assert made[50, 100] >> 24 > 250
    assert 0 < made[50, 150] >> 24 < 255


def test_lit_points_lie_over_dim_ones() -> None:
    here = np.zeros((2, 2), dtype=np.float32)
    for lit, shift in ((0, 16), (1, 0)):
        made = int(picture(here, [0, 1], 7, lit=lit)[50, 100])
        assert (made >> shift) & 0xFF > 100
    outside = picture(np.array([[1e6, 0], [0, -1e6]], dtype=np.float32), [0, 1], 5)
    assert not outside.any()


def test_points_at_the_edge_are_cut_not_wrapped() -> None:
    made = picture(np.array([[10, 0]], dtype=np.float32), [0], 9)
    lines, columns = np.nonzero(made)
    assert columns.min() >= 195
    assert abs(lines.mean() - 50) < 1


@pytest.mark.parametrize("shape", SHAPES)
def test_stamps_are_about_as_large_as_they_should(shape: str) -> None:
    offsets, weights = stamp(shape, 9)  # type: ignore[arg-type]
    assert max(weights) == FULL
    assert 30 <= sum(weights) / FULL <= 81
    assert max(abs(part) for offset in offsets for part in offset) <= 5


def test_fewer_points_in_view_are_larger() -> None:
    sizes = [point_px(visible, 1000, 600, 1.0) for visible in (0, 10, 10_000, 1_000_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_many_points_are_drawn_in_turns_so_that_no_hand_waits() -> None:
    count = 5 * CHUNK + 1
    codes = np.zeros(count, dtype=np.uint8)
    style = MapStyle(((255, 0, 0),), (1.0,), ("disc",))
    view = MapWindow(0, 0, 10, 200, 100)
    turns = [*draw(points(count), codes, [np.arange(count)], view, style, 2)]
    assert len(turns) >= 7
    assert [turn is None for turn in turns] == [True] * (len(turns) - 1) + [False]
