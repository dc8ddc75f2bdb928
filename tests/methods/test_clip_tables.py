"""What runs of clips keep of all frames: told, stopped, gone on with; and blocks that learn along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.data.pixel_cache.cache import FEATURES, PixelCache
from sit_engine.errors import ConfigError, OutOfMemoryError
from sit_engine.export.graphs import read_extra
from sit_engine.jobs.clip_features import ClipReader
from sit_engine.jobs.dry_steps import DrySteps
from sit_engine.methods.clips import table
from sit_engine.methods.clips.reader import FrameReader
from sit_engine.methods.clips.table import FrameTable
from sit_engine.records.commands import Command
from sit_engine.records.events import (
    Event,
    PhaseChanged,
    RetrievalMeasured,
    RunFinished,
    StepReported,
)
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from tests.clip_runs import clip_config, learn
from tests.training.test_resume import assert_identical, stop_at, weights

BACKBONE = "student.backbone."


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, in which nothing is known; its folder of tables."""
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))
    return PixelCache().root / FEATURES


class StopWhile:
    """A control that asks to stop once so many pieces of a table were worked out."""

    def __init__(self, pieces: list[int], count: int) -> None:
        self.pieces, self.count = pieces, count

    def poll(self) -> list[Command]:
        """Asked between pieces, and before every step."""
        return [Command("stop", -1)] if len(self.pieces) == self.count else []


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first frames of the pieces of tables that are worked out, 32 frames each, and told each."""
    monkeypatch.setattr(table, "PIECE", 32)
    monkeypatch.setattr("sit_engine.records.on_progress.PROGRESS_EVERY_S", 0.0)
    found: list[int] = []
    fill = FrameTable._fill_piece

    def spy(own: FrameTable, out: np.ndarray, start: int, end: int) -> None:
        found.append(start)
        fill(own, out, start, end)

    monkeypatch.setattr(FrameTable, "_fill_piece", spy)
    return found


def stop_while(pieces: list[int], count: int) -> Callable[[Run], StopWhile]:
    """What the door takes."""
    return lambda _: StopWhile(pieces, count)


def test_a_run_that_is_stopped_while_frames_are_read_goes_on_there(
    films: Path, clip_start: Path, own_cache: Path, tmp_path: Path, pieces: list[int]
) -> None:
    first = learn(films, clip_start, tmp_path / "cut", epochs=1, make_control=stop_while(pieces, 2))
    phases = [
        (event.done, event.total)
        for event in first
        if isinstance(event, PhaseChanged) and event.phase == "reading frames"
    ]
    assert phases == [(0, 192), (0, 192), (32, 192), (64, 192)]
    assert first[-1] == RunFinished("stopped", 0, 0)
    assert not [event for event in first if isinstance(event, RetrievalMeasured)]
    second: list[Event] = []
    api.resume(tmp_path / "cut", emit=second.append)
    assert pieces == [0, 32, 64, 96, 128, 160]
    # The look before the first step comes now.
    readings = [event.step for event in second if isinstance(event, RetrievalMeasured)]
    assert readings[0] == 0
    learn(films, clip_start, tmp_path / "whole", epochs=1)
    assert_identical(tmp_path / "whole", tmp_path / "cut")
    assert len(pieces) == 6


def test_a_trial_reads_no_tables_and_pushes_none_out(
    films: Path, clip_start: Path, own_cache: Path, pieces: list[int]
) -> None:
    own_cache.mkdir(parents=True)
    others = [own_cache / f"{number}{table.ENDING}" for number in range(table.MOST_FILES)]
    for other in others:
        other.touch()
    _, speed = DrySteps.prepare(clip_config(films, clip_start), lambda *_: None).settle(0.0)
    assert speed > 0
    assert not pieces
    assert sorted(own_cache.iterdir()) == others


def test_a_table_without_any_room_is_a_sentence(
    films: Path, clip_start: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MARGIN_BYTES", 1 << 60)
    monkeypatch.setattr(table, "MOST_OF_MEMORY", 0.0)
    with pytest.raises(OutOfMemoryError, match="the disk of the cache has no room"):
        learn(films, clip_start, tmp_path / "run", epochs=1)


# Blocks that learn along


@pytest.fixture(scope="module")
def along(films: Path, clip_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of clips that trains the last of two blocks along."""
    out = tmp_path_factory.mktemp("along") / "run"
    learn(films, clip_start, out, epochs=1, trained_blocks=1)
    return out


def test_the_last_blocks_learn_along_and_the_others_keep_their_bits(
    along: Path, clip_start: Path
) -> None:
    start, last = weights(clip_start), weights(along)
    moved = {
        name.removeprefix(BACKBONE)
        for name in last
        if name.startswith(BACKBONE) and not torch.equal(last[name], start[name])
    }
    assert moved
    assert all(name.startswith("blocks.1.") for name in moved)
    # What indexes and embeddings are read by.
    read = ClipReader(open_run(along)).method.backbone("student").state_dict()
    assert all(torch.equal(value, last[BACKBONE + name]) for name, value in read.items())


def test_what_is_kept_and_gone_on_from_gives_the_features_of_the_whole_network(
    along: Path,
) -> None:
    reader = ClipReader(open_run(along)).method.reader
    assert reader.trained_blocks == 1
    squares = np.random.default_rng(0).integers(0, 256, (70, 24, 24, 3), dtype=np.uint8)
    aspect = torch.linspace(0.5, 2, 70)
    rows = reader.rows(squares, aspect).half().numpy()
    assert rows.shape == (70, 17, 32)
    whole = reader.features(squares, aspect)
    assert (reader.features_of(rows) - whole).abs().max() < 1e-2
    plain = FrameReader(reader.backbone, reader.side)
    assert torch.equal(plain.rows(squares, aspect), whole)


def test_blocks_that_learn_along_resume_with_the_same_bits(
    along: Path, films: Path, clip_start: Path, tmp_path: Path
) -> None:
    learn(films, clip_start, tmp_path / "cut", epochs=1, trained_blocks=1, make_control=stop_at(5))
    events: list[Event] = []
    api.resume(tmp_path / "cut", emit=events.append)
    # The table is known by the blocks that never learn.
    assert not [e for e in events if isinstance(e, PhaseChanged) and e.phase == "reading frames"]
    assert [e for e in events if isinstance(e, StepReported)]
    assert_identical(along, tmp_path / "cut")


@pytest.mark.long
def test_a_program_of_torch_export_holds_the_blocks_that_learnt(
    along: Path, tmp_path: Path
) -> None:
    # It is compared with the run's own networks in a clean process.
    done = api.export(along, format="pt2", out=tmp_path / "clips.pt2")
    assert done.head == "clips"
    assert done.difference is not None
    assert done.difference < 1e-4
    assert read_extra(tmp_path / "clips.pt2")["about.json"]


def test_blocks_that_cannot_learn_along_are_sentences(films: Path, clip_start: Path) -> None:
    with pytest.raises(ConfigError, match="3 blocks are to learn, and the network has 2"):
        api.dry_run(clip_config(films, clip_start, trained_blocks=3), on_progress=lambda *_: None)
