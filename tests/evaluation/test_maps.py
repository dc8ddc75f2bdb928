"""Maps of features and nearly equal pairs, against plain references."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sit_engine import near
from sit_engine.errors import DataError
from sit_engine.evaluation import maps
from sit_engine.evaluation.maps import draw_map, principal
from sit_engine.near import near_pairs


def features(count: int, width: int = 12, seed: int = 0) -> np.ndarray:
    """Rows whose coordinates have very different spreads, far from the origin."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(3, 0.1, width)
    return (rng.normal(size=(count, width)) * spread + 5).astype(np.float32)


def test_the_pca_map_is_that_of_the_singular_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = features(200)
    found = draw_map("pca", rows)
    expected = PCA(2, svd_solver="full").fit_transform(rows)
    assert found.shape == (200, 2)
    assert found.dtype == np.float32
    for axis in range(2):
        sign = np.sign(found[:, axis] @ expected[:, axis])
        np.testing.assert_allclose(found[:, axis], sign * expected[:, axis], atol=1e-3)
    # In pieces that do not divide the rows.
    monkeypatch.setattr(maps, "ROWS", 64)
    np.testing.assert_allclose(draw_map("pca", rows), found, atol=1e-4)


def test_an_axis_points_where_its_largest_weight_is_positive() -> None:
    rows = np.zeros((4, 3), dtype=np.float32)
    rows[:, 1] = [1, 2, 3, 10]
    for features in (rows, rows[::-1].copy()):
        found = principal(features, 1)[:, 0]
        np.testing.assert_allclose(found, features[:, 1] - 4, atol=1e-5)


def test_fewer_axes_than_asked_for_leave_zeros() -> None:
    one = draw_map("pca", np.ones((1, 3), dtype=np.float32))
    assert one.tolist() == [[0.0, 0.0]]
    narrow = draw_map("pca", np.array([[1.0], [3.0]], dtype=np.float32))
    np.testing.assert_allclose(narrow, [[-1, 0], [1, 0]], atol=1e-6)


def test_t_sne_is_the_same_each_time_and_keeps_neighbours_together() -> None:
    rows = np.concatenate([features(30), features(30, seed=1) + 40])
    found = draw_map("tsne", rows)
    np.testing.assert_array_equal(found, draw_map("tsne", rows))
    distance = np.linalg.norm(found[:, None] - found[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert np.all((distance.argmin(1) < 30) == (np.arange(60) < 30))


def test_maps_that_cannot_be_drawn_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {
        "embedded.too_few": ("tsne", features(4)),
        "embedded.too_many": ("tsne", np.zeros((maps.MOST_TSNE + 1, 2), dtype=np.float32)),
        "embedded.no_umap": ("umap", features(20)),
    }
    monkeypatch.setitem(sys.modules, "umap", None)
    for code, (kind, rows) in cases.items():
        with pytest.raises(DataError) as caught:
            draw_map(kind, rows)  # type: ignore[arg-type]
        assert caught.value.code == code
        assert caught.value.hint


def slow_pairs(rows: np.ndarray, above: float) -> list[tuple[int, int]]:
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = [
        (-float(units[one] @ units[two]), one, two)
        for one in range(len(rows))
        for two in range(one + 1, len(rows))
    ]
    return [(one, two) for cosine, one, two in sorted(found) if -cosine > above]


@pytest.mark.parametrize("block", [7, 50, 4096])
def test_nearly_equal_pairs_are_those_of_all_pairs(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(3).normal(size=(50, 4)).astype(np.float32)
    monkeypatch.setattr(near, "BLOCK", block)
    said: list[tuple[int, int]] = []
    found = near_pairs(rows, 0.9, lambda _, done, total: said.append((done, total)))
    expected = slow_pairs(rows, 0.9)
    assert len(expected) == 19
    assert [tuple(pair) for pair in found.rows.tolist()] == expected
    assert np.all(np.diff(found.cosines) <= 0)
    assert found.found == len(expected)
    assert said[-1][0] == said[-1][1]


@pytest.mark.parametrize("block", [7, 4096])
def test_of_too_many_pairs_the_nearest_are_kept_and_all_are_counted(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32)
    monkeypatch.setattr(near, "BLOCK", block)
    found = near_pairs(rows, 0.5, lambda *_: None, most=10)
    expected = slow_pairs(rows, 0.5)
    assert [tuple(pair) for pair in found.rows.tolist()] == expected[:10]
    assert found.found == len(expected) > 100


def test_rows_of_zeros_are_near_nothing() -> None:
    assert near_pairs(np.zeros((5, 3), dtype=np.float32), 0.5, lambda *_: None).found == 0
