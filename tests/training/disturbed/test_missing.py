"""Images that vanished since a run's start: told, and left out where that is wanted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sit_engine import api
from sit_engine.errors import DataError
from sit_engine.records.events import ConfigChanged, Event, SettingsAccepted, Warned
from sit_engine.records.run import Run
from sit_engine.training.prepare import prepare_resumed
from tests.tiny import tiny_config, tiny_finetune
from tests.training.test_resume import stop_at


@pytest.fixture
def photos(sample: tuple[Path, Path], tmp_path: Path) -> Path:
    """A folder of images of its own."""
    return shutil.copytree(sample[0], tmp_path / "photos")


def remove(run: Path, photos: Path, *numbers: int) -> list[str]:
    """Remove training images; gives their names."""
    names = [Run(run).split()["train"][number].partition(":")[2] for number in numbers]
    for name in names:
        (photos / name).unlink()
    return names


def test_they_are_told_by_number_and_name(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    api.pretrain(tiny_config(photos), out, emit=lambda _: None, make_control=stop_at(2))
    names = remove(out, photos, 0, 3, 5, 8)
    with pytest.raises(DataError) as caught:
        api.resume(out, emit=lambda _: None)
    assert caught.value.code == "data.gone"
    assert "4 images" in caught.value.message
    assert all(name in caught.value.message for name in names[:3])
    assert "--without-missing" in caught.value.hint


def test_the_run_goes_on_without_them(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    api.pretrain(tiny_config(photos), out, emit=lambda _: None, make_control=stop_at(2))
    before = (out / "split.json").read_bytes()
    names = remove(out, photos, 0, 3)
    watched = Run(out).split()["watch"][0].partition(":")[2]
    (photos / watched).unlink()
    events: list[Event] = []
    told = api.resume(out, emit=events.append, without_missing=True, make_control=stop_at(3))
    assert told.step == 5
    problems = [e for e in events if isinstance(e, Warned) and e.code == "data.problems"]
    assert problems[0].values["count"] == "3"
    assert problems[0].values["path"] in [*names, watched]
    changed = {e.field: (e.old, e.new) for e in events if isinstance(e, ConfigChanged)}
    assert changed["split.train"] == ("173 images", "171 images")
    assert any(isinstance(event, SettingsAccepted) for event in events)
    assert (out / "split.json.aside-1").read_bytes() == before
    record = Run(out).split()
    assert len(record["train"]) == 171
    assert not set(names) & {name.partition(":")[2] for name in record["train"]}
    # It is the run's own split from then on: nothing is asked again, nor told as changed.
    again: list[Event] = []
    assert api.resume(out, emit=again.append).outcome == "completed"
    assert not [event for event in again if isinstance(event, Warned)]


def test_without_missing_where_none_is_missing_changes_nothing(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    api.pretrain(tiny_config(photos), out, emit=lambda _: None, make_control=stop_at(2))
    before = (out / "split.json").read_bytes()
    api.resume(out, emit=lambda _: None, without_missing=True)
    assert (out / "split.json").read_bytes() == before
    assert not list(out.glob("*.aside-*"))


def test_too_few_left_are_a_sentence_and_the_split_stays(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    api.pretrain(tiny_config(photos), out, emit=lambda _: None, make_control=stop_at(2))
    before = (out / "split.json").read_bytes()
    remove(out, photos, *range(150))
    with pytest.raises(DataError) as caught:
        api.resume(out, emit=lambda _: None, without_missing=True)
    assert caught.value.code == "data.gone_too_many"
    assert (out / "split.json").read_bytes() == before


def test_classes_keep_their_numbers_when_folders_come_or_go(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    api.finetune(tiny_finetune(photos), out, emit=lambda _: None, make_control=stop_at(2))
    record = json.loads((out / "split.json").read_text())
    config = Run(out).config()
    labels = prepare_resumed(Run(out), config, lambda _: None)[0].labels
    # A class of another name stands before all others, and the first one of the run is gone.
    first = record["classes"][0]
    shutil.move(photos / first, photos / "000")
    for file in (photos / "000").iterdir():
        file.write_bytes(file.read_bytes() + b"another image")
    gone = [n for n, name in enumerate(record["train"]) if f":{first}/" in name]
    found, changes = prepare_resumed(Run(out), config, lambda _: None, without_missing=True)
    assert changes
    assert np.array_equal(found.labels, np.delete(labels, gone))
