"""The teacher as a slow average of the student: the one update of it, for every method."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def average_(
    teacher: Sequence[Tensor], student: Sequence[Tensor], momentum: float, finite: Tensor
) -> None:
    """In place: teacher ← m·teacher + (1−m)·student; where `finite` is 0 it stays as it was."""
    difference = torch._foreach_sub(list(student), list(teacher))
    torch._foreach_mul_(difference, finite * (1 - momentum))
    torch._foreach_add_(list(teacher), difference)
