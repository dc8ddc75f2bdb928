"""Nearly equal images: all pairs of features whose cosine is above a threshold, in bounded memory.

Shapes: n images, D width, I and J rows of two blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from sit_engine.records.on_progress import OnProgress

BLOCK = 4096
MOST_PAIRS = 10_000


@dataclass(frozen=True)
class NearPairs:
    """Rows [p,2] and their cosines [p], the nearest first; `found` counts those not kept too."""

    rows: NDArray[np.int64]
    cosines: NDArray[np.float32]
    found: int


def near_pairs(
    features_nD: NDArray[np.float32], above: float, tell: OnProgress, *, most: int = MOST_PAIRS
) -> NearPairs:
    """Every two rows once; of more than `most` pairs the nearest are kept."""
    count = len(features_nD)
    blocks = range(0, count, BLOCK)
    rows = np.empty((0, 2), dtype=np.int64)
    cosines = np.empty(0, dtype=np.float32)
    found = 0
    for number, start in enumerate(blocks):
        tell("near-duplicates", number, len(blocks))
        these_ID = _units(features_nD[start : start + BLOCK])
        for other in blocks[number:]:
            others_JD = these_ID if other == start else _units(features_nD[other : other + BLOCK])
            cosine_IJ = these_ID @ others_JD.T
            if other == start:
                cosine_IJ = cosine_IJ.triu(1)
            one, two = torch.nonzero(cosine_IJ > above, as_tuple=True)
            found += len(one)
            kept = cosine_IJ[one, two]
            if len(kept) > most:
                kept, best = kept.topk(most)
                one, two = one[best], two[best]
            new = np.stack([one.numpy() + start, two.numpy() + other], axis=1)
            rows, cosines = _nearest(
                np.concatenate([rows, new]), np.concatenate([cosines, kept.numpy()]), most
            )
    tell("near-duplicates", len(blocks), len(blocks))
    return NearPairs(rows, cosines, found)


def _units(rows_nD: NDArray[np.float32]) -> torch.Tensor:
    return functional.normalize(torch.from_numpy(np.array(rows_nD)))


def _nearest(
    rows: NDArray[np.int64], cosines: NDArray[np.float32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    order = np.lexsort((rows[:, 1], rows[:, 0], -cosines))[:most]
    return rows[order], cosines[order]
