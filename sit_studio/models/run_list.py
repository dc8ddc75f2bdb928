"""The list of runs: each read from its folder, only what is new since the last look; Qt-free.

No checkpoint is opened; sizes come from the folder's listing.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sit_engine import own_files
from sit_engine.errors import FileError, SitError
from sit_engine.files import disk_error, write_aside
from sit_engine.paths import display_name
from sit_engine.records import damage
from sit_engine.records.events import (
    Event,
    KnnMeasured,
    RetrievalMeasured,
    RolledBack,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    ValidationMeasured,
    last_outcome,
)
from sit_engine.records.follow import Follower
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.settings_model import flat_texts

ABOUT = "about.json"
MOST_ABOUT_BYTES, MOST_TITLE, MOST_NOTE = 1 << 20, 1000, 20_000
MOST_SPARKS = 64
SIZE_EVERY = 10
UNUSABLE = ("damaged", "unreadable")
"""How a run stands whose files cannot be counted on."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class About:
    """What the user wrote about a run; kept in its folder."""

    title: str = ""
    note: str = ""
    starred: bool = False


def read_about(path: Path) -> About:
    """The user's words, or none."""
    try:
        found = own_files.read_json(path / ABOUT, most=MOST_ABOUT_BYTES)
    except SitError:
        return About()
    return About(
        str(found.get("title", ""))[:MOST_TITLE],
        str(found.get("note", ""))[:MOST_NOTE],
        bool(found.get("starred", False)),
    )


def write_about(path: Path, about: About) -> None:
    """Keep the user's words; raises DiskError."""
    record = {"title": about.title, "note": about.note, "starred": about.starred}
    try:
        write_aside(path / ABOUT, json.dumps(record))
    except OSError as error:
        raise disk_error(error, path) from None


@dataclass(frozen=True)
class RunRow:
    """One line of the list."""

    path: Path
    status: str
    about: About
    method: str = ""
    data: str = ""
    started: float = 0.0
    step: int = 0
    total_steps: int = 0
    knn: float | None = None
    untrained: float | None = None
    validation: float | None = None
    retrieval: float | None = None
    loss: float | None = None
    sparks: tuple[float, ...] = ()
    bytes: int = 0
    problem: Failure | None = field(default=None, hash=False)
    """What is wrong with its folder."""

    @property
    def title(self) -> str:
        """The user's title, else the folder's name."""
        return self.about.title or self.path.name

    @property
    def share(self) -> float:
        """Done steps as a share of all."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


@dataclass
class RunReader:
    """Follows one run folder with little memory."""

    path: Path
    row: RunRow = field(init=False)
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    every: int = 1
    seen: int = 0
    looks: int = 0
    finished: RunFinished | None = None
    leg: int = -1

    def __post_init__(self) -> None:
        self.run = Run(self.path)
        self.follower = Follower(self.run)
        self.row = RunRow(self.path, "new", About())

    def look(self) -> RunRow:
        """The row as of now."""
        while heard := self.follower.read_new():
            for event, when in heard:
                self._take(event, when)
        status, problem = self._status()
        row = replace(
            self.row,
            about=read_about(self.path),
            status=status,
            problem=None if problem is None else failure_of(problem),
        )
        if not row.data:
            row = replace(row, data=self._data())
        if self.looks % SIZE_EVERY == 0 or row.status == "running":
            row = replace(row, bytes=folder_bytes(self.path))
        self.looks += 1
        sparks = self.accuracies if len(self.accuracies) > 2 else self.losses
        self.row = replace(row, sparks=tuple(sparks[-MOST_SPARKS:]))
        return self.row

    def _take(self, event: Event, when: float) -> None:
        match event:
            case RunStarted():
                self.leg, self.finished = event.leg, None
                self.losses, self.accuracies = [], []
                self.row = replace(
                    self.row, method=event.method, started=when, total_steps=event.total_steps
                )
            case RunResumed():
                self.leg, self.finished = event.leg, None
                self.row = replace(self.row, step=event.from_step)
            case RolledBack():
                self.row = replace(self.row, step=event.to_step)
            case StepReported():
                self.row = replace(self.row, step=event.step, loss=event.loss)
                self._spark(event.loss)
            case KnnMeasured():
                self.accuracies.append(event.accuracy)
                self.row = replace(self.row, knn=event.accuracy, untrained=event.untrained)
            case ValidationMeasured():
                self.accuracies.append(event.accuracy)
                self.row = replace(self.row, validation=event.accuracy)
            case RetrievalMeasured():
                self.row = replace(self.row, retrieval=event.precision)
            case RunFinished():
                self.finished = last_outcome(self.finished, event, self.leg)
                self.row = replace(self.row, step=self.finished.step)

    def _spark(self, loss: float) -> None:
        """Every point at first; when there are too many, every second, fourth, … one."""
        self.seen += 1
        if self.seen % self.every:
            return
        self.losses.append(loss)
        if len(self.losses) > 2 * MOST_SPARKS:
            self.losses = self.losses[::2]
            self.every *= 2

    def _status(self) -> tuple[str, SitError | None]:
        """How it stands, and what is wrong with its folder."""
        problem = self.follower.problem or damage.find(self.run, unfit=self.follower.unfit)
        if is_running(self.run):
            # Before its settings are written a run has no config.toml.
            return "running", problem
        if problem is not None:
            return "damaged", problem
        try:
            open_run(self.path, prepared=False)
        except SitError as error:
            return "unreadable", error
        except OSError as error:
            return "unreadable", disk_error(error, self.path)
        if self.finished is not None:
            return self.finished.outcome, None
        return "interrupted", None

    def _data(self) -> str:
        with suppress(OSError, ValueError, SitError):
            folders = self.run.wanted().data.folders
            return ", ".join(display_name(Path(folder).name) for folder in folders)
        return ""


def folder_bytes(path: Path) -> int:
    """Bytes of all files under a run folder, from its listing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118
    return total


class RunList:
    """The runs of some folders; readers are kept, so that a second look is quick."""

    def __init__(self) -> None:
        self.readers: dict[Path, RunReader] = {}

    def look(self, folders: list[Path]) -> list[RunRow]:
        """All runs, the newest first."""
        found = [path for folder in folders for path in _runs_in(folder)]
        self.readers = {path: self.readers.get(path) or RunReader(path) for path in found}
        rows = [_row_of(reader) for reader in self.readers.values()]
        return sorted(rows, key=lambda row: (row.started, row.path.name), reverse=True)


def _row_of(reader: RunReader) -> RunRow:
    """Each run is read by itself: what one does to its reader hides no other."""
    try:
        return reader.look()
    except Exception as error:
        log.exception("the run %s could not be looked at", reader.path)
        why = FileError(
            "file.unreadable",
            "The file {path} cannot be read: {why}.",
            "Check its rights and the disk.",
            path=reader.path,
            why=type(error).__name__,
        )
        return RunRow(reader.path, "damaged", About(), problem=failure_of(why))


def _runs_in(folder: Path) -> list[Path]:
    """Run folders directly in `folder`, or the folder itself when it is one."""
    if _has(folder, "format") and (_has(folder, "config.toml") or _has(folder, "chosen.toml")):
        return [folder]
    try:
        with os.scandir(folder) as entries:
            inside = [Path(entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return [path for path in inside if damage.looks_like_run(path)]


def _has(folder: Path, name: str) -> bool:
    """False also where it may not be looked at."""
    try:
        return (folder / name).is_file()
    except OSError:
        return False


def differing(configs: dict[str, dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Settings in which runs differ: path, and each run's value in order."""
    flat = [flat_texts(config) for config in configs.values()]
    names = list(dict.fromkeys(name for values in flat for name in values))
    rows = [(name, [values.get(name, "–") for values in flat]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def distinct_titles(titles: Mapping[Path, str]) -> dict[Path, str]:
    """Runs by title; where several have the same, with the folder's name, else with its path."""
    found = dict(titles)
    for more in (lambda path: path.name, str):
        times = Counter(found.values())
        found = {
            path: f"{titles[path]} ({more(path)})" if times[text] > 1 else text
            for path, text in found.items()
        }
    return {path: display_name(text) for path, text in found.items()}
