"""What the window knows of a run follows from its events, whatever order life brings them in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sit_engine.config.course import VERDICTS, Course
from sit_engine.counted import Sentence
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    CheckpointWritten,
    CommandAnswered,
    ConfigChanged,
    HealthMeasured,
    KnnMeasured,
    PhaseChanged,
    PreviewWritten,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    Warned,
)
from sit_engine.records.run import Run
from sit_studio.models.failure import Failure
from sit_studio.models.history import MOST_LOG_LINES, History, State
from sit_studio.pages.watch.health_card import verdict
from sit_studio.widgets.states import state_word

STARTED = RunStarted("run", "sit", "cpu", 100, 40, 10, 10, 1)
TRAINING = PhaseChanged("training", 0, 40)


def report(step: int, *, loss: float = 1.0, skipped: int = 0, waiting: float = 0.0) -> StepReported:
    return StepReported(
        step=step, epoch=step / 10, loss=loss, terms={"contrast": loss}, curves={"agreement": 0.5},
        learning_rate=0.1, weight_decay=0.1, gradient_norm=1.0, images_per_s=10.0,
        waiting_share=waiting, skipped_steps=skipped, memory_bytes=10, seconds_left=None,
    )  # fmt: skip


def training(*steps: int) -> History:
    """A run that someone trains and that has told of these steps."""
    history = History()
    history.see("alive")
    for event in (STARTED, TRAINING, *(report(step) for step in steps)):
        history.add(event, 1000.0 + history.version)
    return history


def test_a_whole_run_becomes_curves_readings_pictures_and_marks(finished_run: Path) -> None:
    history = History()
    for event, when in read_events(Run(finished_run)):
        history.add(event, when)
    history.see("idle")
    assert (history.state, history.share, history.step) == ("completed", 1.0, history.total_steps)
    assert history.curve("loss").steps[-1] == history.step
    assert set(history.terms) == {"contrast", "reconstruction"}
    assert history.knn is not None
    assert history.health is not None
    assert sorted(history.previews) == [0, history.step]
    assert {mark.kind for mark in history.marks} == {"checkpoint"}
    minutes = history.minutes_of(np.array([1.0, float(history.step)]))
    assert 0 <= minutes[0] <= minutes[1]
    assert history.epoch_of(np.array([float(history.step)]))[0] == pytest.approx(4.0)


def test_a_reading_that_chance_does_not_bring_below_the_best_is_a_dip() -> None:
    history = training(1)
    for step, accuracy in ((0, 0.2), (10, 0.5), (20, 0.42), (30, 0.3), (40, 0.5)):
        history.add(KnnMeasured(step, accuracy, 0.2, 0.1, 0.2, "student"), 2000.0)
    assert [(mark.step, mark.text) for mark in history.marks if mark.kind == "dip"] == [
        (30, "k-NN 30.0%, after 50.0%")
    ]


def test_a_resume_takes_back_what_came_after_its_checkpoint() -> None:
    history = training(1, 2, 3, 4)
    history.add(PreviewWritten(4, "previews/4"), 2000)
    history.add(CheckpointWritten(2, "checkpoints/2"), 2000)
    history.add(CheckpointWritten(4, "checkpoints/4"), 2000)
    history.see("idle")
    assert str(history.state) == "interrupted"
    history.add(RunResumed(1, 2, "step-2", 5), 9000)
    assert list(history.curve("loss").steps) == [1, 2]
    assert not history.previews
    assert [(mark.kind, mark.step) for mark in history.marks] == [("checkpoint", 2), ("resume", 2)]
    assert history.step == 2


@pytest.mark.parametrize("outcome", ["completed", "paused", "stopped", "failed"])
def test_a_leg_that_ended_stands_as_it_said(outcome: State) -> None:
    history = training(1)
    history.add(RunFinished(outcome, 1, 0), 2000)  # type: ignore[arg-type]
    history.see("idle")
    assert history.state == outcome
    assert not history.is_live


def test_a_run_that_ended_before_its_first_leg_has_failed_unless_it_was_asked_to() -> None:
    failed, stopped = History(), History()
    for history, asked in ((failed, ""), (stopped, "stop")):
        history.see("alive")
        history.add(PhaseChanged("listing", 5, 0), 1)
        assert str(history.state) == "preparing"
        history.asked = asked
        history.see("idle")
    assert (failed.state, stopped.state, stopped.asked) == ("failed", "stopped", "")


def test_the_next_leg_that_is_stopped_early_leaves_the_run_as_it_was() -> None:
    history = training(1)
    history.add(RunFinished("paused", 1, 0), 2000)
    history.see("idle")
    history.see("alive")
    assert str(history.state) == "preparing"
    assert history.phase is None
    history.asked = "stop"
    history.see("idle")
    assert str(history.state) == "paused"


def test_a_leg_that_said_how_it_ended_is_ending_until_its_process_is_gone() -> None:
    history = training(1)
    history.asked = "pause"
    history.add(CommandAnswered("pause", "Done.", "done"), 1999)
    assert not history.is_ending
    history.add(RunFinished("paused", 1, 0), 2000)
    assert history.is_ending
    assert state_word(history) == "Ending…"
    history.see("idle")
    assert not history.is_ending
    history.see("alive")
    history.add(PhaseChanged("listing"), 2001)
    assert not history.is_ending


def test_opening_a_run_that_trains_shows_it_training_at_once() -> None:
    history = History()
    for event in (STARTED, PhaseChanged("reading images", 1, 2), TRAINING, report(1)):
        history.add(event, 1)
    assert str(history.state) == "opening"
    history.see("alive")
    assert str(history.state) == "training"
    history.add(PhaseChanged("listing"), 2)
    assert str(history.state) == "preparing"


def test_a_folder_that_comes_back_is_taken_up_again() -> None:
    history = training(1)
    history.see("gone")
    assert str(history.state) == "gone"
    history.see("alive")
    assert str(history.state) == "training"


def test_an_answer_frees_the_buttons_and_another_ones_does_not() -> None:
    history = training(1)
    history.asked = "preview"
    history.add(CommandAnswered("checkpoint", "done"), 2)
    assert history.asked == "preview"
    history.add(CommandAnswered("preview", "done"), 2)
    assert history.asked == ""
    history.asked = "extend"
    history.refuse(Failure("disk.write", "Cannot write."))
    assert history.asked == ""


def test_an_extended_run_has_more_steps() -> None:
    history = training(20)
    history.add(ConfigChanged(20, "optim.epochs", "4", "8", "asked for"), 2)
    assert (history.total_steps, history.share) == (80, 0.25)
    assert history.marks[-1].kind == "change"
    assert history.marks[-1].text == "optim.epochs: 4 → 8 (asked for)"


def test_a_reading_tells_how_far_it_is_where_no_report_did() -> None:
    history = training()
    history.add(HealthMeasured(6, 100, 0.5, 9.0, 32, "unknown", ""), 2000.0)
    assert history.step == 6


def test_skipped_steps_are_marked_once_and_gaps_stay_gaps() -> None:
    history = training(1)
    history.add(report(2, loss=math.nan, skipped=1), 3)
    history.add(report(3, skipped=1), 4)
    assert [(mark.kind, mark.step, mark.text) for mark in history.marks] == [("skipped", 2, "1")]
    assert math.isnan(history.curve("loss").values[1])
    assert history.skipped == 1


def test_hours_between_two_legs_are_no_training_time() -> None:
    history = training(1, 2)
    history.add(RunFinished("paused", 2, 0), 1010)
    history.add(RunResumed(1, 2, "step-2", 5), 90_000)
    history.add(PhaseChanged("training", 2, 40), 90_001)
    history.add(report(3), 90_002)
    assert history.curve("seconds").values[-1] < 60


def test_the_log_is_bounded() -> None:
    history = training(1)
    for number in range(MOST_LOG_LINES + 10):
        history.add(Warned("data.changed", str(number)), 1)
    assert len(history.log) == MOST_LOG_LINES
    assert history.logged > MOST_LOG_LINES


def test_the_time_axis_counts_training_with_its_readings_and_nothing_between_legs() -> None:
    history = History()
    history.see("alive")
    for event, when in (
        (STARTED, 90.0), (TRAINING, 100.0), (report(10), 160.0), (PreviewWritten(20, "p"), 215.0),
        (report(20), 220.0), (RunResumed(1, 20, "step-20", 1), 9000.0), (TRAINING, 9100.0),
        (report(30), 9160.0),
    ):  # fmt: skip
        history.add(event, when)
    assert history.minutes_of(np.array([10.0, 20.0, 30.0])).tolist() == [1.0, 2.0, 3.0]


def test_waiting_for_data_is_told_after_some_reports_of_a_leg_that_trains() -> None:
    history = training(1)
    for step, waiting in ((2, 0.6), (3, 0.5)):
        history.add(report(step, waiting=waiting), 2000.0 + step)
    assert history.waiting_share == pytest.approx(1.1 / 3)
    for step in (4, 5):
        history.add(report(step, waiting=0.0), 2000.0 + step)
    assert history.waiting_share is None
    for step in (6, 7, 8):
        history.add(report(step, waiting=0.9), 2000.0 + step)
    assert history.waiting_share == pytest.approx(0.9)
    history.see("idle")
    assert history.waiting_share is None
    history.see("alive")
    history.add(RunResumed(1, 8, "step-8", 1), 3000.0)
    history.add(PhaseChanged("training", 8, 40), 3001.0)
    history.add(report(9, waiting=0.9), 3002.0)
    assert history.waiting_share is None
    assert not history.is_streaming
    history.add(Warned("data.streamed", "…", {}), 3003.0)
    assert history.is_streaming


def test_a_run_that_was_kept_too_early_is_told_what_it_is() -> None:
    history = training(2, 3)
    words = Course(2000, 10, 100).words()
    said = Sentence(VERDICTS["health.early"], **words)
    reading = HealthMeasured(3, 64, 0.5, 20.0, 384, "unknown", said, "health.early", words)
    history.add(reading, 1100.0)
    assert verdict(history)[1].startswith("It is too early to tell: that takes until step 400")
    history.add(RunFinished("completed", 385, 0), 1200.0)
    history.see("idle")
    assert verdict(history) == (
        "unknown",
        (
            "This run was ended at step 385, before it can be told whether it learns: that takes "
            "until step 400 (epoch 40). Sets of this size need about 1,000 epochs."
        ),
    )
