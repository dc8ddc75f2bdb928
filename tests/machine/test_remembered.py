"""What was measured of a machine is measured once, and a damaged memory is measured anew."""

from __future__ import annotations

from pathlib import Path

import pytest

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
