"""What ends a process is told with the right code; only bugs are called our fault, in few files."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sit_engine.cli.faults import MOST_LOGS, check_room, fault
from sit_engine.errors import OutOfMemoryError
from sit_engine.files import disk_error

MEMORY: list[Exception] = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    RuntimeError("can't start new thread"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory: …"),
]


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("error", MEMORY, ids=repr)
def test_a_lack_of_memory_is_not_our_fault(error: Exception, temp: Path) -> None:
    found = fault(error)
    assert (found.code, found.exit_code) == ("memory.process", 7)
    behind = ImportError("numpy could not be imported")
    behind.__cause__ = error
    assert fault(behind).exit_code == 7
    assert list(temp.iterdir()) == []


def test_a_disk_that_maps_nothing_for_lack_of_memory_is_not_the_disks_fault() -> None:
    assert isinstance(disk_error(OSError(errno.ENOMEM, "…"), Path("x")), OutOfMemoryError)


def test_a_file_that_cannot_be_used_is_not_our_fault(tmp_path: Path) -> None:
    try:
        (tmp_path / ("9" * 400)).stat()
    except OSError as error:
        found = fault(error)
    assert (found.code, found.exit_code) == ("disk.unusable", 8)
    assert "name too long" in found.message
    assert len(found.message) < 300


def test_our_own_fault_is_told_with_a_file_and_there_are_few_of_them(temp: Path) -> None:
    other = temp / "sit-engine-of-mine.log"
    other.write_text("kept")
    folder = temp / "sit-engine-abcdefgh.log"
    folder.mkdir()
    for number in range(MOST_LOGS + 5):
        try:
            raise ZeroDivisionError(str(number))
        except ZeroDivisionError as error:
            found = fault(error)
        assert (found.code, found.exit_code) == ("internal", 1)
        assert f"ZeroDivisionError: {number}" in Path(found.values["file"]).read_text()
    logs = [path for path in temp.glob("sit-engine-????????.log") if path.is_file()]
    assert len(logs) == MOST_LOGS
    assert other.exists()
    assert folder.exists()


def test_a_fault_without_room_for_its_file_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert "none could be written" in fault(ValueError("x")).hint


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
@pytest.mark.parametrize(
    ("limit", "verb", "code"),
    [(100, "scan", 7), (3000, "doctor", 7), (3000, "pretrain", 7), (1500, "runs", 0)],
)
def test_little_address_space_is_a_sentence(
    limit: int, verb: str, code: int, tmp_path: Path
) -> None:
    words = {"scan": [str(tmp_path)], "pretrain": [str(tmp_path), "--out", str(tmp_path / "run")]}
    command = [sys.executable, "-m", "sit_engine", verb, *words.get(verb, [])]
    command += [str(tmp_path)] if verb == "runs" else []
    limited = (
        f"import resource, os, sys; resource.setrlimit(resource.RLIMIT_AS, ({limit} << 20,) * 2); "
    )
    limited += "os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", limited, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    if code:
        assert "address space" in done.stderr
        assert "our fault" not in done.stderr


def test_room_is_not_asked_for_where_there_is_no_limit() -> None:
    limit = resource.getrlimit(resource.RLIMIT_AS)
    assert limit[0] == resource.RLIM_INFINITY
    check_room("pretrain")
