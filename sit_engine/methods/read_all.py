"""What a network reads in every training image as it is, for methods that need it before the first step.

Shapes: n training images, B of a piece, C channels, V side of a view.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.data.feed.batches import Batches
from sit_engine.records.on_progress import OnProgress, ProgressReporter
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import centre_params

PIECE = 128


@torch.no_grad()
def read_all(
    batches: Batches,
    network: nn.Module,
    read: Callable[[Tensor], Tensor],
    size: tuple[int, int],
    on_progress: OnProgress | None = None,
) -> Tensor:
    """Rows [n,…] that `read` makes of centred views [B,C,V,V], the network in evaluation mode."""
    count = len(batches.rows)
    progress = ProgressReporter(on_progress, "reading images", count)
    was_training = network.training
    network.eval()
    parts = []
    for start in range(0, count, PIECE):
        parts.append(_read(batches, read, size, range(start, min(start + PIECE, count))))
        progress.say(min(start + PIECE, count))
    network.train(was_training)
    return torch.cat(parts)


@torch.no_grad()
def made_up(
    batches: Batches, network: nn.Module, read: Callable[[Tensor], Tensor], size: tuple[int, int]
) -> Tensor:
    """Rows of the shape of `read_all`'s, each that of the first image: for steps that are tried."""
    was_training = network.training
    network.eval()
    found = _read(batches, read, size, range(1))
    network.train(was_training)
    return found.expand(len(batches.rows), *found.shape[1:])


def _read(
    batches: Batches, read: Callable[[Tensor], Tensor], size: tuple[int, int], positions: range
) -> Tensor:
    batch = batches.some(np.array(positions))
    views = apply_views(batch.images_BSSC, centre_params(batch.aspect_B), size)
    return read(views).float()
