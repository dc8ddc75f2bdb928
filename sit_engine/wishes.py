"""Commands to a running run: dropped into its folder by anyone, consumed once by its trainer."""

from __future__ import annotations

import json
import math
import os
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sit_engine.errors import RunError
from sit_engine.events import CommandAnswered
from sit_engine.runs import Run, disk_error, read_json, summarise, write_aside

Command = Literal["stop", "finish", "pause", "checkpoint", "preview", "extend"]

DONE = "command.done"
ANSWERS = {
    "command.done": "done",
    "command.refused_leg": "refused: leg {leg} has ended",
    "command.refused_epoch": "refused: the run is at epoch {epoch} already",
}


@dataclass(frozen=True)
class Wish:
    """One command for one leg."""

    command: Command
    leg: int
    values: dict[str, float] = field(default_factory=dict)


def send(run: Run, command: Command, **values: float) -> None:
    """Drop a command for the leg that runs now; refused when none does."""
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


def drop(run: Run, command: Command, leg: int, **values: float) -> None:
    """As `send`, for a caller who knows the leg that runs; no event is read."""
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    record = {"command": command, "leg": leg, "values": values}
    try:
        write_aside(run.control / name, json.dumps(record))
    except OSError as error:
        raise disk_error(error, run.control) from None


def answer_to(command: str, code: str = DONE, **values: str) -> CommandAnswered:
    """What the trainer says to a command."""
    return CommandAnswered(command, ANSWERS[code].format(**values), code, values)


def take_wishes(run: Run) -> list[Wish]:
    """All waiting commands, oldest first; each is removed and so consumed once."""
    wishes = []
    try:
        names = sorted(entry.name for entry in os.scandir(run.control))
    except OSError:
        return []
    for name in names:
        if not re.fullmatch(r"\d+-[0-9a-f]+\.json", name):
            continue
        wish = _parse(read_json(run.control / name))
        (run.control / name).unlink(missing_ok=True)
        if wish is not None:
            wishes.append(wish)
    return wishes


def _parse(record: dict[str, Any]) -> Wish | None:
    """A command that makes sense, else None: anyone can write into the folder."""
    try:
        values = {str(key): float(value) for key, value in record.get("values", {}).items()}
        wish = Wish(record["command"], int(record["leg"]), values)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    is_known = wish.command in get_args(Command)
    return wish if is_known and all(map(math.isfinite, values.values())) else None
