"""`sit-engine pause | stop | finish | checkpoint | preview | extend`: commands to a running run."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from sit_engine import api
from sit_engine.errors import RunError
from sit_engine.records.commands import ENDINGS, send
from sit_engine.records.event_log import read_events
from sit_engine.records.events import CommandAnswered, RunFinished
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.studies.network_search import is_search
from sit_engine.records.summary import summarise

WAIT_S = 120.0


def add_flags(parser: argparse.ArgumentParser, verb: str) -> None:
    """RUN, and how far to extend."""
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="a run folder; pause, stop and finish take a search's too",
    )
    if verb == "extend":
        parser.add_argument("--epochs", type=float, required=True, help="epochs in all")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the answer")


def run(chosen: argparse.Namespace) -> int:
    """Drop the command and wait until the run has answered it."""
    place = chosen.run.expanduser().absolute()
    if is_search(place) and chosen.verb in ENDINGS:
        api.end_search(place, keep=chosen.verb == "finish")
        print(json.dumps({"command": chosen.verb, "answer": "sent"}) if chosen.json else "sent")
        return 0
    found = open_run(place)
    values = {"epochs": chosen.epochs} if chosen.verb == "extend" else {}
    seen = len(read_events(found))
    send(found, chosen.verb, **values)
    answer = "sent" if chosen.no_wait else _wait(found, chosen.verb, seen)
    print(
        json.dumps({"command": chosen.verb, "answer": answer})
        if chosen.json
        else f"{chosen.verb}: {answer}"
    )
    return 0


def _wait(run: Run, verb: str, seen: int) -> str:
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        new = [event for event, _ in read_events(run)[seen:]]
        for event in new:
            if isinstance(event, RunFinished):
                return f"{event.outcome} at step {event.step}"
            if not isinstance(event, CommandAnswered) or event.command != verb:
                continue
            # An ending is answered when the leg has ended, unless it was refused.
            if verb not in ENDINGS or event.answer != "done":
                return event.answer
        if summarise(run).status == "interrupted":
            raise RunError(
                "run.died",
                "The run {path} ended without an answer.",
                "Look at it with `sit-engine doctor {path}`.",
                path=run.path,
            )
        time.sleep(0.2)
    return f"not answered within {WAIT_S:.0f} s; the run will do it after its present step"
