"""One writer a run: who trains holds its lock; who asks is told whether somebody does."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

import psutil

from sit_engine.counted import Sentence
from sit_engine.errors import RunError
from sit_engine.files import disk_error, read_json
from sit_engine.records.locking import lock
from sit_engine.records.locking.heartbeat import Beating
from sit_engine.records.run import OpenedRun, Run

ASKED_S = 1.0
"""So long a lock may only seem held because others ask whether it is."""


class RunLock:
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
