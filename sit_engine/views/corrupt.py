"""One corruption of a batch of views, of whichever kind the settings name.

Callers: the methods, previews. Shapes: B views, C colours, Y X pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Never

import numpy as np
import torch
from torch import Tensor

from sit_engine.config.views import CorruptionOptions
from sit_engine.views.gmml import DrawnGmml, corrupt_gmml, draw_gmml
from sit_engine.views.local import DrawnLocal, corrupt_local, draw_blocks_of
from sit_engine.views.rows import Numbers, Rows


class Corrupted(NamedTuple):
    """Corrupted views [B,C,Y,X]; where they differ [B,Y,X], bool; and how many samples fell short
    of the area they should lose, 0-d.
    """

    view: Tensor
    mask: Tensor
    bound_reached: Tensor


@dataclass(frozen=True)
class CorruptionPlan:
    """What will happen to a batch of views, drawn and not yet done; `drawn` None: nothing."""

    drawn: DrawnGmml | DrawnLocal | None
    count: int
    seed: int
    step: int
    view: int

    @property
    def partner_B(self) -> Numbers:
        """The batch mate whose pixels each sample gets; itself where it needs none: [B]."""
        return np.arange(self.count) if self.drawn is None else self.drawn.partner_B

    def among_others(self) -> CorruptionPlan:
        """The batch mates where nobody is his own, as long as there are others: [B].

        In a large batch that is one in hundreds; of the few images of a preview it is every third.
        """
        if self.drawn is None:
            return self
        own_B = np.arange(self.count)
        next_B = (own_B + 1) % self.count
        partner_B = np.where(self.partner_B == own_B, next_B, self.partner_B)
        return replace(self, drawn=replace(self.drawn, partner_B=partner_B))

    def carry_out(self, view_BCYX: Tensor, rows: Rows, *, out: Tensor | None = None) -> Corrupted:
        """Corrupt the own samples of `rows`; the views are those of all of `rows`."""
        own_BCYX = view_BCYX[: rows.own.stop - rows.own.start]
        if self.drawn is None:
            made = own_BCYX.clone() if out is None else out.copy_(own_BCYX)
            mask = torch.zeros_like(made[:, 0], dtype=torch.bool)
            return Corrupted(made, mask, mask.new_zeros((), dtype=torch.int64))
        place: dict[str, Any] = {"seed": self.seed, "step": self.step}
        place["view"] = self.view
        if isinstance(self.drawn, DrawnLocal):
            local = self.drawn.on(view_BCYX.device, rows)
            mask = local.mask_BYX[: len(own_BCYX)]
            if rows.is_all:
                made = corrupt_local(view_BCYX, local, out=out, **place)
            else:
                # Partners are corrupted on the way, and left behind.
                made = corrupt_local(view_BCYX, local, **place)[: len(own_BCYX)]
                made = made if out is None else out.copy_(made)
            return Corrupted(made, mask, mask.new_zeros((), dtype=torch.int64))
        blocks = self.drawn.on(view_BCYX.device, rows)
        made = corrupt_gmml(view_BCYX, blocks, out=out, **place)
        device = view_BCYX.device
        return Corrupted(made, blocks.mask_BYX.to(device), blocks.bound_reached.to(device))


def plan(
    options: CorruptionOptions[Never],
    count: int,
    size: tuple[int, int],
    *,
    seed: int,
    step: int,
    view: int,
) -> CorruptionPlan:
    """Draw for `count` views; `options` are resolved. A pure function of its arguments."""
    drawn: DrawnGmml | DrawnLocal | None = None
    if options.kind == "local":
        drawn = draw_blocks_of(options.local, count, size, seed=seed, step=step, view=view)
    elif options.kind != "none":
        align = options.align
        drawn = draw_gmml(options, count, size, seed=seed, step=step, view=view, align=align)
    return CorruptionPlan(drawn, count, seed, step, view)


def corrupt(
    options: CorruptionOptions[Never],
    view_BCYX: Tensor,
    *,
    seed: int,
    step: int,
    view: int,
    out: Tensor | None = None,
) -> Corrupted:
    """Draw for a whole batch of normalised views and corrupt them."""
    count, size = len(view_BCYX), (view_BCYX.shape[2], view_BCYX.shape[3])
    drawn = plan(options, count, size, seed=seed, step=step, view=view)
    return drawn.carry_out(view_BCYX, Rows.all(count), out=out)
