"""Quarter turns of views, and which one each got: the labels of the rotation task (arXiv 2104.03602 v1),
or a change like any other, for images without an upright.

Shapes: B views, C colours, V side of a view.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sit_engine.views.seeds import numpy_stream

ROTATIONS = 4


def draw_rotations(batch: int, *, seed: int, step: int, view: int) -> Tensor:
    """Labels int64 [B] on the CPU, each as likely: 0 as it is, 1 a quarter clockwise, 2 half, 3
    a quarter anticlockwise.
    """
    return torch.from_numpy(
        numpy_stream(seed, step, 0, f"turns {view}").integers(0, ROTATIONS, batch)
    )


def draw_turns(batch: int, share: float, *, seed: int, step: int, view: int) -> Tensor:
    """Turns int64 [B] as of `draw_rotations`; a `share` of the views is turned, each way as likely."""
    if share == 0:
        return torch.zeros(batch, dtype=torch.int64)
    stream = numpy_stream(seed, step, 0, f"quarters {view}")
    ways_B = stream.integers(1, ROTATIONS, batch)
    return torch.from_numpy(ways_B * (stream.random(batch) < share))


def rotate_(view_BCVV: Tensor, rotations_B: Tensor) -> None:
    """Turn square views in place, each by its label."""
    for number in range(1, ROTATIONS):
        rows = (
            torch.nonzero(rotations_B == number).flatten().to(view_BCVV.device, non_blocking=True)
        )
        # rot90 turns anticlockwise
        view_BCVV[rows] = torch.rot90(view_BCVV[rows], -number, (2, 3))
