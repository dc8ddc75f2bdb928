"""Accuracy over minutes: what the runs of a comparison read of themselves while they trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

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
from sit_engine.records.studies.comparison import Curve, Pace


def curve_of(runs: Sequence[Run], name: str, pace: Pace | None) -> Curve | None:
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
    return Curve(
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


def training_s(run: Run) -> float:
    """Seconds from each leg's first step to what it told last of the steps that were kept."""
    return max((seconds for _, seconds in _trained(run)), default=0.0)


def speed_told(run: Run) -> tuple[float, int]:
    """Images a second, the median of its reports, and the most bytes that it held on a GPU."""
    events = [event for event, _ in read_events(run)]
    reports = [event for event in events if isinstance(event, StepReported)]
    if not reports:
        return 0.0, 0
    on_cpu = any(isinstance(event, RunStarted) and event.device == "cpu" for event in events)
    # On a CPU it is what the process holds, with all that other runs have left.
    most = 0 if on_cpu else max(report.memory_bytes for report in reports)
    return median(report.images_per_s for report in reports), most


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
