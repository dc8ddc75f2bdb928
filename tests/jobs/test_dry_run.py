"""A dry run measures what the real run will take, and settles its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.tree import ComputeOptions
from sit_engine.errors import CancelledError, DataError
from sit_engine.records.events import Event, PreviewWritten, RunStarted
from sit_engine.training import memory, prepare, speed
from tests.tiny import tiny_config


def test_a_dry_run_tells_time_memory_and_disk(sample: tuple[Path, Path]) -> None:
    phases: list[str] = []
    found = api.dry_run(
        tiny_config(sample[0]), on_progress=lambda phase, done, total: phases.append(phase)
    )
    assert (found.batch_size, found.steps_per_epoch, found.total_steps) == (32, 5, 20)
    assert found.seconds_left == pytest.approx(20 * 32 / found.images_per_s)
    assert found.memory_bytes > 50e6
    assert found.cache_bytes == 192 * 19 * 19 * 3
    assert found.disk_free_bytes > 0
    assert found.device == found.settings["compute"]["device"] == "cpu"
    assert build(found.settings).optim.batch_size == 32
    assert {"listing", "headers", "measuring the speed"} <= set(phases)


def test_a_dry_run_of_nothing_is_a_sentence_and_can_be_cancelled(
    sample: tuple[Path, Path],
) -> None:
    with pytest.raises(DataError, match="No folder"):
        api.dry_run(build({}), on_progress=lambda *_: None)
    with pytest.raises(CancelledError):
        api.dry_run(tiny_config(sample[0]), on_progress=lambda *_: None, cancel=lambda: True)


def test_a_run_that_was_measured_begins_without_measuring(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))
    config = tiny_config(sample[0], optim={"minutes": 0.02, "epochs": "auto"})
    found = api.dry_run(config, on_progress=lambda *_: None)

    def again(*_: object, **__: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(prepare, "measure_images_per_s", again)
    monkeypatch.setattr(memory, "_measure", again)
    told: list[Event] = []
    ended = api.pretrain(config, tmp_path / "run", emit=told.append)
    assert ended.step == found.total_steps
    # And nobody waits for the first reading with nothing to look at.
    names = [type(event) for event in told]
    assert names.index(PreviewWritten) == names.index(RunStarted) + 1


def test_the_speed_is_measured_as_a_run_trains_beside_other_work(
    sample: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that spin beside a process that takes a core would seem twenty times as slow."""
    told: list[str] = []

    @contextmanager
    def courteous(compute: ComputeOptions) -> Iterator[None]:
        told.append(f"in {compute.device}")
        yield
        told.append("out")

    monkeypatch.setattr(speed, "courteous", courteous)
    assert api.dry_run(tiny_config(sample[0]), on_progress=lambda *_: None).images_per_s > 0
    assert told == ["in cpu", "out"]
