"""Frames of one video are no negatives of each other, in every loss that has negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from sit_engine.methods.contrast import info_nce, nt_xent, without_same


def test_scores_of_the_same_item_are_left_out_but_for_the_own_one() -> None:
    items = torch.tensor([0, 0, 1])
    left = without_same(torch.zeros(3, 3), torch.arange(3), items)
    hidden = float("-inf")
    assert left.tolist() == [[0.0, hidden, 0.0], [hidden, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_a_loss_of_pairs_of_frames_is_that_of_one_frame_each() -> None:
    """Twice the same two videos: with masks each frame meets the other video's two frames only."""
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 3, 8, generator=generator)
    items = torch.tensor([0, 1, 2])
    alone = torch.cat([one, two])

    def moco(x: Tensor, items: Tensor | None) -> Tensor:
        return info_nce(x, x.flip(0), 0.5, items)[0]

    def simclr(x: Tensor, items: Tensor | None) -> Tensor:
        return nt_xent(x, 0.5, items)[0]

    for loss_of in (moco, simclr):
        assert loss_of(alone, items) == loss_of(alone, None)
        # With a second frame of video 0 whose features are far from everything.
        more = torch.cat([one, one[:1], two, two[:1]])
        masked = loss_of(more, torch.tensor([0, 1, 2, 0]))
        assert masked < loss_of(more, None)
