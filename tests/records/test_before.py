"""Runs of before methods told their own traits: events, settings and checkpoints open as ever.

`before/` holds what `sit-engine pretrain`, `finetune` and `resume` of that version wrote, with a
network of width 8 on tests/records/photos.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.jobs.networks import load_method
from sit_engine.records.event_log import read_events
from sit_engine.records.events import HealthMeasured, StepReported, read_line, to_line
from sit_engine.records.run import Run
from tests.records.photos import write_photos

BEFORE = Path(__file__).with_name("before")


@pytest.mark.parametrize("method", ["sit", "sit2021", "finetune"])
def test_old_events_and_settings_are_read_whole(method: str) -> None:
    lines = (BEFORE / method / "events.jsonl").read_text("utf-8").splitlines()
    assert [line for line in lines if isinstance(read_line(line), str)] == []
    config = Run(BEFORE / method).config()
    assert config.method.name == method
    assert config.method.needs_labels == (method == "finetune")


@pytest.mark.parametrize("method", ["sit", "sit2021"])
def test_curves_of_old_readings_are_found_by_name(method: str) -> None:
    lines = (BEFORE / method / "events.jsonl").read_text("utf-8").splitlines()
    old = [json.loads(line) for line in lines if '"HealthMeasured"' in line]
    assert old
    for record in old:
        found = read_line(json.dumps(record))
        assert not isinstance(found, str)
        event, time = found
        assert isinstance(event, HealthMeasured)
        names = ("agreement", "mask_share")
        told = {name: record[name] for name in names if record[name] is not None}
        assert event.curves == told
        assert read_line(to_line(event, time=time)) == found
    assert any(record["agreement"] is not None for record in old)


def test_an_old_checkpoint_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    """`sit_resumed.jsonl` holds what the version that wrote it reported from there on."""
    run = tmp_path / "run"
    shutil.copytree(BEFORE / "sit", run)
    load_method(Run(run))
    folder = write_photos(tmp_path / "photos")
    api.resume(run, emit=lambda _: None, epochs=3, folders=[str(folder)])
    events = [event for event, _ in read_events(Run(run))]
    reports = [e for e in events if isinstance(e, StepReported) and e.step > 6]
    lines = (BEFORE / "sit_resumed.jsonl").read_text("utf-8").splitlines()
    for report, line in zip(reports, map(json.loads, lines), strict=True):
        assert report.loss == pytest.approx(line["loss"], rel=1e-5)
        assert report.curves == pytest.approx(line["curves"], rel=1e-5)
    health = [event for event in events if isinstance(event, HealthMeasured)][-1]
    assert health.curves == {name: reports[-1].curves[name] for name in ("agreement", "mask_share")}
