"""When a run must go back, and what is a spike: judged from a report's numbers alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sit_engine.config.traits import CurveInfo
from sit_engine.methods.protocol import Losses
from sit_engine.training.metrics_window import MetricsWindow
from sit_engine.training.progress import Progress
from sit_engine.training.recovery.steadiness import (
    SPIKE_WINDOW,
    Jump,
    in_a_row,
    jump_warnings,
    take,
    why_unsteady,
)
from sit_engine.training.stepper import Done


def after(*finite: bool, every: int = 10, losses: list[float] | None = None) -> Progress:
    """Where a run stands after steps that were finite or not, told in reports."""
    progress = Progress(total_steps=10_000)
    for start in range(0, len(finite), every):
        part = list(finite[start : start + every])
        progress.step += len(part)
        told = [1.0] * len(part) if losses is None else losses[start : start + every]
        take(progress, told, part)
    return progress


@pytest.mark.parametrize("every", [1, 3, 10, 500])
def test_five_in_a_row_whatever_the_reports(every: int) -> None:
    good = [True] * 7
    assert why_unsteady(after(*good, *[False] * 4, *good, every=every)) is None
    told = why_unsteady(after(*good, *[False] * 5, *good, every=every))
    assert told == "5 steps in a row were not finite"


def test_five_percent_of_the_last_200() -> None:
    # One in twenty is 10 of 200, and one more is too many.
    one_in_twenty = ([True] * 19 + [False]) * 20
    assert why_unsteady(after(*one_in_twenty)) is None
    told = why_unsteady(after(*one_in_twenty[:-10], False, *one_in_twenty[-9:]))
    assert told == "11 of the last 200 steps were not finite"
    # What was long ago does not count.
    assert after(*[False, True] * 30, *[True] * 200).skipped_at == []


def test_the_first_steps_are_judged_by_number_not_by_share() -> None:
    assert why_unsteady(after(*[False, True] * 10)) is None
    assert why_unsteady(after(*[False, True] * 11)) is not None


def test_a_spike_is_far_outside_the_spread_of_the_losses_before() -> None:
    losses = (5 + 0.1 * np.random.default_rng(0).standard_normal(400)).tolist()
    assert after(*[True] * 400, losses=losses).spikes == 0
    losses[300], losses[350] = 8.0, float("1e30")
    assert after(*[True] * 400, losses=losses).spikes == 2
    # A loss that falls fast, and one that jumps to a new level, is no series of spikes.
    falling = [10 * 0.98**step for step in range(400)]
    assert after(*[True] * 400, losses=falling).spikes == 0
    level = [1.0 + 0.01 * (step % 7) for step in range(200)]
    found = after(*[True] * 400, losses=[*level, *(loss + 5 for loss in level)]).spikes
    assert 0 < found <= SPIKE_WINDOW // 2 + 1


def test_too_few_losses_and_none_that_differ_are_no_spike() -> None:
    assert after(*[True] * 40, losses=[1.0] * 39 + [100.0]).spikes == 0
    flat = [1.0] * 100 + [1.000001] + [1.0] * 19
    assert after(*[True] * 120, losses=flat).spikes == 0


def test_skipped_steps_leave_no_loss_behind() -> None:
    progress = after(*[True, False] * 3, losses=[2.0, 0.0] * 3)
    assert progress.recent_losses == [2.0] * 3
    assert (progress.skipped, progress.skipped_at) == (3, [1, 3, 5])


@pytest.mark.parametrize(
    ("steps", "wanted"), [([], 0), ([4], 1), ([1, 2, 4, 5, 6, 9], 3), ([1, 3, 5], 1)]
)
def test_the_longest_stretch(steps: list[int], wanted: int) -> None:
    assert in_a_row(steps) == wanted


def test_a_marked_curve_is_judged_step_by_step_and_its_highest_spike_is_told() -> None:
    progress, norms = Progress(total_steps=1000), [1.0 + 0.1 * (n % 5) for n in range(110)]
    norms[103], norms[106] = 40.0, 90.0
    told = []
    for start in range(0, 110, 10):
        progress.step += 10
        part = norms[start : start + 10]
        told.append(take(progress, [1.0] * 10, [True] * 10, {"norm": part}))
    assert told[:-1] == [{}] * 10
    (jump,) = told[-1].values()
    assert jump == Jump(107, 90.0, jump.usual)
    assert jump.usual == pytest.approx(1.2, abs=0.1)
    assert progress.spikes == 2
    assert progress.recent_curves == {"norm": norms[-SPIKE_WINDOW:]}


def test_a_window_keeps_each_step_of_what_is_marked_beside_the_means() -> None:
    window = MetricsWindow(torch.device("cpu"), ("jumpy", "missing"))
    for step, is_finite in enumerate((1.0, 0.0, 1.0)):
        loss = torch.tensor(float(step))
        losses = Losses(loss, {"contrast": loss}, {"calm": loss, "jumpy": 10 * loss})
        window.add(Done(losses, torch.tensor(is_finite), torch.tensor(1.0), {}, 0.0))
    means = window.read()
    assert means.each == {"jumpy": [0.0, 0.0, 20.0]}
    assert means.losses == [0.0, 0.0, 2.0]
    assert means.curves == {"calm": 1.0, "jumpy": 10.0}


def test_a_jump_is_told_by_the_curves_title() -> None:
    curves = (CurveInfo("calm", "calm"), CurveInfo("jumpy", "height", marks_jumps=True))
    (told,) = jump_warnings({"jumpy": Jump(107, 90.0, 1.25)}, curves)
    assert told.code == "curve.jumped"
    assert told.message == "At step 107 the height jumped to 90, from about 1.25."
