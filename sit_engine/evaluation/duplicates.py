"""Which videos of an index are near-duplicates, above a threshold that the index's own pairs give.

Shapes: m clips, D width, V videos.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import norm

from sit_engine.counted import Sentence
from sit_engine.evaluation.search import scores_of
from sit_engine.records.clips.clip_index import ClipIndex
from sit_engine.records.clips.found_clips import DuplicateGroup, FoundDuplicates

MOST_ASKED = 2000
"""Videos that the threshold is chosen from, evenly spread."""
MOST_THRESHOLD, LEAST_PAIRS, MOST_COSINE = 0.98, 10, 0.9999
CHANCE = 0.05


class Threshold(NamedTuple):
    """Two videos with a higher score are near-duplicates; why."""

    value: float
    why: str


def choose_threshold(scores: NDArray[np.floating]) -> Threshold:
    """The threshold, from the scores of pairs of videos, nearly all of which show different things.

    The bulk of their artanh (Fisher's z, which has no end at 1) is taken for normal, by its median and
    the median deviation of those above it (× 1.4826), since the upper side is the wider one. In one of
    twenty such folders a pair would be above the threshold by chance.
    """
    if len(scores) < LEAST_PAIRS:
        return Threshold(
            MOST_THRESHOLD, Sentence("too few videos to choose from: {most}", most=MOST_THRESHOLD)
        )
    z = np.arctanh(np.clip(np.asarray(scores, dtype=np.float64), -MOST_COSINE, MOST_COSINE))
    middle = float(np.median(z))
    above = z[z > middle] - middle
    spread = 1.4826 * float(np.median(above)) if len(above) else 0.0
    found = float(np.tanh(middle + norm.isf(CHANCE / len(scores)) * spread))
    why = Sentence(
        "of {pairs} pairs of videos the middle one has {middle}, and by chance one would have more than "
        "{found} in one of twenty such folders",
        pairs=len(scores),
        middle=f"{np.tanh(middle):.2f}",
        found=f"{found:.2f}",
    )
    if found > MOST_THRESHOLD:
        why = Sentence("{why}; no more than {most} is asked", why=why, most=MOST_THRESHOLD)
    return Threshold(min(found, MOST_THRESHOLD), why)


def pair_scores(
    index: ClipIndex, asked: NDArray[np.int64], tell: Callable[[str, int, int], None]
) -> NDArray[np.float32]:
    """Scores of pairs of these videos, the larger of both directions [a,a]: a trailer is in its film."""
    found = np.empty((len(asked), len(asked)), dtype=np.float32)
    for row, number in enumerate(asked.tolist()):
        tell("comparing videos", row, len(asked))
        vectors = np.asarray(index.vectors[index.rows(number)], np.float32)
        found[row] = scores_of(index, vectors)[asked]
    tell("comparing videos", len(asked), len(asked))
    both: NDArray[np.float32] = np.maximum(found, found.T)
    return both


def threshold_of(index: ClipIndex, tell: Callable[[str, int, int], None]) -> Threshold:
    """The threshold of an index, from the pairs of at most `MOST_ASKED` of its videos."""
    count = len(index.videos)
    asked = np.unique(np.linspace(0, max(count - 1, 0), min(count, MOST_ASKED)).astype(np.int64))
    scores = pair_scores(index, asked, tell)
    return choose_threshold(scores[np.triu_indices(len(asked), 1)])


def _pairs_above(
    index: ClipIndex, least: float, tell: Callable[[str, int, int], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of videos of a higher score in either direction, row by row: [p], [p] and their scores."""
    ones, twos, found = [], [], []
    for number in range(len(index.videos)):
        tell("comparing videos", number, len(index.videos))
        vectors = np.asarray(index.vectors[index.rows(number)], np.float32)
        scores = scores_of(index, vectors)
        scores[number] = -1
        near = np.flatnonzero(scores > least)
        ones.append(np.full(len(near), number, np.int64))
        twos.append(near)
        found.append(scores[near].astype(np.float64))
    empty = [np.empty(0, np.int64)]
    return (
        np.concatenate(ones or empty),
        np.concatenate(twos or empty),
        np.concatenate(found or [np.empty(0)]),
    )


def find_groups(
    index: ClipIndex, tell: Callable[[str, int, int], None], above: float | None = None
) -> FoundDuplicates:
    """All groups, the most alike first; `above` instead of a threshold of the index's own."""
    count = len(index.videos)
    chosen = (
        threshold_of(index, tell) if above is None else Threshold(above, Sentence("as you asked"))
    )
    one, two, of_pair = _pairs_above(index, chosen.value, tell)
    joined = coo_array((np.ones(len(one)), (one, two)), shape=(count, count))
    group_of = connected_components(joined, directed=False)[1] if count else np.empty(0, np.int64)
    nearest = np.full(count, -1.0)
    np.maximum.at(nearest, one, of_pair)
    np.maximum.at(nearest, two, of_pair)
    members_of: dict[int, list[int]] = {}
    for number in np.unique(np.concatenate([one, two])).tolist():
        members_of.setdefault(int(group_of[number]), []).append(number)
    groups = [
        DuplicateGroup(
            tuple(index.videos[number].path for number in members),
            tuple(float(nearest[number].round(4)) for number in members),
        )
        for members in members_of.values()
    ]
    groups.sort(key=lambda group: (-max(group.scores), group.paths))
    return FoundDuplicates(tuple(groups), chosen.value, chosen.why)
