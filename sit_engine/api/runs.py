"""Runs: begun, gone on with, looked over and mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sit_engine.config.tree import RunConfig
from sit_engine.records.events import Event, Warned
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run

if TYPE_CHECKING:
    from sit_engine.jobs.check import CheckedRun
    from sit_engine.training.control import Control
    from sit_engine.training.leg import RunResult

Emit = Callable[[Event], None]
MakeControl = Callable[[Run], "Control"]


def pretrain(
    config: RunConfig, out: Path, *, emit: Emit, make_control: MakeControl | None = None
) -> RunResult:
    """Make the run folder `out` and train its first leg, by whatever method `config` names."""
    from sit_engine.training.start import start

    return start(config, out, emit=emit, make_control=make_control)


def finetune(
    config: RunConfig,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    with_scratch: bool = False,
) -> RunResult:
    """A run that learns labels; with `with_scratch` a second one that starts from nothing."""
    result = pretrain(config, out, emit=emit, make_control=make_control)
    if with_scratch and result.outcome == "completed":
        twin, place = scratch_twin(out)
        result = pretrain(twin, place, emit=emit, make_control=make_control)
    return result


def scratch_twin(path: Path) -> tuple[RunConfig, Path]:
    """Settings and place of a finetuned run's twin that starts from nothing."""
    from sit_engine.records.starts import scratch_of
    from sit_engine.training.start import scratch_config

    return scratch_config(open_run(path)), scratch_of(path)


def resume(
    path: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    epochs: float | None = None,
    accept_changes: bool = False,
    without_missing: bool = False,
    folders: Sequence[str] = (),
) -> RunResult:
    """Train the next leg of a run from its newest checkpoint that verifies.

    `accept_changes` takes settings and split as they are now, though someone changed them by hand;
    `without_missing` leaves images out that are gone; `folders`: as `find_folders` takes them.
    """
    from sit_engine.training.start import GoingOn
    from sit_engine.training.start import resume as go_on

    how = GoingOn(epochs, accept_changes, without_missing, tuple(folders))
    return go_on(path, emit=emit, make_control=make_control, how=how)


def find_folders(
    path: Path,
    folders: Sequence[str],
    *,
    without_missing: bool = False,
    on_progress: OnProgress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Warned:
    """Look for a run's images in `folders`, where they moved to; every verb finds them there then.

    They are known by their content, wherever they lie in there. Says what was found; DataError where
    some are gone, unless `without_missing`.
    """
    from sit_engine.data.scan.own_images import move

    run = open_run(path)
    return move(
        run, folders, without_missing=without_missing, on_progress=on_progress, cancel=cancel
    ).told()


def check(path: Path) -> CheckedRun:
    """All that is wrong with a run's files; nothing is changed."""
    from sit_engine.jobs.check import check

    return check(path)


def repair(path: Path) -> list[Warned]:
    """Mend a run folder without deleting anything; what was done, a sentence each."""
    from sit_engine.jobs.repair import repair

    return repair(path)
