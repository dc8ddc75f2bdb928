"""`sit-engine serve`: the window asks on standard input, one JSON object a line, and hears answers.

The first line out is {"ready": true, "version": …}. A question {"id": 1, "ask": "scan", …} gets any
number of {"id": 1, "phase", "done", "total"} and {"id": 1, "part"}, then one {"id": 1, "answer"} or
{"id": 1, "error": {"code", "message", "hint", "values", "templates"}}. The questions stand in
cli.answers.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import IO, Any, TypeAlias

import psutil

from sit_engine.cli.answers import ask
from sit_engine.cli.faults import fault, record_of
from sit_engine.cli.question import QuestionContext
from sit_engine.cli.standby import load
from sit_engine.config.tree import ComputeOptions
from sit_engine.errors import TERMINATED_EXIT_CODE, SitError
from sit_engine.own_files import parse_json

Inbox: TypeAlias = "queue.SimpleQueue[bytes | None]"
LOOK_EVERY_S = 0.3
TIME_TO_END_S = 2.0
MOST_LINE_BYTES = 16 << 20
LONG = ("evaluate", "embed", "predict", "dry_run")
"""Questions whose answers compute for long."""
LOADED_AHEAD = (
    "sit_engine.jobs.networks",
    "sit_engine.jobs.predict",
    "sklearn.linear_model",
)


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """Everything is asked on standard input."""
    parser.usage = "%(prog)s [--ahead] < QUESTIONS"
    parser.add_argument(
        "--ahead", action="store_true", help="load what long questions need before the first one"
    )


def run(chosen: argparse.Namespace) -> int:
    """Answer until standard input ends and every question is answered, or the parent is gone."""
    # Ctrl+C in a terminal reaches this process too; the window decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, serving = _take_stdin(), Serving(_take_stdout())
    signal.signal(signal.SIGTERM, serving.end)
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_read, args=(questions, inbox), daemon=True).start()
    threading.Thread(target=_end_with, args=(os.getppid(), serving, inbox), daemon=True).start()
    serving.say({"ready": True, "version": version("sit-studio")})
    if chosen.ahead:
        load(LOADED_AHEAD)
    while (line := inbox.get()) is not None and not serving.is_over.is_set():
        serving.answer(line)
    return 0


@dataclass(frozen=True)
class Serving:
    """Where answers go, and whether anyone still waits for them."""

    out: IO[bytes]
    is_over: threading.Event = field(default_factory=threading.Event)

    def say(self, record: dict[str, Any]) -> None:
        """Write one line of JSON to standard output."""
        self.out.write(json.dumps(record).encode("ascii") + b"\n")
        self.out.flush()

    def end(self, *_: object) -> None:
        """End now, as a handler of a signal: by an exception, so that decoder children end too."""
        self.is_over.set()
        sys.exit(TERMINATED_EXIT_CODE)

    def answer(self, line: bytes) -> None:
        """Answer one line, whatever it is."""
        number: object = None
        try:
            question = _parse(line)
            number = question.pop("id", None)
            found = self._ask(question, number)
        except SitError as error:
            self.say({"id": number, "error": record_of(error)})
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - the one boundary of a question
            if self.is_over.is_set():  # Libraries wrap even what a signal raised; nobody waits.
                sys.exit(TERMINATED_EXIT_CODE)
            self.say({"id": number, "error": record_of(fault(error))})
        else:
            self.say({"id": number, "answer": found})

    def _ask(self, question: dict[str, Any], number: object) -> dict[str, Any]:
        asked = QuestionContext(
            lambda record: self.say({"id": number} | record), self.is_over.is_set
        )
        name = str(question.pop("ask", ""))
        with _courteous(name):
            return ask(asked, name, question)


def _courteous(name: str) -> AbstractContextManager[object]:
    """While a long question is answered, OpenMP's threads hold no cores that others want."""
    if name not in LONG:
        return nullcontext()
    import torch

    from sit_engine.machine import spinning

    return spinning.courteous(ComputeOptions(device="cpu", threads=torch.get_num_threads()))


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > MOST_LINE_BYTES:
        raise SitError(
            "ask.too_long",
            "This question is longer than {most} MB.",
            "Ask about fewer images at once.",
            most=MOST_LINE_BYTES >> 20,
        )
    try:
        found = parse_json(line.decode("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SitError(
            "ask.not_json",
            "This line is not a question.",
            'Write one JSON object a line, such as {{"id": 1, "ask": "device"}}.',
        )
    return found


def _take_stdin() -> int:
    """A descriptor of our own for questions; whatever we start gets an empty standard input."""
    kept = os.dup(0)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    return kept


def _take_stdout() -> IO[bytes]:
    """The real standard output for answers; libraries that print reach nobody."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(kept, "wb")


def _read(questions: int, inbox: Inbox) -> None:
    """Reader thread: every line that is not blank into the inbox, then None."""
    for line in _lines(questions):
        if line.strip():
            inbox.put(line)
    inbox.put(None)


def _lines(descriptor: int) -> Iterator[bytes]:
    """Lines of a descriptor, without a file object, which a thread still reading would lock at the end.

    Of a line that is too long the beginning comes, one byte too long, and the rest is not kept.
    """
    kept = bytearray()
    while block := os.read(descriptor, 1 << 16):
        *ends, rest = block.split(b"\n")
        for end in ends:
            yield bytes(kept + end)[: MOST_LINE_BYTES + 1]
            kept.clear()
        kept += rest[: MOST_LINE_BYTES + 1 - len(kept)]
    yield bytes(kept)


def _end_with(parent: int, serving: Serving, inbox: Inbox) -> None:
    """Watcher thread: when the parent is gone, end kindly, and soon."""
    process = psutil.Process(parent)
    while os.getppid() == parent and process.is_running():
        time.sleep(LOOK_EVERY_S)
    serving.is_over.set()
    inbox.put(None)
    time.sleep(TIME_TO_END_S)
    os._exit(TERMINATED_EXIT_CODE)
