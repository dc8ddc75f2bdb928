"""Learning rate, weight decay and moments of a run as pure functions of the step."""

from __future__ import annotations

import math


def cosine(start: float, end: float, step: int, total_steps: int, warmup_steps: int = 0) -> float:
    """Linear from 0 to `start` over the warm-up, then half a cosine to `end` (2104.03602 v3).

    `step` counts from 0; `start` is reached at `warmup_steps`, `end` at `total_steps`.
    """
    if step < warmup_steps:
        return start * step / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, progress))) / 2


def falls_on(step: int, total_steps: int, times: int) -> bool:
    """Whether one of `times` evenly spread moments of the run falls on this step; the end always."""
    if times == 0:
        return False
    return step == total_steps or step * times // total_steps > (step - 1) * times // total_steps
