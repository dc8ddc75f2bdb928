"""While others want the cores, OpenMP's threads do not hold them; alone nothing changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

WORK = """
import sys, time, threading
import psutil, torch
from sit_engine.config.tree import ComputeOptions
from sit_engine.machine import spinning
torch.set_num_threads(2)
torch.zeros(1 << 20).add_(1)
threads = psutil.Process().num_threads
before = threads()
crowded = iter([False, True, True, False])
told = []

def settled():
    # A thread that was let go of ends in its own time.
    until_s = time.monotonic() + 10
    while threads() > before + 1 and time.monotonic() < until_s:
        time.sleep(0.01)
    return threads()

def is_crowded():
    told.append(threads() if len(told) < 4 else settled())
    return next(crowded, False)

spinning.LOOK_EVERY_S = 0.05
spinning.Load.is_crowded = lambda _: is_crowded()
with spinning.courteous(ComputeOptions(device="cpu", threads=int(sys.argv[1]))):
    until_s = time.monotonic() + 30
    while len(told) < 6 and time.monotonic() < until_s and int(sys.argv[1]) > 1:
        time.sleep(0.01)
print(*[count - before - 1 for count in told])
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is that of Linux")


def extra_threads(count: int) -> list[int]:
    """At each look: how many more than the program itself has, and the watcher."""
    command = [sys.executable, "-c", WORK, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


@linux_only
def test_an_idle_team_is_there_while_others_want_the_cores() -> None:
    # One that holds them in Python, and the one that OpenMP makes of two.
    assert extra_threads(2)[:6] == [0, 0, 2, 2, 0, 0]


@linux_only
def test_one_thread_waits_for_nobody() -> None:
    assert extra_threads(1) == []


@linux_only
def test_what_others_take_is_what_is_busy_and_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from sit_engine.machine import spinning

    monkeypatch.setattr(spinning, "_cores", lambda: [0, 1])
    seconds = iter([(0.0, 0.0, 0.0), (3.0, 2.8, 4.0), (7.0, 4.8, 8.0), (7.0, 4.8, 8.0)])
    monkeypatch.setattr(spinning.Load, "_now", lambda _: next(seconds))
    load = spinning.Load(threads=2)
    assert not load.is_crowded()  # 0.1 of two cores
    assert load.is_crowded()  # one core
    assert not load.is_crowded()  # no time passed


@pytest.mark.parametrize(
    ("threads", "device", "busy_s", "expected"),
    [
        (2, "cpu", 1.2, True),
        (2, "cpu", 0.2, False),
        (1, "cpu", 1.2, False),
        (2, "cuda", 1.2, False),
    ],
)
def test_one_look_tells_whether_others_take_cores(
    threads: int, device: str, busy_s: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sit_engine.config.tree import ComputeOptions
    from sit_engine.machine import spinning

    seconds = iter([(0.0, 0.0, 0.0), (busy_s, 0.0, 2.0)])
    monkeypatch.setattr(spinning, "_cores", lambda: [0, 1])
    monkeypatch.setattr(spinning.Load, "_now", lambda _: next(seconds))
    monkeypatch.setattr(spinning, "LOOK_S", 0.0)
    compute = ComputeOptions(device=device, threads=threads)
    assert spinning.is_crowded(compute) is expected
