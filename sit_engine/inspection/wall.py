"""What edited copies of held-out videos find, as pictures: a row a query, the nearest videos beside it.

Shapes: q queries, k videos found, S side of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sit_engine.inspection.pictures import write_picture

SIDE = 112


@dataclass(frozen=True)
class Wall:
    """`is_own` [q,k] says which of the videos found is the query's original."""

    pictures: np.ndarray
    """uint8 [q,1+k,S,S,3]: a frame of the copy, then of each video found, the nearest first."""
    scores: np.ndarray
    """float32 [q,k]"""
    is_own: np.ndarray
    rank: np.ndarray
    """int64 [q]: of the original among all videos, from 1."""


def write_wall(wall: Wall, folder: Path) -> list[Path]:
    """`retrieval.png` and `retrieval.npz` in `folder`."""
    rows = [np.concatenate(list(row), axis=1) for row in wall.pictures]
    arrays = {
        "pictures": wall.pictures,
        "scores": wall.scores,
        "is_own": wall.is_own,
        "rank": wall.rank,
    }
    return write_picture(folder, "retrieval", Image.fromarray(np.concatenate(rows)), arrays)
