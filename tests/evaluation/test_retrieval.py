"""Average precision, FIVR's tasks, VCSL's segments, alignment and search, on cases with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sit_engine.evaluation import search
from sit_engine.evaluation.alignment import best_path
from sit_engine.evaluation.duplicates import MOST_THRESHOLD, choose_threshold
from sit_engine.evaluation.retrieval import (
    average_precision,
    mean_precision,
    segment_scores,
    task_precisions,
)
from sit_engine.records.clips.clip_index import AboutIndex, ClipIndex, IndexedVideo


def test_average_precision_of_known_rankings() -> None:
    assert average_precision(["a", "b", "c"], {"a", "b"}) == 1
    # Hits at 1 and 3 of two: (1/1 + 2/3) / 2.
    assert average_precision(["a", "x", "b"], {"a", "b"}) == pytest.approx(5 / 6)
    # One that is missing from the ranking counts as missed.
    assert average_precision(["a", "x"], {"a", "b"}) == 0.5
    assert average_precision(["x", "y"], {"a"}) == 0
    # Said twice it is a hit once.
    assert average_precision(["a", "a", "b"], {"a", "b"}) == 1
    with pytest.raises(ValueError, match="nothing"):
        average_precision(["a"], ())


def test_the_tasks_of_fivr() -> None:
    labels = {"q": {"ND": ["a"], "DS": ["b"], "CS": ["c"], "IS": ["d"]}, "r": {"IS": ["a"]}}
    rankings = {"q": ["q", "a", "d", "b"], "r": ["b", "a"]}
    database = ["q", "a", "b", "c", "d"]

    def of(task: str) -> dict[str, float]:
        return task_precisions(rankings, labels, task, database)

    # The query itself is skipped; c is in the database and not in the ranking.
    assert of("DSVR") == {"q": pytest.approx((1 + 2 / 3) / 2)}
    assert of("CSVR") == {"q": pytest.approx((1 + 2 / 3) / 3)}
    assert of("ISVR") == {"q": pytest.approx((1 + 1 + 1) / 4), "r": 0.5}
    # What is not in the database is not asked for.
    assert task_precisions(rankings, labels, "ISVR", ["a", "d"])["q"] == 1


def test_the_interval_shrinks_with_queries_and_is_none_where_all_are_alike() -> None:
    assert mean_precision([1.0, 1.0]).interval == 0
    few, many = mean_precision([0.0, 1.0] * 5), mean_precision([0.0, 1.0] * 100)
    assert few.value == many.value == 0.5
    assert many.interval < few.interval / 3
    assert many.interval == pytest.approx(1.96 * 0.5 / 200**0.5, rel=0.15)


def test_segments_as_vcsl_counts_them() -> None:
    true = [(0.0, 10.0, 20.0, 30.0)]
    assert segment_scores(true, true) == (1, 1, 1)
    assert segment_scores([], []) == (1, 1, 1)
    assert segment_scores([], true) == (0, 0, 0)
    # Half along each axis.
    precision, recall, both = segment_scores([(0.0, 5.0, 20.0, 25.0)], true)
    assert (precision, recall) == (1, 0.25)
    assert both == pytest.approx(0.4)
    # Twice as long as is true, both ways.
    assert segment_scores([(0.0, 20.0, 20.0, 40.0)], true)[:2] == (0.25, 1)
    # Right in the query and wrong in the reference.
    assert segment_scores([(0.0, 10.0, 50.0, 60.0)], true) == (0, 0, 0)
    # Two halves are a whole.
    halves = [(0.0, 5.0, 20.0, 25.0), (5.0, 10.0, 25.0, 30.0)]
    assert segment_scores(halves, true) == (1, 1, 1)


def test_a_path_is_found_at_any_speed_and_backwards() -> None:
    similar = np.zeros((5, 20))
    for row in range(5):
        similar[row, 7 + row] = 1.0
    path = best_path(similar, 0.5)
    assert path is not None
    assert path[:4] == (0, 4, 7, 11)
    assert not path.is_reversed
    turned = best_path(similar[::-1], 0.5)
    assert turned is not None
    assert (*turned[:4], turned.is_reversed) == (0, 4, 7, 11, True)
    fast = np.zeros((5, 20))
    for row in range(5):
        fast[row, 4 + 2 * row : 6 + 2 * row] = 1.0
    found = best_path(fast, 0.5)
    assert found is not None
    assert found[:2] == (0, 4)
    assert found.first in (4, 5)
    assert found.last in (12, 13)
    # A still picture is where it is most alike, not wherever it is alike.
    still = best_path(np.array([[0.0, 0.9, 0.9, 1.0, 0.9, 0.0]]), 0.5)
    assert still is not None
    assert still[:4] == (0, 0, 3, 3)
    assert best_path(np.zeros((3, 3)), 0.5) is None


def test_a_threshold_leaves_the_bulk_below_and_duplicates_above() -> None:
    rng = np.random.default_rng(0)
    bulk = rng.normal(0.4, 0.05, 2000)
    chosen = choose_threshold(np.concatenate([bulk, [0.93, 0.95]]))
    assert 0.5 < chosen.value < 0.7
    assert (bulk > chosen.value).sum() <= 4
    # However wide the bulk is, what nearly agrees stays above.
    wide = choose_threshold(rng.uniform(-0.6, 0.7, 1000))
    assert 0.85 < wide.value < MOST_THRESHOLD
    assert choose_threshold(np.full(100, 0.999)).value == MOST_THRESHOLD
    assert choose_threshold(np.array([0.1])).value == MOST_THRESHOLD


def made_index(videos: int, clips: int, width: int = 16) -> ClipIndex:
    """Of random vectors."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(videos * clips, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    about = AboutIndex("run", 1, "w", 1.0, 8, width)
    listed = tuple(
        IndexedVideo(f"/v/{n:05d}", 1, 1, "", clips * 8.0, 64, 64, n * clips, clips)
        for n in range(videos)
    )
    times = np.zeros((len(vectors), 2), np.float32)
    return ClipIndex(about, listed, vectors.astype(np.float16), times)


def test_scores_are_those_of_their_formula_whatever_the_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = made_index(30, 4)
    query = np.asarray(index.vectors[17:20], np.float32)
    cosine = query @ np.asarray(index.vectors, np.float32).T
    expected = [min(1.0, cosine[:, n * 4 : n * 4 + 4].max(1).mean()) for n in range(30)]
    assert search.scores_of(index, query) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(search, "_AT_ONCE", 7)
    assert search.scores_of(index, query) == pytest.approx(expected, abs=1e-6)
    phases = np.array([0, 1, 0])
    halves = np.maximum(
        search.scores_of(index, query[phases == 0]), search.scores_of(index, query[phases == 1])
    )
    assert search.scores_of(index, query, phases) == pytest.approx(halves)
    ranked, _ = search.rank(index, query, 3)
    assert ranked[0][0] == int(np.argmax(expected))


def test_beyond_a_number_of_clips_the_search_is_approximate_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    made_index(200, 5).save(tmp_path / "index")
    index = ClipIndex.open(tmp_path / "index")
    query = np.asarray(index.vectors[index.rows(77)], np.float32)
    exact = search.rank(index, query, 1)
    assert "exact" in exact[1]
    monkeypatch.setattr(search, "MOST_EXACT", 100)
    ranked, how = search.rank(index, query, 1)
    assert "approximate" in how
    assert ranked == exact[0]
    assert (tmp_path / "index" / search.APPROXIMATE).is_file()
    # The kept one is used, and not one of before the index grew.
    assert search.rank(index, query, 1)[0] == ranked
    made_index(201, 5).save(tmp_path / "index")
    grown = ClipIndex.open(tmp_path / "index")
    assert search.rank(grown, query, 1)[0] == ranked
