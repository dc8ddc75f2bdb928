"""Commands to a running run: dropped into its folder by anyone, consumed once by its trainer."""

from __future__ import annotations

import contextlib
import heapq
import json
import math
import os
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sit_engine.config.tree import LONGEST_EPOCHS
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError, FileError, RunError
from sit_engine.files import disk_error, write_aside
from sit_engine.own_files import read_json
from sit_engine.records.events import CommandAnswered
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise

CommandName = Literal["stop", "finish", "pause", "checkpoint", "preview", "extend"]
ENDINGS: tuple[CommandName, ...] = ("pause", "stop", "finish")
"""Those that end a leg."""

MOST_AT_ONCE, MOST_BYTES, MOST_VALUES = 100, 1 << 16, 20
ANY_LEG = -1
_NAME = re.compile(r"\d+-[0-9a-f]+\.json")

DONE = "command.done"
REFUSALS = {
    "command.refused_leg": "the run was resumed or ended since; ask again",
    "command.refused_epoch": "the run is at epoch {epoch} already",
    "command.refused_length": "a run has at most {most} epochs",
}


@dataclass(frozen=True)
class Command:
    """One command for one leg."""

    command: CommandName
    leg: int
    values: dict[str, float] = field(default_factory=dict)


def send(run: Run, command: CommandName, **values: float) -> None:
    """Drop a command for the leg that runs now; refused when none does."""
    if command == "extend":
        check_epochs(values["epochs"])
    summary = summarise(run)
    if summary.status != "running":
        raise RunError(
            "run.not_running",
            "The run {path} is not training now; it is {status}.",
            "Continue it with `sit-engine resume {path}`; a completed run needs --epochs with a "
            "larger number.",
            path=run.path,
            status=summary.status,
        )
    # The last leg has ended and the lock is held: the next leg is about to begin.
    drop(run, command, summary.leg + (summary.outcome is not None), **values)


def check_epochs(epochs: float) -> None:
    """A run's length in all that can be, as the settings bound it."""
    if not 0 < epochs <= LONGEST_EPOCHS:
        raise ConfigError(
            "config.epochs",
            "The number of epochs cannot be {value}.",
            "Give one above 0 and up to {most}.",
            value=f"{epochs:g}",
            most=LONGEST_EPOCHS,
        )


def drop(run: Run, command: CommandName, leg: int, **values: float) -> None:
    """Drop a command as `send` does, for a caller who knows the leg that runs; no event is read."""
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    record = {"command": command, "leg": leg, "values": values}
    try:
        write_aside(run.control / name, json.dumps(record))
    except OSError as error:
        raise disk_error(error, run.control) from None


def answer_to(command: str, code: str = DONE, **values: str) -> CommandAnswered:
    """What the trainer says to a command."""
    if code == DONE:
        return CommandAnswered(command, "done", code)
    answer = Sentence("refused: {why}", why=refusal(code, **values))
    return CommandAnswered(command, answer, code, values)


def refusal(code: str, **values: str) -> Sentence:
    """Why a command is not carried out."""
    return Sentence(REFUSALS[code], **values)


def take_commands(run: Run) -> list[Command]:
    """Waiting commands, the oldest first; each is removed and so consumed once.

    Anyone can write into the folder: what makes no sense is removed or, where that cannot be (a
    folder that bears a command's name), left and passed over. Nothing in it ends a training.
    """
    try:
        with os.scandir(run.control) as entries:
            named = (entry.name for entry in entries if _NAME.fullmatch(entry.name))
            oldest = heapq.nsmallest(MOST_AT_ONCE, named)
    except OSError:
        return []
    found = (_take(run.control / name) for name in oldest)
    return [command for command in found if command is not None]


def _take(path: Path) -> Command | None:
    try:
        record = read_json(path, most=MOST_BYTES)
    except FileError:
        record = {}
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # It would be obeyed again at every look.
        _put_aside(path)
        return None
    return _parse(record)


def _put_aside(path: Path) -> None:
    """Give a file a name that no command has, so that it does not stand before those that follow."""
    with contextlib.suppress(OSError):
        path.rename(path.with_name(f"ignored-{path.name}"))


def _parse(record: dict[str, Any]) -> Command | None:
    """A command that makes sense, else None."""
    command, leg, values = record.get("command"), record.get("leg"), record.get("values", {})
    if not isinstance(command, str) or command not in get_args(CommandName):
        return None
    if type(leg) is not int or not isinstance(values, dict) or len(values) > MOST_VALUES:
        return None
    if any(type(value) not in (int, float) for value in values.values()):
        return None
    numbers = {name: float(value) for name, value in values.items()}
    is_finite = all(map(math.isfinite, numbers.values()))
    return Command(cast("CommandName", command), leg, numbers) if is_finite else None
