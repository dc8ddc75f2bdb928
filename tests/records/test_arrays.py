"""Arrays are read by several threads of the window at once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sit_engine.records.arrays import load_array, read_archive, read_files


@pytest.fixture
def _switching() -> Iterator[None]:
    """Garbage is looked for all the time, and whenever some is, another thread may go on."""
    before, thresholds = sys.getswitchinterval(), gc.get_threshold()

    def work(*_: object) -> None:
        sum(range(100))

    sys.setswitchinterval(1e-6)
    gc.callbacks.append(work)
    gc.set_threshold(5)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(work)
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching")
def test_threads_that_read_headers_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    row = np.arange(3, dtype=np.int32)
    np.save(tmp_path / "a.npy", row)
    np.savez(tmp_path / "b.npz", *[row] * 10)

    def read(_: int) -> None:
        files = read_files({"row": str(tmp_path / "a.npy")})
        archive = read_archive(tmp_path / "b.npz")
        assert files is not None
        assert archive is not None
        mapped = load_array(tmp_path / "a.npy", np.int32)
        for found in (mapped, *files.values(), *archive.values()):
            assert np.array_equal(found, row)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(read, range(150)))


def test_what_is_no_array_is_none(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "b.npy").write_bytes(b"no array")
    good, bad = str(tmp_path / "a.npy"), str(tmp_path / "b.npy")
    assert read_files({"good": good, "bad": bad}) is None
    assert read_files({"bad": str(tmp_path / "none.npy")}) is None
    assert read_archive(tmp_path / "b.npy") is None
    assert read_archive(tmp_path / "none.npz") is None
