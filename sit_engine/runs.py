"""The run folder: the only truth about a run. Create, lock, append events, read.

Used by the trainer (one writer) and by every reader (window, command line); loads no torch.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from sit_engine import lock, own_files
from sit_engine.config.files import to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import FileError, RunError
from sit_engine.events import (
    ConfigChanged,
    Event,
    RolledBack,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    Unread,
    last_outcome,
    read_line,
    to_line,
)
from sit_engine.files import disk_error as disk_error
from sit_engine.files import file_hash as file_hash
from sit_engine.files import in_place_of
from sit_engine.files import read_json as read_json
from sit_engine.files import write_aside as write_aside
from sit_engine.heartbeat import Beating
from sit_engine.run_folder import OpenedRun as OpenedRun
from sit_engine.run_folder import Run as Run

FORMAT = 1
ASKED_S = 1.0
"""So long a lock may only seem held because others ask whether it is."""
Status = Literal["running", "completed", "paused", "stopped", "failed", "interrupted"]


def create(path: Path, chosen: RunConfig) -> Run:
    """A new run folder with what was asked for in it; an existing one is never written into.

    It is there at once and whole, so that it can be resumed from its first moment on.
    """
    try:
        if path.exists():
            raise _exists(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with in_place_of(path) as aside:
            aside.mkdir(mode=0o700)
            for name in ("control", "checkpoints", "previews"):
                (aside / name).mkdir()
            (aside / "format").write_text(f"{FORMAT}\n", "utf-8")
            Run(aside).chosen_file.write_text(to_toml(chosen), "utf-8")
    except OSError as error:
        # Another process made one meanwhile.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and path.exists():
            raise _exists(path) from None
        raise disk_error(error, path) from None
    return Run(path)


def _exists(path: Path) -> RunError:
    return RunError(
        "run.exists",
        "The run folder {path} exists already.",
        "Choose another --out, or continue it with `sit-engine resume {path}`.",
        path=path,
    )


def write_settings(
    run: Run, config: RunConfig, reasons: dict[str, str], split: Mapping[str, Any]
) -> None:
    """Freeze settings and split, once: from here on the run can be resumed."""
    try:
        write_aside(run.split_file, json.dumps(dict(split), ensure_ascii=True))
        write_aside(run.config_file, to_toml(config, reasons))
    except OSError as error:
        raise disk_error(error, run.path) from None


def discard_unstarted(run: Run) -> None:
    """Remove a run folder that never got its settings, so that the same command can be tried again.

    One with a checkpoint stays, whatever else it lacks.
    """
    with contextlib.suppress(OSError, RunError):
        if not run.config_file.exists() and not has_checkpoints(run):
            shutil.rmtree(run.path, ignore_errors=True)


def has_checkpoints(run: Run) -> bool:
    """Whether there is any, finished or not."""
    return run.checkpoints.is_dir() and any(run.checkpoints.iterdir())


def is_run(path: Path) -> bool:
    """Whether there is a run that can be continued, prepared or not."""
    run = Run(path)
    return run.config_file.is_file() or run.chosen_file.is_file() or has_copies(run)


def has_copies(run: Run) -> bool:
    """Whether a checkpoint seems to hold a copy of the settings."""
    return any(run.checkpoints.glob("step-*/config.toml"))


def open_run(path: Path, *, prepared: bool = True) -> Run:
    """An existing run folder, checked for our format; `prepared`: only one with its settings."""
    run = Run(path)
    is_prepared = run.config_file.is_file()
    is_mendable = not is_prepared and has_copies(run)
    if not is_prepared and is_run(path) and has_checkpoints(run) and (prepared or not is_mendable):
        raise RunError(
            "run.settings_gone",
            "The settings (config.toml) of the run {path} are gone, though it was trained.",
            "`sit-engine repair {path}` brings them back from a checkpoint, and so does `sit-engine "
            "resume {path}`."
            if is_mendable
            else "Put config.toml back from a copy; its checkpoints are kept.",
            path=path,
        )
    if prepared and not is_prepared and is_run(path):
        raise RunError(
            "run.unprepared",
            "The run {path} is still being prepared, or was ended before it began.",
            "Wait for it, or continue it with `sit-engine resume {path}`.",
            path=path,
        )
    if not is_run(path):
        raise RunError(
            "run.missing",
            "There is no run in {path}.",
            "Give a folder that `sit-engine pretrain` made.",
            path=path,
        )
    try:
        found = int(own_files.read_text(path / "format", most=32))
    except (FileError, ValueError):
        found = 0
    if found != FORMAT:
        raise RunError(
            "run.format",
            "The run in {path} has format {found}; this program reads format {known}.",
            "Open it with the version that made it.",
            path=path,
            found=found or "unknown",
            known=FORMAT,
        )
    return run


# Lock: one writer


class Lock:
    """Held by the trainer while a leg runs: the system's lock on a file, freed with its process."""

    def __init__(self, run: Run) -> None:
        self.path = run.path
        self.holding: lock.Holding | Beating | None = None

    def __enter__(self) -> OpenedRun:
        try:
            self.run = OpenedRun(self.path)
        except OSError as error:
            raise disk_error(error, self.path) from None
        try:
            self._take()
        except BaseException:
            self.run.close()
            raise
        return self.run

    def _take(self) -> None:
        text = json.dumps(_identity())
        # Someone who asks whether it is held holds it for an instant.
        until_s = time.monotonic() + ASKED_S
        while True:
            try:
                self.holding = lock.take(lambda: self.run.lock_file, text)
            except OSError as error:
                raise disk_error(error, self.run.lock_file) from None
            if self.holding is not None:
                object.__setattr__(self.run, "has_heartbeat", self.holding.is_heartbeat)
                return
            if time.monotonic() >= until_s:
                raise RunError(
                    "run.locked",
                    "The run {path} is being trained by another process ({holder}).",
                    "Wait for it, or stop it with `sit-engine stop {path}`.",
                    path=self.run.path,
                    holder=_holder(self.run),
                )
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        assert self.holding is not None
        with contextlib.suppress(OSError, RunError):
            self.holding.release()
        self.run.close()


def _identity() -> dict[str, Any]:
    process = psutil.Process()
    return {"pid": process.pid, "started": process.create_time(), "host": socket.gethostname()}


def _holder(run: Run) -> str:
    told = read_json(run.lock_file)
    if not told:
        return Sentence("its name is not known")
    return Sentence("process {pid} on {host}", pid=told.get("pid"), host=told.get("host"))


def is_running(run: Run) -> bool:
    """Whether a process holds the run's lock."""
    return lock.is_held(run.lock_file)


def holder_here(run: Run) -> int | None:
    """The id of the process that trains the run, when it can be told to be one of this machine."""
    told = read_json(run.lock_file)
    if told.get("host") != socket.gethostname() or not is_running(run):
        return None
    try:
        process = psutil.Process(int(told["pid"]))
        # Start times are reckoned from the system's clock, which may have been set since.
        is_same = abs(process.create_time() - float(told["started"])) < 60.0
    except (psutil.Error, KeyError, ValueError, TypeError, OverflowError):
        return None
    return process.pid if is_same else None


# Events


class EventWriter:
    """Appends one line an event; each line reaches the operating system at once."""

    def __init__(self, run: Run) -> None:
        own_files.check_regular(run.events_file)
        try:
            _end_torn_line(run.events_file)
            self.file = run.events_file.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise disk_error(error, run.events_file) from None
        self.path = run.events_file

    def write(self, event: Event) -> None:
        """Append `event`."""
        try:
            self.file.write(to_line(event, time=time.time()) + "\n")
        except OSError as error:
            raise disk_error(error, self.path) from None

    def close(self) -> None:
        """Close the file; a full disk was already told."""
        try:
            self.file.close()
        except OSError:
            return


def _end_torn_line(path: Path) -> None:
    """A killed writer may have left half a line: end it, so that the next event stands alone."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def read_events(run: Run) -> list[tuple[Event, float]]:
    """All valid events with their times: those past the step of a later resume, or of a checkpoint that
    the run went back to, are dropped.

    FileError where `events.jsonl` is no file that can be read; lines that do not fit are passed over.
    """
    return _read_events(run)[0]


def _read_events(run: Run) -> tuple[list[tuple[Event, float]], int]:
    """The events, and how many lines hold values that no writer of ours wrote."""
    kept: list[tuple[Event, float]] = []
    unfit = 0
    for read in _lines(run.events_file):
        if isinstance(read, str):
            # A torn line may be a kill's, an unknown one a later version's.
            unfit += read == "unfit"
            continue
        event, when = read
        if isinstance(event, RunStarted):
            kept = [item for item in kept if not hasattr(item[0], "step")]
        if isinstance(event, RunResumed | RolledBack):
            from_step = event.from_step if isinstance(event, RunResumed) else event.to_step
            kept = [item for item in kept if getattr(item[0], "step", 0) <= from_step]
        kept.append((event, when))
    return kept, unfit


def _lines(path: Path) -> Iterator[tuple[Event, float] | Unread]:
    try:
        yield from map(read_line, own_files.lines(path))
    except FileError as error:
        if error.code != "file.missing":
            raise


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
    events, unfit = _read_events(run)
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
