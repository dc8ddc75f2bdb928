"""The parent's side of decoding: sacrificial children, a time limit per file, and who is to blame.

Used by scan and cache. A child that crashes or hangs costs one file and is replaced.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, TypeVar

import sit_engine
from sit_engine.counted import Sentence, unpacked
from sit_engine.errors import CancelledError, DataError

Job = dict[str, Any]
Answer = dict[str, Any]
JobId = TypeVar("JobId", bound=Hashable)
Cancel = Callable[[], bool]

TIME_LIMIT_S = 20.0
START_LIMIT_S = 60.0
JOB_LIMIT_S = 900.0
"""Of a job on a video, which tells that it goes on."""
GOING_ON = b'{"going_on": true}\n'
"""A child's line that is no answer: the file in hand is long, and is still being read."""
# Jobs wait in a child's pipe so that it never waits for the parent; kept so small that writing
# them can never block, whatever the system's pipe holds (4 KiB on Windows).
MOST_QUEUED = 4
MOST_QUEUED_BYTES = 3000
_POLL_S = 0.1

# Problems of the moment, not of the file: tried again at the next fill.
PASSING_PROBLEMS = frozenset(
    {
        "data.crashed",
        "data.memory",
        "data.permission",
        "data.too_slow",
        "data.unreadable",
        "data.vanished",
    }
)


def default_workers() -> int:
    """The number of decoder children: the cores that this process may use, at most 16."""
    if sys.platform == "linux":
        return min(len(os.sched_getaffinity(0)), 16)
    return min(os.cpu_count() or 1, 16)


class DecodePool:
    """`workers` decoder children; leave the `with` block and none is left."""

    def __init__(self, workers: int | None = None, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self.workers = workers or default_workers()
        self.time_limit_s = time_limit_s
        self._answers: queue.SimpleQueue[tuple[_Child, bytes | None]] = queue.SimpleQueue()
        self._children: list[_Child] = []
        self._failed_starts = 0

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *_: object) -> None:
        # All are told before one is waited for: they end side by side.
        for child in self._children:
            child.hang_up()
        for child in self._children:
            child.close()
        self._children.clear()

    def in_hand(self) -> dict[int, str]:
        """Process id → path of the file that this child reads now."""
        return {
            child.process.pid: str(child.queued[0][1]["path"])
            for child in list(self._children)
            if child.queued
        }

    def run(
        self, jobs: Iterable[tuple[JobId, Job]], *, cancel: Cancel | None = None
    ) -> Iterator[tuple[JobId, Answer]]:
        """Answers as they come, in any order; jobs are taken only as fast as they are done."""
        waiting = _Waiting(iter(jobs))

        def look() -> None:
            if cancel is not None and cancel():
                raise CancelledError

        try:
            while True:
                look()
                self._hand_out(waiting)
                if not any(child.queued for child in self._children):
                    return
                for answer in self._collect(waiting):
                    yield answer
                    look()  # Quick decoders may always have more there.
        finally:
            # Left early: answers still to come belong to nobody.
            for child in [child for child in self._children if child.queued]:
                self._discard(child)

    def _hand_out(self, waiting: _Waiting) -> None:
        """Give every child as much as it may hold, evenly: one job each a round."""
        while (job := waiting.take()) is not None:
            if len(self._children) < self.workers:
                self._children.append(_Child(self._answers))
            child = min(self._children, key=lambda child: len(child.queued))
            if not child.give(*job):
                waiting.put_back([job])
                return

    def _collect(self, waiting: _Waiting) -> Iterator[tuple[Any, Answer]]:
        """Wait for one line or the poll, then take all that is there."""
        try:
            child, line = self._answers.get(timeout=_POLL_S)
            while True:
                yield from self._take(child, line, waiting)
                child, line = self._answers.get_nowait()
        except queue.Empty:
            for child in self._children:
                child.stop_if_late(self.time_limit_s)

    def _take(
        self, child: _Child, line: bytes | None, waiting: _Waiting
    ) -> Iterator[tuple[Any, Answer]]:
        if child not in self._children:
            return
        if line is None:
            yield from self._bury(child, waiting)
        elif not child.is_ready:
            child.is_ready, child.since = True, time.monotonic()
            child.began = child.since
            self._failed_starts = 0
        elif line == GOING_ON:
            child.since = time.monotonic()
        else:
            job_id = child.queued[0][0]
            child.finish_one()
            yield job_id, unpacked(json.loads(line))

    def _bury(self, child: _Child, waiting: _Waiting) -> Iterator[tuple[Any, Answer]]:
        """A child ended: blame the file it had in hand, hand its other jobs out again."""
        lost = list(child.queued)
        was_ready, was_late = child.is_ready, child.late_job is not None
        is_guilty = bool(lost) and was_ready and lost[0] is not child.unsent
        is_guilty = is_guilty and (not was_late or lost[0] is child.late_job)
        self._discard(child)
        if not was_ready:
            self._failed_starts += 1
            if self._failed_starts > 2 * self.workers:
                raise DataError(
                    "data.decoder_start",
                    "The image decoder cannot be started.",
                    "Install SiT Studio again; {python} -m sit_engine.data.decode.decoder should wait.",
                    python=sys.executable,
                )
        waiting.put_back(lost[1:] if is_guilty else lost)
        if is_guilty and was_late:
            why = Sentence("took longer than {limit} s to read", limit=f"{self.time_limit_s:g}")
            yield lost[0][0], problem("data.too_slow", why)
        elif is_guilty:
            yield lost[0][0], problem("data.crashed", "crashed the image decoder")

    def _discard(self, child: _Child) -> None:
        self._children.remove(child)
        child.close()


_SHARED: ContextVar[DecodePool | None] = ContextVar("shared decoders", default=None)


@contextmanager
def shared_decoders() -> Iterator[None]:
    """Within the block all decoding of this thread is done by one pool: children start but once."""
    if _SHARED.get() is not None:
        yield
        return
    with DecodePool() as pool:
        token = _SHARED.set(pool)
        try:
            yield
        finally:
            _SHARED.reset(token)


@contextmanager
def decoders(workers: int | None = None) -> Iterator[DecodePool]:
    """The pool that is shared here, or one of the caller's own; so many `workers` are its own."""
    shared = _SHARED.get()
    if shared is not None and workers is None:
        yield shared
        return
    with DecodePool(workers) as pool:
        yield pool


def problem(code: str, reason: str) -> Answer:
    """An answer that says why there is none; `reason` completes "<the file> …"."""
    return {"problem": reason, "code": code}


class _Waiting:
    """Jobs not handed out yet: those that came back first, then the iterator's."""

    def __init__(self, jobs: Iterator[tuple[Any, Job]]) -> None:
        self.jobs = jobs
        self.returned: deque[tuple[Any, Job]] = deque()

    def take(self) -> tuple[Any, Job] | None:
        return self.returned.popleft() if self.returned else next(self.jobs, None)

    def put_back(self, jobs: Iterable[tuple[Any, Job]]) -> None:
        self.returned.extend(jobs)


class _Child:
    """One decoder process, and the jobs it was given and has not answered."""

    def __init__(self, answers: queue.SimpleQueue[tuple[_Child, bytes | None]]) -> None:
        self.queued: deque[tuple[Any, Job]] = deque()
        self.sizes: deque[int] = deque()
        self.is_ready = False
        self.since = self.began = time.monotonic()
        self.late_job: tuple[Any, Job] | None = None
        self.unsent: tuple[Any, Job] | None = None
        self.process = _start()
        self.reader = threading.Thread(
            target=_read, args=(self, _pipe(self.process.stdout), answers), daemon=True
        )
        self.reader.start()

    def give(self, job_id: Any, job: Job) -> bool:
        """Queue a job unless the child has enough."""
        line = json.dumps(job).encode("ascii") + b"\n"
        if self.queued and (
            len(self.queued) >= MOST_QUEUED or sum(self.sizes) + len(line) > MOST_QUEUED_BYTES
        ):
            return False
        if not self.queued:
            self.since = self.began = time.monotonic()
        self.queued.append((job_id, job))
        self.sizes.append(len(line))
        try:
            _pipe(self.process.stdin).write(line)
            _pipe(self.process.stdin).flush()
        except OSError:
            # It just died; the reader will say so. What it never got is not to blame.
            self.unsent = self.unsent or self.queued[-1]
        return True

    def finish_one(self) -> None:
        """The first job is answered; the time of the next one begins."""
        self.queued.popleft()
        self.sizes.popleft()
        self.since = self.began = time.monotonic()

    def stop_if_late(self, limit_s: float) -> None:
        """Kill it when the file in hand, or starting, takes too long."""
        limit_s = limit_s if self.is_ready else START_LIMIT_S
        now = time.monotonic()
        is_late = now - self.since > limit_s or now - self.began > max(JOB_LIMIT_S, limit_s)
        if self.queued and self.late_job is None and is_late:
            self.late_job = self.queued[0]
            self.process.kill()

    def hang_up(self) -> None:
        """Have the process end: kindly when idle, at once when busy."""
        with contextlib.suppress(OSError):
            _pipe(self.process.stdin).close()
        if self.queued:
            self.process.kill()

    def close(self) -> None:
        """End the process and wait until it is gone."""
        self.hang_up()
        try:
            self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        _pipe(self.process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # Popen was given PIPE.
    return pipe


def _start() -> subprocess.Popen[bytes]:
    home = str(Path(sit_engine.__path__[0]).parent)
    paths = [home, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    # -P: a json.py in the folder the user stands in must not be imported. A session of its own, so
    # that Ctrl+C and a closing terminal reach the parent alone.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "sit_engine.data.decode.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _read(
    child: _Child,
    answers_pipe: IO[bytes],
    answers: queue.SimpleQueue[tuple[_Child, bytes | None]],
) -> None:
    """Reader thread of one child: every line to the queue, then None at its end."""
    for line in answers_pipe:
        answers.put((child, line))
    answers.put((child, None))
