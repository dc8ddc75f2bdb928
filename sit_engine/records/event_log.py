"""`events.jsonl`: one writer appends, whoever reads drops what a later resume made untrue."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from sit_engine import own_files
from sit_engine.errors import FileError
from sit_engine.files import disk_error
from sit_engine.records.events import (
    Event,
    RolledBack,
    RunResumed,
    RunStarted,
    Unread,
    read_line,
    to_line,
)
from sit_engine.records.run import Run


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
    return read_log(run)[0]


def read_log(run: Run) -> tuple[list[tuple[Event, float]], int]:
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
