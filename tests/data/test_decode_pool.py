"""Children that die or hang cost one file, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import psutil
import pytest
from PIL import Image

from sit_engine.data.decode.decode_pool import (
    DecodePool,
    Job,
    decoders,
    shared_decoders,
)
from sit_engine.errors import CancelledError
from tests.data.conftest import picture

# The children are what is tested: they start from nothing.
pytestmark = pytest.mark.cold
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A small picture, a large one that takes a good part of a second, and four small ones."""
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for path in paths:
        Image.fromarray(picture()).save(path)
    Image.new("L", (12_000, 12_000)).save(paths[1], compress_level=1)
    (tmp_path / "out.bin").touch()
    return paths


def decode(path: Path) -> Job:
    """A decode job whose pixels nobody reads."""
    out = str(path.with_name("out.bin"))
    return {"job": "decode", "path": str(path), "side": 8, "range": None, "out": out, "offset": 0}


def send_when_in_hand(pool: DecodePool, path: Path, sent: int) -> threading.Thread:
    """A thread that signals the child once it reads `path`."""

    def watch() -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for pid, held in pool.in_hand().items():
                if held == str(path):
                    os.kill(pid, sent)
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@posix_only
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, "data.crashed"), (signal.SIGSTOP, "data.too_slow")]
)
def test_the_file_in_hand_is_blamed_and_all_others_are_read(
    files: list[Path], sent: int, code: str
) -> None:
    with DecodePool(1, time_limit_s=5.0) as pool:
        assert "width" in next(pool.run([(0, decode(files[0]))]))[1]  # The child has started.
        watcher = send_when_in_hand(pool, files[1], sent)
        found = dict(pool.run((path.name, decode(path)) for path in files))
        watcher.join()
    assert found["1.png"]["code"] == code
    assert all(found[path.name]["width"] == 40 for path in files if path.name != "1.png")


@posix_only
def test_a_child_that_died_idle_puts_no_blame_on_the_next_file(files: list[Path]) -> None:
    with DecodePool(1) as pool:
        next(pool.run([(0, decode(files[0]))]))
        list(pool.run([(0, decode(files[0]))]))
        child = pool._children[0].process
        child.kill()
        child.wait()
        found = dict(pool.run([(0, decode(files[0]))]))
    assert found[0]["width"] == 40


def test_a_time_limit_ends_a_slow_file(files: list[Path]) -> None:
    with DecodePool(1, time_limit_s=0.05) as pool:
        found = dict(pool.run([(0, decode(files[1])), (1, decode(files[0]))]))
    assert found[0]["problem"] == "took longer than 0.05 s to read"
    assert found[1]["width"] == 40


def test_leaving_a_run_early_leaves_no_answer_for_the_next(files: list[Path]) -> None:
    with DecodePool(2) as pool:
        next(iter(pool.run((path, decode(path)) for path in files)))
        found = dict(pool.run([("mine", decode(files[0]))]))
    assert list(found) == ["mine"]


def test_cancel_stops_between_results(files: list[Path]) -> None:
    seen: list[int] = []
    with DecodePool(1) as pool:
        jobs = ((i, decode(files[0])) for i in range(1000))
        answers = pool.run(jobs, cancel=lambda: len(seen) >= 3)
        with pytest.raises(CancelledError):
            deque(map(seen.append, (i for i, _ in answers)), maxlen=0)
    assert len(seen) == 3


@posix_only
def test_a_killed_parent_leaves_no_child() -> None:
    script = (
        "import sys, time\n"
        "from sit_engine.data.decode.decode_pool import DecodePool\n"
        "pool = DecodePool(2)\n"
        "list(pool.run((i, {'job': 'header', 'path': '/nowhere'}) for i in range(50)))\n"
        "sys.stdout.write(' '.join(str(c.process.pid) for c in pool._children) + '\\n')\n"
        "sys.stdout.flush()\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=10)
    # Orphans that a container's init never reaps are as good as gone.
    assert all(child.status() == psutil.STATUS_ZOMBIE for child in alive)


def test_children_start_but_once_where_they_are_shared(photos: Path) -> None:
    jobs = [
        (n, {"job": "header", "path": str(path)}) for n, path in enumerate(photos.rglob("*.png"))
    ]

    def children() -> set[int]:
        with decoders() as pool:
            assert all("width" in answer for _, answer in pool.run(iter(jobs)))
            return {child.process.pid for child in pool._children}

    with shared_decoders():
        first = children()
        with shared_decoders():
            assert children() == first
        with decoders(1) as own:
            assert not own._children
            list(own.run(iter(jobs)))
            assert {child.process.pid for child in own._children}.isdisjoint(first)
        assert children() == first
    assert not any(psutil.pid_exists(pid) for pid in first)
    assert children().isdisjoint(first)
