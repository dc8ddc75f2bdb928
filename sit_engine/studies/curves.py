"""Accuracy over minutes: what the runs of a comparison read of themselves while they trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    Event,
    KnnMeasured,
    PhaseChanged,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    Warned,
)
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import AccuracyCurve, Pace


def curve_of(runs: Sequence[Run], name: str, pace: Pace | None) -> AccuracyCurve | None:
    """The curve over the steps at which all runs, one a seed, have a reading; None without readings.

    Minutes are those of the pace; without one those that passed, the mean over the runs.
    """
    read = [dict(_readings(run, pace)) for run in runs]
    steps = sorted(set.intersection(*(set(found) for found in read))) if read else []
    if not steps:
        return None
    rows = [[found[step] for found in read] for step in steps]
    start = [reading.untrained for _, reading in rows[0]]
    values = [start, *([reading.accuracy for _, reading in row] for row in rows)]
    return AccuracyCurve(
        name=name,
        minutes=(0.0, *(sum(minutes for minutes, _ in row) / len(row) for row in rows)),
        mean=tuple(sum(row) / len(row) for row in values),
        low=tuple(min(row) for row in values),
        high=tuple(max(row) for row in values),
        seeds=len(runs),
    )


def _readings(run: Run, pace: Pace | None) -> Iterator[tuple[int, tuple[float, KnnMeasured]]]:
    batch = run.config().optim.batch_size
    for event, seconds in _trained(run):
        if isinstance(event, KnnMeasured) and event.step > 0:
            if pace is not None:
                seconds = event.step * batch / pace.images_per_s
            yield event.step, (seconds / 60, event)


class Told(NamedTuple):
    """What a run told of its training."""

    seconds: float
    """From each leg's first step to what it told last of the steps that were kept."""
    images_per_s: float
    """The median of its reports; 0: there is none."""
    memory_bytes: int
    """The most that it held on a GPU; 0: it had none, and what its process held is not its alone."""


def told(run: Run) -> Told:
    """Read once what its events say."""
    seconds, is_on_cpu = 0.0, False
    reports: list[StepReported] = []
    for event, passed_s in _trained(run):
        seconds = max(seconds, passed_s)
        if isinstance(event, StepReported):
            reports.append(event)
        elif isinstance(event, RunStarted):
            is_on_cpu = event.device == "cpu"
    rate = median(report.images_per_s for report in reports) if reports else 0.0
    most = 0 if is_on_cpu else max((report.memory_bytes for report in reports), default=0)
    return Told(seconds, rate, most)


def _trained(run: Run) -> Iterator[tuple[Event, float]]:
    """The events, each with the seconds trained so far."""
    seconds, last_s = 0.0, None
    for event, when_s in read_events(run):
        if isinstance(event, PhaseChanged):
            last_s = when_s if event.phase == "training" else None
        elif isinstance(event, (RunStarted, RunResumed)):
            last_s = None
        elif last_s is not None and not isinstance(event, Warned):
            # A leg warns before it says that it goes on: what lies before such a word may be a kill.
            seconds += when_s - last_s
            last_s = None if isinstance(event, RunFinished) else when_s
        yield event, seconds
