"""Which number each image has: its own, that of a near-duplicate, or of the most like where they end.

Two copies with two numbers would be asked to look different. Shapes: n images, D width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sit_engine.near import near_pairs

AT_ONCE = 1024


def numbered(
    features_nD: NDArray[np.float32], *, duplicates_above: float, most: int
) -> NDArray[np.int64]:
    """Numbers [n] from 0 on without gaps, at most `most` of them.

    Images that a chain of near-duplicates joins share one. What all features have in common tells no
    image from another and is taken off first: of much alike images all raw features are near.
    """
    count = len(features_nD)
    features_nD = features_nD - features_nD.mean(0)
    number_n: NDArray[np.int64] = np.arange(count)
    if duplicates_above < 1:
        near = near_pairs(features_nD, duplicates_above, lambda *_: None, most=max(1, 20 * count))
        one, two = near.rows.T
        joined = coo_array((np.ones(len(one)), (one, two)), shape=(count, count))
        number_n = connected_components(joined, directed=False)[1].astype(np.int64)
    first = np.unique(number_n, return_index=True)[1]
    if len(first) <= most:
        return number_n
    # The images that keep a number of their own, by the order in which they are listed.
    kept = np.sort(first)[:most]
    return _most_like(features_nD, kept)


def _most_like(features_nD: NDArray[np.float32], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place in `kept` with the highest cosine, for each image."""
    lengths = np.linalg.norm(features_nD, axis=1, keepdims=True)
    unit_nD = features_nD / np.maximum(lengths, 1e-12)
    found = [
        (unit_nD[start : start + AT_ONCE] @ unit_nD[kept].T).argmax(1)
        for start in range(0, len(unit_nD), AT_ONCE)
    ]
    number_n: NDArray[np.int64] = np.concatenate(found)
    number_n[kept] = np.arange(len(kept))
    return number_n
