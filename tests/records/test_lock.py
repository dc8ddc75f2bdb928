"""One writer: the system decides who holds a lock; no clock, name or number does."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sit_engine.config.build import build
from sit_engine.errors import RunError
from sit_engine.records.locking import heartbeat
from sit_engine.records.locking.run_lock import RunLock, holder_here, is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run

posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks")

HOLD = """
import sys, time
from pathlib import Path
from sit_engine.records.run import Run
from sit_engine.records.locking.run_lock import RunLock
with RunLock(Run(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""

# Each round begins on the lock of a process that is gone; whoever holds it is alone in `inside`.
CONTEND = """
import os, sys
from pathlib import Path
from sit_engine.errors import RunError
from sit_engine.records.run import Run
from sit_engine.records.locking.run_lock import RunLock
run = Run(Path(sys.argv[1]))
won = 0
for round in range(40):
    child = os.fork()
    if child == 0:
        try:
            RunLock(run).__enter__()
        except BaseException:
            pass
        os._exit(0)
    os.waitpid(child, 0)
    try:
        with RunLock(run):
            (run.path / "inside").mkdir()
            won += 1
            (run.path / "inside").rmdir()
    except RunError:
        pass
print(won)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """An empty run folder."""
    return create_run(tmp_path / "run", build({}))


@pytest.fixture
def holder(run: Run) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds it."""
    command = [sys.executable, "-c", HOLD, str(run.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@posix
def test_six_contenders_on_stale_locks_are_never_two_at_once(run: Run) -> None:
    command = [sys.executable, "-c", CONTEND, str(run.path)]
    contenders = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [process.communicate(timeout=240) for process in contenders]
    assert [process.returncode for process in contenders] == [0] * 6, said
    assert sum(int(won) for won, _ in said) > 0
    assert not is_running(run)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        json.dumps({"pid": 1, "started": 0.0, "host": "elsewhere"}),
        json.dumps({"pid": 2**40, "started": time.time() - 7200, "host": socket.gethostname()}),
    ],
    ids=["empty", "torn", "another host", "a clock set two hours back"],
)
def test_a_live_holder_holds_whatever_its_file_says(
    run: Run, holder: subprocess.Popen[str], text: str
) -> None:
    run.lock_file.write_text(text)
    os.utime(run.lock_file, (0, 0))
    assert is_running(run)
    with pytest.raises(RunError, match="another process"), RunLock(run):
        pass
    holder.kill()
    holder.wait()
    # Whatever stands there, nobody has to wait for it.
    assert not is_running(run)
    with RunLock(run):
        assert is_running(run)


@posix
def test_a_stopped_holder_holds_and_a_killed_one_does_not(
    run: Run, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGSTOP)
    assert is_running(run)
    assert holder_here(run) == holder.pid
    holder.kill()
    # It is a zombie until it is waited for: it holds nothing any more.
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert run.lock_file.exists()
    assert not is_running(run)
    assert holder_here(run) is None


@posix
def test_a_forked_child_does_not_keep_the_lock_of_its_killed_parent(run: Run) -> None:
    program = HOLD.replace(
        "    time", "    import os\n    os.write(1, b'%d\\n' % os.fork())\n    time"
    )
    command = [sys.executable, "-c", program, str(run.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = {process.stdout.readline() for _ in range(3)}
    (child,) = (int(word) for word in said - {"held\n", "0\n"})
    try:
        assert is_running(run)
        process.kill()
        process.wait()
        assert not is_running(run)
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_asking_refuses_nobody(run: Run) -> None:
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            is_running(run)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(100):
            with RunLock(run):
                assert is_running(run)
    finally:
        ended.set()
        for asker in askers:
            asker.join()


def test_the_lock_moves_with_its_folder(run: Run, tmp_path: Path) -> None:
    with RunLock(run):
        moved = run.path.rename(tmp_path / "moved")
        assert is_running(Run(moved))
        (moved / "copy").write_bytes((moved / "lock").read_bytes())
    assert not (moved / "lock").exists()
    # A copy of the file is nobody's lock.
    (moved / "copy").rename(moved / "lock")
    assert not is_running(Run(moved))


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some networks' are."""
    import fcntl

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    monkeypatch.setattr(heartbeat, "PATIENCE_S", 1.5)


@posix
@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_heartbeat_holds(run: Run) -> None:
    with RunLock(run) as opened:
        assert opened.has_heartbeat
        assert is_running(run)
        with pytest.raises(RunError, match="another process"), RunLock(run):
            pass
        first, until_s = heartbeat.beat_file(run.lock_file).read_text(), time.monotonic() + 60
        time.sleep(2)
        # A busy disk may hold a beat up for longer than this test is patient.
        while heartbeat.beat_file(run.lock_file).read_text() == first:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        assert is_running(run)
    assert not is_running(run)
    assert not list(run.path.glob("*lock*"))


@posix
@pytest.mark.usefixtures("no_locks")
def test_without_locks_one_whose_heart_stopped_is_replaced(run: Run) -> None:
    run.lock_file.write_text("{}")
    heartbeat.beat_file(run.lock_file).write_text("7")
    assert is_running(run)
    with RunLock(run) as opened:
        assert opened.has_heartbeat
    assert not is_running(run)
