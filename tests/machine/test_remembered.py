"""What was measured of a machine is measured once, and a damaged memory is measured anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sit_engine.config.tree import ComputeOptions
from sit_engine.machine import device, remembered
from sit_engine.machine.remembered import recall, remember


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own, which is not there yet."""
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_numbers_come_back_on_the_same_machine_only(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recall("speed") is None
    remember("speed", [1.5, 2.0])
    assert recall("speed") == [1.5, 2.0]
    assert recall("memory") is None
    monkeypatch.setattr(remembered, "machine", lambda: "another")
    assert recall("speed") is None


def test_numbers_of_another_processor_under_the_same_name_are_not_recalled(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual machine that moved: bf16 without units for it took 17 times as long as fp32."""
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(remembered, "CPUINFO", cpuinfo)
    cpuinfo.write_text("model name\t: A\nMHz\t: 1\nflags\t\t: avx2 avx512_bf16\n\nMHz\t: 2\n")
    remember("speed", [1.5])
    cpuinfo.write_text("model name\t: A\nMHz\t: 3\nflags\t\t: avx2 avx512_bf16\n\nMHz\t: 4\n")
    assert recall("speed") == [1.5]
    cpuinfo.write_text("model name\t: A\nMHz\t: 1\nflags\t\t: avx2\n\nMHz\t: 2\n")
    assert recall("speed") is None
    cpuinfo.unlink()
    assert recall("speed") is None


def test_numbers_of_other_instructions_are_not_recalled(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("speed", [1.5])
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    assert recall("speed") is None


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": "b"}'])
def test_a_damaged_memory_is_no_memory(cache: Path, text: str) -> None:
    cache.mkdir()
    (cache / remembered.FILE).write_text(text)
    assert recall("speed") is None
    remember("speed", [1.0])
    assert recall("speed") == [1.0]


def test_the_oldest_are_forgotten(cache: Path) -> None:
    for number in range(remembered.MOST + 1):
        remember(f"{number}", [float(number)])
    assert recall("0") is None
    assert recall(f"{remembered.MOST}") == [float(remembered.MOST)]


def test_number_formats_are_timed_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = device.probe(ComputeOptions(device="cpu", threads=1))
    timed: list[int] = []
    monkeypatch.setattr(device, "_time_formats", lambda: timed.append(1))
    again = device.probe(ComputeOptions(device="cpu", threads=1))
    assert not timed
    assert (again.precision, again.matmul, again.why_precision) == (
        first.precision, first.matmul, first.why_precision,
    )  # fmt: skip
