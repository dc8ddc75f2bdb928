"""Whether a run's steps stay finite and its losses near each other; judged from what a report brings.

The device skips a step that is not finite by itself; here it is counted when the numbers come to the
host anyway, so nothing waits. All ranks see the same numbers and judge alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from sit_engine.config.traits import CurveInfo
from sit_engine.counted import Sentence
from sit_engine.records.events import Warned, warning
from sit_engine.training.progress import Progress

IN_A_ROW = 5
RECENT_STEPS = 200
MOST_SKIPPED = RECENT_STEPS // 20
"""5 % of the recent steps. Counted, so that one of the first ten steps is not 10 %."""
SPIKE_WINDOW, FEWEST_LOSSES = 100, 50
SPIKE_AT = 10.0
"""Above the median of the recent losses, in robust standard deviations (1.4826 times the median
absolute deviation, which is the standard deviation of a normal distribution)."""
ROBUST = 1.4826


class Jump(NamedTuple):
    """A spike of a curve: after how many steps, its value, and the median of those before."""

    step: int
    value: float
    usual: float


def take(
    progress: Progress,
    losses: Sequence[float],
    finite: Sequence[bool],
    curves: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Jump]:
    """Count what the last steps before `progress.step` were: skipped, or a spike of the loss or of
    one of `curves`; gives of each curve the highest.

    A spike is a mark and no more: its step is finite, its gradient is clipped.
    """
    first = progress.step - len(losses)
    jumps = dict[str, Jump]()
    for number, (loss, is_finite) in enumerate(zip(losses, finite, strict=True)):
        if not is_finite:
            progress.skipped += 1
            progress.skipped_at.append(first + number)
            continue
        is_marked = _is_spike(loss, progress.recent_losses)
        _append(progress.recent_losses, loss)
        for name, values in (curves or {}).items():
            recent = progress.recent_curves.setdefault(name, [])
            if _is_spike(values[number], recent):
                is_marked = True
                jump = Jump(first + number + 1, values[number], median(recent))
                jumps[name] = max(jump, jumps.get(name, jump), key=lambda found: found.value)
            _append(recent, values[number])
        progress.spikes += is_marked
    oldest = progress.step - RECENT_STEPS
    progress.skipped_at = [step for step in progress.skipped_at if step >= oldest]
    return jumps


def jump_warnings(jumps: Mapping[str, Jump], curves: Sequence[CurveInfo]) -> list[Warned]:
    """The jumps of these curves in words."""
    return [
        warning(
            "curve.jumped",
            "At step {step} the {what} jumped to {value}, from about {usual}.",
            step=jumps[curve.name].step,
            what=curve.title,
            value=f"{jumps[curve.name].value:.3g}",
            usual=f"{jumps[curve.name].usual:.3g}",
        )
        for curve in curves
        if curve.name in jumps
    ]


def _append(recent: list[float], value: float) -> None:
    recent.append(value)
    del recent[:-SPIKE_WINDOW]


def _is_spike(loss: float, recent: Sequence[float]) -> bool:
    if len(recent) < FEWEST_LOSSES:
        return False
    middle = median(recent)
    spread = ROBUST * median([abs(value - middle) for value in recent])
    # Losses that stand still have no spread at all, up to the last bits of a float32.
    return loss - middle > SPIKE_AT * max(spread, 1e-5 * abs(middle))


def why_unsteady(progress: Progress) -> str | None:
    """Why the run must go back, if so: the end of a sentence that begins with "since"."""
    if in_a_row(progress.skipped_at) >= IN_A_ROW:
        steps = in_a_row(progress.skipped_at)
        return Sentence("{steps} steps in a row were not finite", steps=steps)
    if len(progress.skipped_at) > MOST_SKIPPED:
        return Sentence(
            "{steps} of the last {recent} steps were not finite",
            steps=len(progress.skipped_at),
            recent=RECENT_STEPS,
        )
    return None


def in_a_row(steps: Sequence[int]) -> int:
    """The longest stretch without a gap of ascending steps."""
    longest = length = 0
    last = -math.inf
    for step in steps:
        length = length + 1 if step == last + 1 else 1
        longest, last = max(longest, length), step
    return longest
