"""A run with sharper squares, as the paper presets have: all of its kind share one cache of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sit_engine import api
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.tree import RunConfig
from sit_engine.jobs.labelled import Decoding, find_usable, load_held_out
from sit_engine.records.events import Event, Warned
from sit_engine.records.run import Run
from tests.tiny import tiny_config
from tests.training.test_resume import assert_identical, stop_at
from tests.training.test_streaming import losses

SHARP: dict[str, Any] = {
    "data": {"cache_factor": 2.5},
    "optim": {"epochs": 2, "batch_size": 8},
    "watch": {"readings": 1},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def squares(cache: Path) -> set[str]:
    """The kinds of squares that were decoded."""
    return {path.name for path in (cache / "pixels").glob("side-*")}


def config_of(few: Path, **data: Any) -> RunConfig:
    """Views of 16 px of images of 32 px: squares of 32 px instead of 19."""
    return tiny_config(few, **SHARP | {"data": SHARP["data"] | data})


def codes(events: list[Event]) -> set[str]:
    """Of what was warned of."""
    return {event.code for event in events if isinstance(event, Warned)}


def pretrain(config: RunConfig, out: Path, **how: Any) -> list[Event]:
    """Two epochs; gives the events."""
    events: list[Event] = []
    api.pretrain(config, out, emit=events.append, **how)
    return events


def test_scan_run_and_evaluation_share_its_squares(few: Path, tmp_path: Path, cache: Path) -> None:
    config = config_of(few, watch_share=0.25)
    api.scan([str(few)], config=config)
    assert squares(cache) == {"side-32-sharp"}
    pretrain(config, tmp_path / "run")
    run = Run(tmp_path / "run")
    assert len(load_held_out(run, None).test) == 12
    assert len(find_usable([str(few)], Decoding.of(run), None).index) == 48
    assert squares(cache) == {"side-32-sharp"}


def test_where_they_have_no_room_a_scan_still_finds_copies(tmp_path: Path, cache: Path) -> None:
    for number in range(3):
        Image.effect_noise((400, 400), 50 + number).save(tmp_path / f"{number}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    config = config_of(tmp_path).model_copy(
        update={"model": VitOptions(image_size=224, patch_size=16)}
    )
    found = api.scan([str(tmp_path)], config=config, cache_gb=4 * 399 * 399 * 3 / 1e9)
    assert found.index.duplicates == (("0.png", "copy.png"),)
    (kind,) = squares(cache)
    assert not kind.endswith("sharp")


def test_it_is_resumed_and_mended_to_the_same_bits(few: Path, tmp_path: Path, cache: Path) -> None:
    config = config_of(few)
    pretrain(config, tmp_path / "whole")
    pretrain(config, tmp_path / "run", make_control=stop_at(3))
    (pixels,) = cache.rglob("pixels.bin")
    assert pixels.parent.name == "side-32-sharp"
    pixels.write_bytes(bytes(pixels.stat().st_size))
    events: list[Event] = []
    api.resume(tmp_path / "run", emit=events.append, make_control=stop_at(2))
    assert codes(events) == {"data.mended"}
    os.truncate(pixels, pixels.stat().st_size // 2)
    events = []
    api.resume(tmp_path / "run", emit=events.append)
    assert codes(events) == {"data.mended"}
    assert_identical(tmp_path / "whole", tmp_path / "run")


def test_it_is_streamed_with_the_same_losses(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = losses(pretrain(config_of(few), tmp_path / "cached"))
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "small"))
    events = pretrain(config_of(few, cache_gb=1e-5), tmp_path / "streamed", make_control=stop_at(4))
    assert "data.streamed" in codes(events)
    api.resume(tmp_path / "streamed", emit=events.append)
    assert losses(events) == cached
    assert "data.changed" not in codes(events)
    assert sum(f.stat().st_size for f in (tmp_path / "small").rglob("pixels.bin")) <= 1e4
