"""The run folder: the only truth about a run. Create, lock, append events, read.

Used by the trainer (one writer) and by every reader (window, command line); loads no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from sit_engine import own_files
from sit_engine.config.build import build
from sit_engine.config.files import read_values, to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.errors import DiskError, FileError, RunError
from sit_engine.events import (
    ConfigChanged,
    Event,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    Unread,
    read_line,
    to_line,
)

FORMAT = 1
MOST_SPLIT_BYTES = 1 << 30
"""A line an image: tens of millions of them."""
Status = Literal["running", "completed", "paused", "stopped", "failed", "interrupted", "new"]


@dataclass(frozen=True)
class Run:
    """A run folder; holds nothing but its path."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved settings."""
        return self.path / "config.toml"

    @property
    def split_file(self) -> Path:
        """Which images train and which are watched."""
        return self.path / "split.json"

    @property
    def events_file(self) -> Path:
        """One JSON event a line."""
        return self.path / "events.jsonl"

    @property
    def lock_file(self) -> Path:
        """Who writes."""
        return self.path / "lock"

    @property
    def checkpoints(self) -> Path:
        """One folder a checkpoint."""
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        """One folder a step."""
        return self.path / "previews"

    @property
    def control(self) -> Path:
        """Commands waiting for the trainer."""
        return self.path / "control"

    def folder(self, name: str) -> Path:
        """A sub-folder, made when first used."""
        made = self.path / name
        made.mkdir(exist_ok=True)
        return made

    def config(self) -> RunConfig:
        """The settings the run was started with."""
        return build(read_values(self.config_file))

    def split(self) -> dict[str, Any]:
        """The frozen split: escaped relative paths of "train" and "watch" per folder."""
        return own_files.read_json(self.split_file, most=MOST_SPLIT_BYTES)


def create(path: Path) -> Run:
    """A new, empty run folder; an existing one is never written into."""
    run = Run(path)
    try:
        is_taken = path.exists()
    except OSError as error:
        raise disk_error(error, path) from None
    if is_taken:
        raise RunError(
            "run.exists",
            "The run folder {path} exists already.",
            "Choose another --out, or continue it with `sit-engine resume {path}`.",
            path=path,
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise disk_error(error, path) from None
    try:
        for name in ("control", "checkpoints", "previews"):
            (path / name).mkdir()
        write_aside(path / "format", f"{FORMAT}\n")
    except OSError as error:
        discard_unstarted(run)
        raise disk_error(error, path) from None
    return run


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
    """Remove a run folder that never got its settings, so that the same command can be tried again."""
    if not run.config_file.exists():
        shutil.rmtree(run.path, ignore_errors=True)


def open_run(path: Path) -> Run:
    """An existing run folder, checked for our format."""
    run = Run(path)
    if not run.config_file.is_file():
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


def write_aside(path: Path, text: str) -> None:
    """Write a whole file or nothing: aside, to disk, then renamed over the old one."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """sha256 of a file: checkpoints are verified by it, and exported programs known again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def disk_error(error: OSError, path: Path) -> DiskError:
    """The sentence for a file or folder that could not be written."""
    return DiskError(
        "disk.write",
        "Cannot write to {path}: {why}.",
        "Free some space or choose another place; everything written before is kept.",
        path=path,
        why=(error.strerror or str(error)).lower(),
    )


# Lock: one writer


class Lock:
    """Held by the trainer while a leg runs; a lock whose process is gone is stale and replaced."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> Lock:
        mine = json.dumps(_identity())
        while True:
            try:
                with self.run.lock_file.open("x", encoding="utf-8") as file:
                    file.write(mine)
            except FileExistsError:
                self._remove_stale()
            except OSError as error:
                with contextlib.suppress(OSError):
                    self.run.lock_file.unlink()
                raise disk_error(error, self.run.lock_file) from None
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self.run.lock_file.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        if is_running(self.run):
            raise RunError(
                "run.locked",
                "The run {path} is being trained by another process ({holder}).",
                "Wait for it, or stop it with `sit-engine stop {path}`.",
                path=self.run.path,
                holder=_holder(self.run),
            )
        # Moved aside by name first, so that of two processes only one removes it.
        aside = self.run.lock_file.with_name(f".lock.{uuid.uuid4().hex}")
        try:
            self.run.lock_file.rename(aside)
        except OSError:
            return
        taken = read_json(aside)
        if taken and _is_alive(taken) and not self.run.lock_file.exists():
            # Another process was faster and this is its lock: put it back.
            aside.rename(self.run.lock_file)
        aside.unlink(missing_ok=True)


def _identity() -> dict[str, Any]:
    process = psutil.Process()
    return {"pid": process.pid, "started": process.create_time(), "host": socket.gethostname()}


def _holder(run: Run) -> str:
    lock = read_json(run.lock_file)
    return f"process {lock.get('pid')} on {lock.get('host')}"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours; empty where there is none that can be used."""
    try:
        return own_files.read_json(path)
    except FileError:
        return {}


def is_running(run: Run) -> bool:
    """Whether the lock's process lives; on another host it is believed."""
    lock = read_json(run.lock_file)
    if lock:
        return _is_alive(lock)
    # Empty: its maker is between creating and writing it, or died there.
    try:
        return time.time() - run.lock_file.stat().st_mtime < 2.0
    except OSError:
        return False


def _is_alive(lock: dict[str, Any]) -> bool:
    if lock.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(lock["pid"]))
        started = process.create_time()
        # Killed, and its parent has not taken note of it yet.
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        # Start times are reckoned from the system's clock, which may have been set since.
        is_same = abs(started - float(lock.get("started", 0.0))) < 60.0
    except (psutil.Error, KeyError, ValueError, TypeError, OverflowError):
        return False
    return is_same and not is_zombie


def holder_here(run: Run) -> int | None:
    """The id of the process that trains the run, when it is one of this machine that lives."""
    lock = read_json(run.lock_file)
    is_here = lock.get("host") == socket.gethostname() and _is_alive(lock)
    return int(lock["pid"]) if is_here else None


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
    """All valid events with their times: those of earlier legs past a resume's step are dropped.

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
        if isinstance(event, RunResumed):
            from_step = event.from_step
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
            case RunFinished():
                outcome, step = event, event.step
            case StepReported():
                report, step = event, event.step
            case ConfigChanged():
                changes.append(event)
    status: Status = "new" if leg < 0 else "interrupted"
    if not holder_is_me and is_running(run):
        status = "running"
    elif outcome is not None:
        status = outcome.outcome
    return RunSummary(run.path, status, leg, step, total, outcome, report, tuple(changes), unfit)
