"""Attention of a preview: which places hold most of it. Loads no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT = 0.6
"""The share of the mass that DINO's authors draw (arXiv 2104.14294, figures 1 and 4)."""


def holding(maps_YX: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """The places of maps [...,h,w] that hold `share` (0 to 1) of each map's mass, the strongest first.

    As `visualize_attention.py` of DINO: from the weakest on, places are left out while they hold less
    than the rest. A map without mass holds nothing, and one place holds at least.
    """
    flat = np.nan_to_num(maps_YX.reshape(*maps_YX.shape[:-2], -1).astype(np.float64))
    order = np.argsort(flat, axis=-1, kind="stable")
    total = flat.sum(-1, keepdims=True)
    climbed = np.cumsum(np.take_along_axis(flat, order, -1), -1)
    kept = climbed > (1 - share) * total
    found = np.zeros(flat.shape, dtype=bool)
    np.put_along_axis(found, order, kept & (total > 0), -1)
    return found.reshape(maps_YX.shape)
