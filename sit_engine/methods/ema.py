"""The teacher as a slow average of the student: the one update of it, for every method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def rising_momentum(first: float, step: int, total_steps: int) -> float:
    """Momentum that rises from `first` to 1: 1 − ½·(1 + cos(π·step/total))·(1 − first)."""
    progress = min(1.0, step / max(1, total_steps))
    return 1 - (1 - first) * (math.cos(math.pi * progress) + 1) / 2


@torch.no_grad()
def average_(
    teacher: Sequence[Tensor], student: Sequence[Tensor], momentum: float, finite: Tensor
) -> None:
    """Update in place: teacher ← m·teacher + (1−m)·student; nothing changes where `finite` is 0.

    On CPU in one pass over each weight: the differences of all at once cost fresh memory, which took
    eight times as long. On a GPU few launches count for more.
    """
    share = (finite * (1 - momentum)).to(teacher[0].dtype)
    if share.device.type == "cpu":
        torch._foreach_lerp_(list(teacher), list(student), [share] * len(teacher))
        return
    difference = torch._foreach_sub(list(student), list(teacher))
    torch._foreach_mul_(difference, share)
    torch._foreach_add_(list(teacher), difference)
