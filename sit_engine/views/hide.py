"""One corruption of a batch of views, of whichever kind the settings name.

Callers: the methods, previews. Shapes: B views, C colours, Y X pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sit_engine.config.fields import no_auto
from sit_engine.config.views import CorruptionOptions
from sit_engine.views.corrupt import corrupt, draw_corruption
from sit_engine.views.local import corrupt_local, draw_local


class Hidden(NamedTuple):
    """Corrupted views [B,C,Y,X]; where they differ [B,Y,X], bool; and how many samples fell short
    of the area they should lose, 0-d.
    """

    view: Tensor
    mask: Tensor
    bound_reached: Tensor


def hide(
    options: CorruptionOptions,
    view_BCYX: Tensor,
    *,
    seed: int,
    step: int,
    view: int,
    micro: int = 0,
    out: Tensor | None = None,
) -> Hidden:
    """Corrupt normalised views; `options` are resolved. A pure function of its arguments."""
    count, device = len(view_BCYX), view_BCYX.device
    size = (view_BCYX.shape[2], view_BCYX.shape[3])
    if options.kind == "none":
        made = view_BCYX.clone() if out is None else out.copy_(view_BCYX)
        mask = torch.zeros(count, *size, dtype=torch.bool, device=device)
        return Hidden(made, mask, mask.new_zeros((), dtype=torch.int64))
    if options.kind == "local":
        local = draw_local(
            options.local, count, size, seed=seed, step=step, view=view, micro=micro, device=device
        )
        made = corrupt_local(
            view_BCYX, local, seed=seed, step=step, view=view, micro=micro, out=out
        )
        mask = local.mask_BYX
        return Hidden(made, mask, mask.new_zeros((), dtype=torch.int64))
    drawn = draw_corruption(
        options, count, size, seed=seed, step=step, view=view, micro=micro,
        align=no_auto(options.align), device=device,
    )  # fmt: skip
    made = corrupt(view_BCYX, drawn, seed=seed, step=step, view=view, micro=micro, out=out)
    return Hidden(made, drawn.mask_BYX.to(device), drawn.bound_reached.to(device))
