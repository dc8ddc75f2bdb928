"""Finding videos by their vectors: similarity, and how well a ranking is in the order it should be.

Shapes: q query vectors, n vectors of a database, D width, V videos of the database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]
DRAWS = 1000


def chamfer(
    query_qD: Vectors, vectors_nD: Vectors, video_n: NDArray[np.int64], videos: int
) -> NDArray[np.float32]:
    """Scores of the videos [V]: the mean over the query's vectors of the largest cosine to one of theirs.

    Asymmetric: a short query inside a long video is found (ViSIL, arXiv 1908.07410, section 3.3). All
    vectors have unit length; a video without any has −1.
    """
    cosine_qn = np.asarray(query_qD, np.float32) @ np.asarray(vectors_nD, np.float32).T
    best_qV = np.full((len(query_qD), videos), -1.0, dtype=np.float32)
    for row, cosine_n in enumerate(cosine_qn):
        np.maximum.at(best_qV[row], video_n, cosine_n)
    mean: NDArray[np.float32] = best_qV.mean(0)
    return mean


def average_precision(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """(1/|relevant|) · Σ over hits of hits so far / rank; what is not in the ranking is missed.

    As `evaluation.py` of FIVR-200K has it (github.com/MKLab-ITI/FIVR-200K at 77e3d8a).
    """
    wanted = set(relevant)
    if not wanted:
        raise ValueError("nothing is relevant")
    hits, total = 0, 0.0
    for rank, name in enumerate(dict.fromkeys(ranked), start=1):
        if name in wanted:
            hits += 1
            total += hits / rank
    return total / len(wanted)


TASKS: Mapping[str, tuple[str, ...]] = {
    "DSVR": ("ND", "DS"),
    "CSVR": ("ND", "DS", "CS"),
    "ISVR": ("ND", "DS", "CS", "IS"),
}
"""Labels that count as relevant in each task of FIVR-200K (arXiv 1809.04094, section V)."""


@dataclass(frozen=True)
class MeanPrecision:
    """Mean average precision, and the half width of its 95 % interval over queries."""

    value: float
    interval: float
    queries: int


def mean_precision(precisions: Sequence[float], seed: int = 0) -> MeanPrecision:
    """The mean over queries; the interval by 1,000 bootstrap draws of the queries."""
    values = np.asarray(precisions, dtype=np.float64)
    rng = np.random.default_rng(seed)
    draws = values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return MeanPrecision(float(values.mean()), float(high - low) / 2, len(values))


def task_precisions(
    rankings: Mapping[str, Sequence[str]],
    labels: Mapping[str, Mapping[str, Collection[str]]],
    task: str,
    database: Collection[str],
) -> dict[str, float]:
    """Average precision of each query in a task; one with nothing relevant in the database is left out.

    `labels`: of each query the videos under each label. The query itself is skipped, and videos of
    the database that a ranking lacks count as missed.
    """
    there = set(database)
    found = {}
    for query, by_label in labels.items():
        relevant = {name for label in TASKS[task] for name in by_label.get(label, ())}
        relevant = (relevant & there) - {query}
        if relevant:
            ranked = [name for name in rankings.get(query, ()) if name != query]
            found[query] = average_precision(ranked, relevant)
    return found


Stretch = tuple[float, float, float, float]
"""Start and end in the query, start and end in the reference, in seconds."""


def segment_scores(found: Sequence[Stretch], true: Sequence[Stretch]) -> tuple[float, float, float]:
    """Precision, recall and F-score of copied stretches, as VCSL defines them.

    Precision is the share of the found boxes that true ones overlap, along the query's axis times along
    the reference's; recall the same of the true boxes (github.com/alipay/VCSL at 25ee60f,
    vcsl/metric.py). Where there is neither, all is 1.
    """
    if not found and not true:
        return 1.0, 1.0, 1.0
    precision, recall = _covered(found, true), _covered(true, found)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def _covered(boxes: Sequence[Stretch], by: Sequence[Stretch]) -> float:
    """Along both axes: the summed lengths of what `by` covers of each box, over those of the boxes."""
    share = 1.0
    for start, end in ((0, 1), (2, 3)):
        covered = length = 0.0
        for box in boxes:
            overlaps = [_overlap(box, other) for other in by]
            parts = [(part[start], part[end]) for part in overlaps if part is not None]
            covered += _union(parts)
            length += box[end] - box[start]
        share *= covered / length if length > 0 else 0.0
    return share


def _overlap(one: Stretch, other: Stretch) -> Stretch | None:
    """Where two boxes overlap, if they do."""
    start, end = max(one[0], other[0]), min(one[1], other[1])
    top, bottom = max(one[2], other[2]), min(one[3], other[3])
    return (start, end, top, bottom) if start < end and top < bottom else None


def _union(parts: Sequence[tuple[float, float]]) -> float:
    total, reached = 0.0, -np.inf
    for start, end in sorted(parts):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return float(total)
