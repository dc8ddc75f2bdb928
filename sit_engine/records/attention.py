"""Attention of a preview: which places hold most of it, and what a place reads. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Crosses:
    """How each place attends within its stripes, by stages: arrays [n,h,w,a,b] (`Backbone.crosses`)."""

    stages: tuple[tuple[NDArray[Any], ...], ...]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Crosses:
        """The crosses in `arrays`, which anyone may have written; ValueError where they are none."""
        stages: list[tuple[NDArray[Any], ...]] = []
        while (name := f"stage{len(stages) + 1}_columns") in arrays:
            rows = arrays.get(name.replace("columns", "rows"))
            stages.append((arrays[name],) if rows is None else (arrays[name], rows))
        every = [each for stage in stages for each in stage]
        if not every or any(each.ndim != 5 or each.dtype.kind != "f" for each in every):
            raise ValueError("no crosses")
        for stage in stages:
            for each in stage:
                images, high, wide, down, across = each.shape
                fits = 0 not in each.shape and high % down == 0 and wide % across == 0
                if not fits or (images, high, wide) != (len(every[0]), *stage[0].shape[1:3]):
                    raise ValueError("crosses that fit no map")
        return cls(tuple(stages))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of` reads."""
        return {
            f"stage{number}_{kind}": each
            for number, stage in enumerate(self.stages, start=1)
            for kind, each in zip(("columns", "rows"), stage, strict=False)
        }

    def grid(self, stage: int) -> tuple[int, int]:
        """Rows and columns of the places of a stage."""
        high, wide = self.stages[stage][0].shape[1:3]
        return int(high), int(wide)

    def heat(self, image: int, stage: int, row: int, column: int) -> NDArray[np.float32]:
        """[h,w], what the place reads: the mean of its two stripes, 0 elsewhere; sums to one."""
        found = np.zeros(self.grid(stage), np.float32)
        for each in self.stages[stage]:
            own = each[image, row, column]
            top, left = row // own.shape[0] * own.shape[0], column // own.shape[1] * own.shape[1]
            found[top : top + own.shape[0], left : left + own.shape[1]] += own
        found /= len(self.stages[stage])
        return found
