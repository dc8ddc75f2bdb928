"""What is wrong with a run folder, all of it: its files, its settings and split, its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sit_engine.errors import CheckpointError, FileError, RunError, SitError
from sit_engine.records import damage, places
from sit_engine.records.events import Warned
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import RunSummary, summarise
from sit_engine.training import checkpoint, frozen


@dataclass
class CheckedRun:
    """What was found; nothing is changed."""

    path: Path
    summary: RunSummary | None = None
    """None where its events cannot be read."""
    problems: list[SitError | Warned] = field(default_factory=list)
    """Of its files, settings and split."""
    good: list[int] = field(default_factory=list)
    """Steps of the checkpoints that verify."""
    damaged: dict[int, CheckpointError] = field(default_factory=dict)
    """The others."""

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.problems and not self.damaged


def check(path: Path) -> CheckedRun:
    """Look at every file of a run; RunError where there is none, or one of a later version."""
    run, found = Run(path), CheckedRun(path)
    try:
        open_run(path, prepared=False)
    except RunError as error:
        if error.code != "run.format" or error.values["found"] != "unknown":
            raise
        found.problems.append(error)
    try:
        found.summary = summarise(run)
    except FileError:
        # It is among the problems below.
        found.summary = None
    unfit = 0 if found.summary is None else found.summary.unfit
    settings = _settings(run)
    of_files = damage.problems(run, unfit=unfit)
    ours = {run.config_file.name, run.split_file.name} if settings else set()
    found.problems += [one for one in of_files if Path(one.values["path"]).name not in ours]
    found.problems += settings + _moved(run)
    for step in checkpoint.all_steps(run):
        try:
            checkpoint.verify(checkpoint.folder(run, step))
            found.good.append(step)
            if frozen.damaged_copies(checkpoint.folder(run, step)):
                found.problems.append(frozen.bad_copies(step))
        except CheckpointError as error:
            found.damaged[step] = error
    return found


def _moved(run: Run) -> list[SitError | Warned]:
    try:
        if run.moved_file.is_file():
            places.read(run.moved_file)
    except FileError as error:
        return [error]
    return []


def _settings(run: Run) -> list[SitError | Warned]:
    try:
        return list(frozen.look(run))
    except SitError as error:
        return [error]
