"""Where a run stands, from its folder alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sit_engine.records.event_log import read_log
from sit_engine.records.events import (
    ConfigChanged,
    RolledBack,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    last_outcome,
)
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run

Status = Literal["running", "completed", "paused", "stopped", "failed", "interrupted"]


@dataclass(frozen=True)
class RunSummary:
    """What a list of runs shows, from the folder alone: no checkpoint is opened."""

    path: Path
    status: Status
    leg: int
    step: int
    total_steps: int
    outcome: RunFinished | None
    last_report: StepReported | None
    changes: tuple[ConfigChanged, ...] = field(default=())
    unfit: int = 0
    """Lines of `events.jsonl` that were passed over since their values do not fit."""


def summarise(run: Run, *, holder_is_me: bool = False) -> RunSummary:
    """Where a run stands now; `holder_is_me` looks past a lock that the caller itself holds."""
    leg, total, step = -1, 0, 0
    outcome: RunFinished | None = None
    report: StepReported | None = None
    changes: list[ConfigChanged] = []
    events, unfit = read_log(run)
    for event, _ in events:
        match event:
            case RunStarted():
                leg, total, outcome = event.leg, event.total_steps, None
            case RunResumed():
                leg, step, outcome = event.leg, event.from_step, None
            case RolledBack():
                step = event.to_step
            case RunFinished():
                outcome = last_outcome(outcome, event, leg)
                step = outcome.step
            case StepReported():
                report, step = event, event.step
            case ConfigChanged():
                changes.append(event)
    status: Status = "interrupted"
    if not holder_is_me and is_running(run):
        status = "running"
    elif outcome is not None:
        status = outcome.outcome
    return RunSummary(run.path, status, leg, step, total, outcome, report, tuple(changes), unfit)
