"""Which channels of a shared layer a narrower one takes: three ways of sharing weights.

Leading channels (AutoSlim), both ends in two passes (BCNet, published ViTAS v1), and a ring, whose
candidates lie end to end round all channels so that one pass uses each nearly equally often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

Sharing: TypeAlias = Literal["leading", "both", "ring"]
End: TypeAlias = Literal["leading", "trailing"]


def ends_of(sharing: Sharing) -> tuple[End, ...]:
    """The passes that a step takes, by the end of the layers that they begin at."""
    return ("leading", "trailing") if sharing == "both" else ("leading",)


def first_channel(candidates: Sequence[int], width: int, sharing: Sharing, end: End) -> int:
    """First of the channels that one of the `candidates` takes; they go on round the end of all.

    On the ring candidate i begins at Σ_{j<i} w_j modulo all channels.
    """
    total = max(candidates)
    if sharing == "ring":
        return sum(candidates[: candidates.index(width)]) % total
    return total - width if end == "trailing" else 0


def uses(candidates: Sequence[int], sharing: Sharing) -> np.ndarray:
    """How often each channel is taken when every candidate is drawn once: [all channels]."""
    total = max(candidates)
    counts = np.zeros(total, dtype=int)
    for width in candidates:
        for end in ends_of(sharing):
            first = first_channel(candidates, width, sharing, end)
            counts[(first + np.arange(width)) % total] += 1
    return counts
