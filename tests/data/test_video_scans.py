"""Scans of videos that were ended, killed, hung or repeated: what is read again, and what is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sit_engine.data.decode import decode_pool
from sit_engine.data.decode.decode_pool import DecodePool
from sit_engine.data.pixel_cache.cache import PixelCache, _Filling
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import CancelledError
from tests.videos import brightness, numbered, write_video

ROOT = Path(__file__).parents[2]


def recording(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which answers of the decoders are taken down from now on."""
    recorded: list[int] = []
    record = _Filling._record

    def spy(filling: _Filling, i: int, answer: dict[str, Any]) -> dict[str, Any]:
        recorded.append(i)
        return record(filling, i, answer)

    monkeypatch.setattr(_Filling, "_record", spy)
    return recorded


def test_a_scan_that_was_killed_and_is_repeated_reads_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "films"
    write_video(folder / "a.mp4", [frame for frame in numbered(40) for _ in "12"])
    place = tmp_path / "cache"
    script = (
        "import os, signal\n"
        "from sit_engine.data.pixel_cache import cache, cache_rows, stretches\n"
        "stretches.FRAMES_A_JOB, cache_rows.BETWEEN_SYNCS_S = 3, 0.0\n"
        "from sit_engine.data.scan.quick_scan import scan\n"
        "record, done = cache._Filling._record, []\n"
        "def spy(filling, i, answer):\n"
        "    done.append(record(filling, i, answer))\n"
        "    if len(done) == 10:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return done[-1]\n"
        "cache._Filling._record = spy\n"
        f"cache.PixelCache({str(place)!r}).fill(scan([{str(folder)!r}]), side=32, workers=1)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    recorded = recording(monkeypatch)
    cache = PixelCache(place)
    _, store = cache.fill(scan([folder]), side=32)
    assert len(recorded) == 10
    assert brightness(store.rows(range(20))) == list(range(0, 40, 2))
    recorded.clear()
    assert not cache.fill(scan([folder]), side=32)[0].problems
    assert not recorded


def test_a_scan_that_was_ended_goes_on_and_one_repeated_reads_nothing(
    tmp_path: Path, cache: PixelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sit_engine.data.pixel_cache.stretches.FRAMES_A_JOB", 3)
    write_video(tmp_path / "films" / "a.mp4", numbered(40))
    index = scan([tmp_path / "films"])
    seen: list[int] = []

    def on_progress(phase: str, done: int, total: int) -> None:
        if phase == "decoding":
            seen.append(total)

    recorded = recording(monkeypatch)
    with pytest.raises(CancelledError):
        cache.fill(index, side=32, workers=1, cancel=lambda: bool(recorded))
    cache.fill(index, side=32, on_progress=on_progress)
    first, seen[:] = seen[0], []
    assert first == 7
    _, store = cache.fill(index, side=32, on_progress=on_progress)
    assert not seen
    assert brightness(store.rows(range(10))) == list(range(0, 40, 4))


def test_a_video_replaced_by_another_of_its_name_and_size_is_noticed(
    tmp_path: Path, cache: PixelCache
) -> None:
    film = write_video(tmp_path / "films" / "a.mp4", numbered(8))
    other = write_video(tmp_path / "other.mp4", numbered(16)[8:])
    before, after = film.read_bytes(), other.read_bytes()
    size = max(len(before), len(after))
    film.write_bytes(before + bytes(size - len(before)))
    index = scan([film.parent])
    _, store = cache.fill(index, side=32)
    assert brightness(store.rows([0, 1])) == [0, 4]
    film.write_bytes(after + bytes(size - len(after)))
    os.utime(film, ns=(7, 7))
    assert film.stat().st_size == index.bytes[0]
    _, store = cache.fill(scan([film.parent]), side=32)
    assert brightness(store.rows([0, 1])) == [8, 12]


def test_a_video_that_hangs_its_reader_costs_one_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that only ever says that it goes on is ended all the same."""
    monkeypatch.setattr(decode_pool, "JOB_LIMIT_S", 0.3)
    endless = (
        "import json, sys, time\n"
        "out = sys.stdout\n"
        "out.write('{\"ready\": true}\\n'); out.flush()\n"
        "for line in sys.stdin:\n"
        "    while 'm.mp4' in line:\n"
        "        time.sleep(0.05); out.write('{\"going_on\": true}\\n'); out.flush()\n"
        "    out.write('{}\\n'); out.flush()\n"
    )

    def start() -> object:
        return subprocess.Popen(
            [sys.executable, "-c", endless],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    monkeypatch.setattr(decode_pool, "_start", start)
    jobs = [(name, {"job": "header", "path": name}) for name in ("a.png", "m.mp4", "z.png")]
    with DecodePool(1, time_limit_s=0.2) as pool:
        found = dict(pool.run(jobs))
    assert found["m.mp4"]["code"] == "data.too_slow"
    assert [found["a.png"], found["z.png"]] == [{}, {}]
