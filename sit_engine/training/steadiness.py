"""Whether a run's steps stay finite and its losses near each other; judged from what a report brings.

The device skips a step that is not finite by itself; here it is counted when the numbers come to the
host anyway, so nothing waits. All ranks see the same numbers and judge alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from sit_engine.counted import Sentence
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


def take(progress: Progress, losses: Sequence[float], finite: Sequence[bool]) -> None:
    """Count what the last steps before `progress.step` were: skipped, or a spike of the loss.

    A spike is a mark and no more: its step is finite, its gradient is clipped.
    """
    first = progress.step - len(losses)
    for number, (loss, is_finite) in enumerate(zip(losses, finite, strict=True)):
        if not is_finite:
            progress.skipped += 1
            progress.skipped_at.append(first + number)
            continue
        progress.spikes += _is_spike(loss, progress.recent_losses)
        progress.recent_losses.append(loss)
        del progress.recent_losses[:-SPIKE_WINDOW]
    oldest = progress.step - RECENT_STEPS
    progress.skipped_at = [step for step in progress.skipped_at if step >= oldest]


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
    """Of ascending steps: the longest stretch without a gap."""
    longest = length = 0
    last = -math.inf
    for step in steps:
        length = length + 1 if step == last + 1 else 1
        longest, last = max(longest, length), step
    return longest
