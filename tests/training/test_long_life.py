"""Ten thousand epochs of a run and five thousand questions of a child take no more than a few."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from sit_engine import api
from sit_engine.records.events import Event, StepReported
from tests.cli.test_serve import Child
from tests.tiny import tiny_config

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

EPOCHS, REPORT_EVERY = 10_000, 500
QUESTIONS = 5_000
MOST_MORE_BYTES = 24 << 20
"""An allocator's habits; a leak of 5 kB a step or a question would be twice as much."""


@dataclass(frozen=True)
class Needs:
    """What a process takes, and how many files lie below a folder."""

    memory_bytes: int
    handles: int
    threads: int
    files: int


def needs(folder: Path, process: psutil.Process | None = None) -> Needs:
    process = process or psutil.Process()
    files = sum(path.is_file() for path in folder.rglob("*"))
    return Needs(
        process.memory_info().rss,
        process.num_handles() if psutil.WINDOWS else process.num_fds(),
        process.num_threads(),
        files,
    )


def assert_flat(first: Needs, last: Needs) -> None:
    """Nothing grows with time but within what an allocator keeps."""
    assert last.memory_bytes - first.memory_bytes < MOST_MORE_BYTES, (first, last)
    assert last.handles <= first.handles, (first, last)
    assert last.threads <= first.threads, (first, last)
    assert last.files <= first.files, (first, last)


def test_ten_thousand_epochs_of_a_tiny_run(few: Path, tmp_path: Path) -> None:
    config = tiny_config(
        few,
        model={"depth": 1},
        optim={"epochs": EPOCHS, "batch_size": 48},
        watch={
            "report_every": REPORT_EVERY,
            "readings": 0,
            "previews": 0,
            "checkpoint_minutes": 0.02,
        },
        data={"watch_share": 0.0},
    )
    found: list[Needs] = []

    def look(event: Event) -> None:
        # Before each report the newest checkpoints may be two or three, and one in the making.
        if isinstance(event, StepReported):
            found.append(needs(tmp_path))

    result = api.pretrain(config, tmp_path / "run", emit=look)
    assert result.step >= EPOCHS
    tenth = len(found) // 10
    assert tenth >= 2
    first = found[tenth]
    most = Needs(
        *(max(values) for values in zip(*(vars(n).values() for n in found[tenth:]), strict=True))
    )
    # A checkpoint of each tenth of the run is kept, of some files each.
    kept = sum(1 for _ in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept <= 14
    assert most.files - first.files <= 14 * 6
    assert_flat(first, Needs(most.memory_bytes, most.handles, most.threads, first.files))
    assert threading.active_count() <= 2


def test_five_thousand_questions_of_one_child(few: Path, tmp_path: Path) -> None:
    child = Child()
    try:
        process = psutil.Process(child.process.pid)
        images = [str(path) for path in sorted(few.rglob("*.png"))[:2]]
        asked: tuple[tuple[str, dict[str, Any]], ...] = (
            ("device", {}),
            ("pairs", {"images": images, "out": str(tmp_path / "pairs")}),
            ("nothing", {}),
            ("scan", {"folders": 3, "out": 4}),
        )
        found: list[Needs] = []
        for number in range(QUESTIONS):
            name, more = asked[number % len(asked)]
            told = child.ask(name, **more)
            assert ("answer" in told) == (number % len(asked) < 2), json.dumps(told)
            if number % 500 == 499:
                found.append(needs(tmp_path, process))
        assert_flat(found[0], found[-1])
    finally:
        child.process.kill()
        child.process.communicate()
