"""What a leg shows in its terminal."""

from __future__ import annotations

import io

from sit_engine.cli.screen import Screen
from sit_engine.records.events import PhaseChanged, RunResumed, StepReported


def test_a_resumed_leg_says_how_many_steps_there_are_in_all() -> None:
    out = io.StringIO()
    screen = Screen(as_json=False, out=out)
    screen.show(RunResumed(leg=1, from_step=16, checkpoint="step-00000016", pid=1))
    screen.show(PhaseChanged("training", 16, 60))
    screen.drawn_s = float("-inf")  # It draws seldom where nobody looks.
    screen.show(
        StepReported(
            step=30, epoch=1.0, loss=1.0, terms={"contrast": 1.0}, curves={}, learning_rate=0.1,
            weight_decay=0.1, gradient_norm=1.0, images_per_s=10.0, waiting_share=0.0,
            skipped_steps=0, memory_bytes=1, seconds_left=None,
        )
    )  # fmt: skip
    screen.clear()
    assert "50%  step 30/60" in out.getvalue()
