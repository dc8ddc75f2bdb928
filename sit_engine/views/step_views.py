"""All that is drawn of a step's views, by the list of their kinds; no pixel is touched.

Callers: the methods, the preview. Shapes: B images of the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sit_engine.config.view_kinds import ViewKind, numbered
from sit_engine.views.corrupt import CorruptionPlan, plan
from sit_engine.views.draw import ViewParams, draw_kind
from sit_engine.views.rotate import draw_rotations, draw_turns


@dataclass(frozen=True)
class DrawnView:
    """One view of each of B images, with its place in the list."""

    number: int
    kind: ViewKind
    params: ViewParams
    rotations_B: Tensor
    """int64; all 0 where nothing is turned."""
    plan: CorruptionPlan | None
    """Of its corrupted copy; None: there is none."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.kind.size, self.kind.size


def draw_step(
    kinds: Sequence[ViewKind], aspect_B: Tensor, *, seed: int, step: int
) -> list[DrawnView]:
    """A pure function of its arguments: draw for the whole batch, then work the per-rank batch."""
    count, drawn = len(aspect_B), []
    for number, kind in numbered(kinds):
        size, place = (kind.size, kind.size), {"seed": seed, "step": step, "view": number}
        params = draw_kind(kind, aspect_B, number, seed=seed, step=step)
        rotations_B = (
            draw_rotations(count, **place)
            if kind.is_rotated
            else draw_turns(count, kind.turned_share, **place)
        )
        planned = None if kind.corruption is None else plan(kind.corruption, count, size, **place)
        drawn.append(DrawnView(number, kind, params, rotations_B, planned))
    return drawn
