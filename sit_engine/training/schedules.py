"""Learning rate, weight decay and moments of a run as pure functions of the step."""

from __future__ import annotations

import math

LEVEL_FALL = 0.2
"""Share of a run in which a level rate falls."""


def cosine(start: float, end: float, step: int, total_steps: int, warmup_steps: int = 0) -> float:
    """Linear from 0 to `start` over the warm-up, then half a cosine to `end` (2104.03602 v3).

    `step` counts from 0; `start` is reached at `warmup_steps`, `end` at `total_steps`.
    """
    if step < warmup_steps:
        return start * step / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, progress))) / 2


def level(start: float, end: float, step: int, total_steps: int, warmup_steps: int = 0) -> float:
    """Linear from 0 to `start` over the warm-up, level, then linear to `end` in the last fifth.

    The constant rate with cooldown of 2405.18392. `step` counts from 0; `end` is reached at
    `total_steps`.
    """
    if step < warmup_steps:
        return start * step / warmup_steps
    fall_steps = max(1, round(LEVEL_FALL * total_steps))
    left = max(0, min(1.0, (total_steps - step) / fall_steps))
    return end + (start - end) * left


SCHEDULES = {"cosine": cosine, "level": level}
"""By their names in `optim.schedule`."""


def falls_on(step: int, total_steps: int, times: int) -> bool:
    """Whether one of `times` evenly spread moments of the run falls on this step; the end always."""
    if times == 0:
        return False
    return step == total_steps or step * times // total_steps > (step - 1) * times // total_steps
