"""How long OpenMP's threads spin while they wait for each other: less where other work wants the cores.

Threads that spin hold a core that the one they wait for may need: beside one hungry process two threads
can be slower than one alone. GNU's OpenMP spins for some milliseconds as long as all its threads have a
core each, and hardly at all when it counts more of its threads than cores (libgomp, `GOMP_SPINCOUNT`).
So while others take cores, a team of its own that has nothing to do is kept: the trainer's threads,
their number and what they compute stay the same. For how long others took how much is counted besides
(`Others`), for who may work with fewer threads.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from sit_engine.config.tree import ComputeOptions

LOOK_EVERY_S = 2.0
LOOK_S = 0.2
"""Of a single look; the system counts in hundredths of a second."""
CROWDED = 0.3
"""Cores that others take beyond those that the trainer leaves them."""
SPLIT = 1 << 17
"""Elements of an operation that torch gives to several threads."""
LEAST_LOOKS = 5
"""Before what others take is more than a moment's."""


class Others:
    """Cores that others took at each look."""

    def __init__(self) -> None:
        self._taken: list[float] = []

    def note(self, cores: float) -> None:
        """Note the cores that others took at one look."""
        self._taken.append(cores)

    def mean(self) -> float | None:
        """Mean of the looks since the last mean; None, and they are kept, while there were too few."""
        if len(self._taken) < LEAST_LOOKS:
            return None
        taken, self._taken = self._taken, []
        return sum(taken) / len(taken)


@contextmanager
def courteous(compute: ComputeOptions) -> Iterator[Others]:
    """While the block runs, the load is looked at now and then. `compute` is resolved."""
    others = Others()
    load = _load(compute) if _has_gnu_openmp() else None
    if load is None:
        yield others
        return
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(over, load, others), daemon=True)
    watcher.start()
    try:
        yield others
    finally:
        over.set()
        watcher.join()


def is_crowded(compute: ComputeOptions) -> bool:
    """Whether others take cores now that a trainer of several threads would use; takes a moment."""
    load = _load(compute)
    if load is None:
        return False
    time.sleep(LOOK_S)
    return load.is_crowded()


def _load(compute: ComputeOptions) -> Load | None:
    """None of one thread or a GPU, and on a system that does not tell."""
    if compute.device != "cpu" or int(compute.threads) < 2:
        return None
    try:
        return Load(int(compute.threads))
    except (psutil.Error, OSError):
        return None


class Load:
    """What others take of the cores that this process may use."""

    def __init__(self, threads: int) -> None:
        self.cores = _cores()
        self.free = len(self.cores) - threads
        self.taken = 0.0
        """Cores that they took between the last two questions."""
        self._process = psutil.Process()
        self._before = self._now()

    def is_crowded(self) -> bool:
        """Whether, since the last question, they took more than the trainer leaves."""
        before, self._before = self._before, self._now()
        busy, own, all_s = (now - then for now, then in zip(self._before, before, strict=True))
        passed_s = all_s / len(self.cores)
        self.taken = (busy - own) / passed_s if passed_s > 0 else 0.0
        return self.taken > self.free + CROWDED

    def _now(self) -> tuple[float, float, float]:
        """Seconds that these cores worked, that this process did, and that passed on all of them."""
        every = psutil.cpu_times(percpu=True)
        times = [every[core] for core in self.cores if core < len(every)]
        all_s = sum(sum(time[:8]) for time in times)
        idle_s = sum(time.idle + getattr(time, "iowait", 0.0) for time in times)
        own = self._process.cpu_times()
        return all_s - idle_s, own.user + own.system, all_s


class IdleTeam:
    """Threads of OpenMP that wait for nothing; others spin less while they are there."""

    def __init__(self) -> None:
        self._over, there = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(there,), daemon=True)
        self._thread.start()
        there.wait()

    def _hold(self, there: threading.Event) -> None:
        try:
            torch.zeros(SPLIT).add_(1)  # Makes the threads, which stay as long as this one.
        finally:
            there.set()
        self._over.wait()

    def leave(self) -> None:
        """Let the threads go."""
        self._over.set()
        self._thread.join()


def _watch(over: threading.Event, load: Load, others: Others) -> None:
    team: IdleTeam | None = None
    while not over.wait(LOOK_EVERY_S):
        is_now = load.is_crowded()
        others.note(load.taken)
        if is_now and team is None:
            team = IdleTeam()
        elif team is not None and not is_now:
            team.leave()
            team = None
    if team is not None:
        team.leave()


def _cores() -> list[int]:
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _has_gnu_openmp() -> bool:
    try:
        return "libgomp" in Path("/proc/self/maps").read_text("utf-8", "replace")
    except OSError:
        return False
