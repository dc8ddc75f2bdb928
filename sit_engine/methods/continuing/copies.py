"""Changed copies of all images, kept where the blocks begin that learn: the others are worked once.

Shapes: n images, r copies of each, N tokens, D width, B of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor

from sit_engine import ranks
from sit_engine.config.view_kinds import ViewKind
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.errors import OutOfMemoryError
from sit_engine.methods.plain_views import plain_views
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.on_progress import OnProgress, ProgressReporter
from sit_engine.views.seeds import numpy_stream

PIECE = 64
MOST_OF_MEMORY = 0.5
"""Of what is free when they are made."""


@torch.no_grad()
def keep_copies(
    batches: Batches,
    read: Callable[[Tensor], Tensor],
    kinds: Sequence[ViewKind],
    *,
    copies: int,
    seed: int,
    most: int,
    on_progress: OnProgress | None = None,
) -> Tensor:
    """[n,r,N,D] of what `read` makes of changed views, half precision; the same for the same seed.

    Of the first `most` images, n. Raises OutOfMemoryError where those of all would take more than half of
    the free memory.
    """
    count, kept = min(most, len(batches.rows)), None
    progress = ProgressReporter(on_progress, "keeping copies", count)
    for first in range(0, count, PIECE):
        batch = batches.some(np.arange(first, min(first + PIECE, count)))
        for copy in range(copies):
            # Draws of their own, so that a resumed run has the same ones.
            (view_BCYX,) = plain_views(kinds, batch, StepInfo(seed, -1 - copy - first, 1)).each
            read_BND = read(view_BCYX).half().cpu()
            if kept is None:
                _check_room(len(batches.rows) * copies * read_BND[0].numel() * 2)
                kept = read_BND.new_empty((count, copies, *read_BND.shape[1:]))
            kept[first : first + len(read_BND), copy] = read_BND
        progress.say(min(first + PIECE, count))
    assert kept is not None
    return kept


def of_copies(kept_nrND: Tensor, batch: Batch, step_info: StepInfo) -> Tensor:
    """[B,N,D] of this rank's images: one of the copies of each, drawn for the whole batch."""
    count, copies = kept_nrND.shape[:2]
    generator = numpy_stream(step_info.seed, step_info.step, 0, "copies")
    drawn = torch.from_numpy(generator.integers(copies, size=len(batch.positions_B)))
    # While steps are tried there are copies of a few images only.
    return kept_nrND[batch.positions_B[batch.own] % count, drawn[batch.own]].float()


def _check_room(needed: int) -> None:
    _, beside = ranks.on_this_machine()
    free = psutil.virtual_memory().available / beside
    if needed > MOST_OF_MEMORY * free:
        raise OutOfMemoryError(
            "memory.copies",
            "The kept copies would take {needed} GB, and {free} GB are free.",
            "Set method.copies lower, or to 0.",
            needed=f"{needed / 1e9:.1f}",
            free=f"{free / 1e9:.1f}",
        )
