"""Views as they are drawn, without corrupted copies: for methods that only compare views.

Shapes: B images, C colours, V side of a view, which may differ from view to view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from torch import Tensor

from sit_engine.config.view_kinds import ViewKind
from sit_engine.data.feed.batches import Batch
from sit_engine.methods.protocol import StepInfo
from sit_engine.views.apply import apply_views
from sit_engine.views.rotate import rotate_
from sit_engine.views.step_views import draw_step


@dataclass(frozen=True)
class PlainViews:
    """[B,C,V,V] for each view, in the order of the list of kinds."""

    each: Sequence[Tensor]

    def split(self, count: int) -> list[Self]:
        """Micro-batches of equally many images, each with all views."""
        cut = zip(*(view_BCVV.chunk(count) for view_BCVV in self.each), strict=True)
        return [replace(self, each=each) for each in cut]


def plain_views(kinds: Sequence[ViewKind], batch: Batch, step_info: StepInfo) -> PlainViews:
    """Views of this rank's images, drawn for the whole batch so that ranks change nothing."""
    own, made = np.arange(len(batch.aspect_B))[batch.own], []
    for view in draw_step(kinds, batch.aspect_B, seed=step_info.seed, step=step_info.step):
        view_BCVV = apply_views(batch.images_BSSC, view.params.take(own), view.size)
        rotate_(view_BCVV, view.rotations_B[batch.own])
        made.append(view_BCVV)
    return PlainViews(made)
