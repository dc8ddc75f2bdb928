"""What a network reads in every training image as it is, for methods that need it before the first step.

Shapes: n training images, B of a piece, C channels, V side of a view.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.data.feed.batches import Batches
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import centre_params

PIECE = 128


@torch.no_grad()
def read_all(
    batches: Batches, network: nn.Module, read: Callable[[Tensor], Tensor], size: tuple[int, int]
) -> Tensor:
    """Rows [n,…] that `read` makes of centred views [B,C,V,V], the network in evaluation mode."""
    was_training = network.training
    network.eval()
    parts = []
    for start in range(0, len(batches.rows), PIECE):
        batch = batches.some(np.arange(start, min(start + PIECE, len(batches.rows))))
        views = apply_views(batch.images_BSSC, centre_params(batch.aspect_B), size)
        parts.append(read(views).float())
    network.train(was_training)
    return torch.cat(parts)
