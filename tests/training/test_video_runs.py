"""Runs on a folder of videos: frames are pretrained on as images are, and a resume is exact."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.data.folder.frames import file_of
from sit_engine.records.events import Event, StepReported
from sit_engine.records.run_folder import open_run
from tests.tiny import tiny_config
from tests.training.test_resume import assert_identical, stop_at
from tests.videos import scenes, write_video


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine made-up films of 2 and a bit seconds in two classes."""
    folder = tmp_path_factory.mktemp("films")
    for seed in range(9):
        write_video(folder / "ab"[seed % 2] / f"{seed}.mp4", scenes(seed, 10))
    return folder


def pretrain(folder: Path, out: Path, **how: object) -> list[Event]:
    """Train a tiny run on 4 frames a second; gives its events."""
    events: list[Event] = []
    config = tiny_config(folder, data={"frame_rate": 4, "watch_share": 0.2}, optim={"epochs": 2})
    api.pretrain(config, out, emit=events.append, **how)  # type: ignore[arg-type]
    return events


def test_frames_are_pretrained_on_and_a_resumed_run_ends_with_the_same_bits(
    films: Path, tmp_path: Path
) -> None:
    events = pretrain(films, tmp_path / "whole")
    assert [event.step for event in events if isinstance(event, StepReported)] == [1, 2, 3, 4]
    split = open_run(tmp_path / "whole").split()
    sides = [{file_of(name) for name in split[part]} for part in ("train", "watch")]
    assert [len(side) for side in sides] == [7, 2]
    assert not sides[0] & sides[1]
    pretrain(films, tmp_path / "cut", make_control=stop_at(2))
    api.resume(tmp_path / "cut", emit=lambda _: None)
    assert_identical(tmp_path / "whole", tmp_path / "cut")


def test_videos_that_moved_and_got_other_names_are_found_by_their_content(
    films: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "before"
    shutil.copytree(films, folder)
    pretrain(folder, tmp_path / "run", make_control=stop_at(1))
    now = tmp_path / "now"
    folder.rename(now)
    (now / "a" / "0.mp4").rename(now / "a" / "renamed.mp4")
    told = api.find_folders(tmp_path / "run", [str(now)], without_missing=False)
    assert told.values["renamed"] == "10"
    api.resume(tmp_path / "run", emit=lambda _: None)
    pretrain(films, tmp_path / "whole")
    assert_identical(tmp_path / "whole", tmp_path / "run")
