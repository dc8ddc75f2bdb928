"""SVRTN: vectors that order does not change, edits that keep their laws, runs like any other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.config.course import Course
from sit_engine.errors import DataError
from sit_engine.jobs.networks import load_method
from sit_engine.methods.clips import temporal
from sit_engine.methods.clips.encoder import ClipEncoder
from sit_engine.methods.clips.spatial import SpatialEdit, apply_edit, draw_edit
from sit_engine.methods.clips.table import draw_edits
from sit_engine.methods.clips.vectors import clips_of, vectors_of
from sit_engine.methods.svrtn.method import Svrtn
from sit_engine.records.events import (
    Event,
    HealthMeasured,
    PreviewWritten,
    RetrievalMeasured,
    StepReported,
)
from sit_engine.records.run_folder import open_run
from sit_engine.watching.health import judge
from sit_engine.watching.retrieval import _judged
from tests.clip_runs import learn
from tests.data.conftest import picture
from tests.tiny import tiny_config
from tests.training.test_resume import assert_identical, stop_at


def encoder(feature: int = 12) -> ClipEncoder:
    """One that has learnt something, so that all of its parts count."""
    torch.manual_seed(0)
    made = ClipEncoder(feature, 32, 2, 4)
    torch.nn.init.normal_(made.add.weight, std=0.2)
    made.measure(torch.randn(50, feature))
    return made.eval()


def test_the_order_of_frames_changes_nothing() -> None:
    clips, frames = encoder().requires_grad_(False), torch.randn(5, 8, 12)
    there = torch.ones(5, 8, dtype=torch.bool)
    vector = clips(frames, there)
    assert torch.allclose(vector.norm(dim=1), torch.ones(5))
    other = clips(frames[:, torch.randperm(8)], there)
    assert float((vector - other).abs().max()) < 1e-5
    # That is no property of a network that says the same of all, or only pools.
    assert float((vector - clips(frames.roll(1, 0), there)).abs().max()) > 1e-2
    pooled = torch.nn.functional.normalize(clips.projected(frames).mean(1), dim=-1)
    assert float((vector - pooled).abs().max()) > 1e-2


def test_what_is_not_there_may_hold_anything() -> None:
    clips, frames = encoder(), torch.randn(2, 8, 12)
    there = torch.ones(2, 8, dtype=torch.bool)
    there[:, 5:] = False
    vector = clips(frames, there)
    frames[:, 5:] = float("nan")
    assert torch.equal(vector, clips(frames, there))
    assert torch.allclose(vector, clips(frames[:, :5], there[:, :5]), atol=1e-6)


def test_clips_follow_each_other_and_an_index_takes_a_frame_index_over_the_length() -> None:
    assert clips_of(20, 8) == [(0, 8), (8, 16), (16, 20)]
    assert clips_of(3, 8) == [(0, 3)]
    assert clips_of(16, 8, 2) == [(0, 8), (2, 10), (4, 12), (6, 14), (8, 16)]
    frames = torch.randn(32, 12)
    vectors = vectors_of(encoder(), frames, 8)
    singles = encoder().frames(frames[None])[0]
    assert 8 * vectors.half().numpy().nbytes == singles.detach().half().numpy().nbytes


WINDOW = list(range(100, 116))


def edited(kind: temporal.Edit, seed: int = 0) -> list[int]:
    """Of a window of two clips of eight."""
    return temporal.edit(kind, WINDOW, 8, range(500, 520), np.random.default_rng(seed))


def is_rising(frames: Sequence[int]) -> bool:
    """Whether each is the one after the one before."""
    return all(two == one + 1 for one, two in itertools.pairwise(frames))


def test_temporal_edits_keep_their_laws() -> None:
    clip = WINDOW[:8]
    assert edited("none") == clip
    assert edited("fast") == WINDOW[::2]
    assert edited("slow") == [100, 100, 101, 101, 102, 102, 103, 103]
    assert edited("reverse") == clip[::-1]
    for seed in range(30):
        pause = edited("pause", seed)
        repeated = [one for one, two in itertools.pairwise(pause) if one == two]
        assert len(set(repeated)) <= 1
        assert len(repeated) <= 2
        assert is_rising(sorted(set(pause)))
        cut = edited("cut", seed)
        assert is_rising(cut)
        assert 4 <= len(cut) <= 8
        assert set(cut) <= set(clip)
        insert = edited("insert", seed)
        assert is_rising([frame for frame in insert if frame < 500])
        foreign = [frame for frame in insert if frame >= 500]
        assert is_rising(foreign)
        assert len(insert) == 8
    assert any(frame >= 500 for seed in range(5) for frame in edited("insert", seed))


def test_shuffled_segments_keep_their_inner_order_and_are_dropped_by_halves() -> None:
    kept = black = noise = moved = 0
    for seed in range(2000):
        found = temporal.shuffled(range(32), np.random.default_rng(seed))
        frames = [frame for frame in found if frame >= 0]
        assert len(set(frames)) == len(frames)
        steps = [two - one for one, two in itertools.pairwise(frames)]
        # Of 32 frames no segment is shorter than 4: at most 7 borders.
        assert sum(step != 1 for step in steps) <= 7
        moved += any(step < 0 for step in steps)
        kept += len(frames)
        black += found.count(temporal.BLACK)
        noise += found.count(temporal.NOISE)
    total = 2000 * 32
    assert kept / total == pytest.approx(0.7, abs=0.02)
    assert black / total == pytest.approx(0.075, abs=0.01)
    assert noise / total == pytest.approx(0.075, abs=0.01)
    assert 0.25 < moved / 2000 < 0.4


@pytest.mark.parametrize("length", [1, 2, 3, 8])
def test_every_edit_leaves_a_frame_of_the_shortest_video(length: int) -> None:
    for kind in temporal.EDITS:
        for seed in range(20):
            rng = np.random.default_rng(seed)
            found = temporal.edit(kind, range(length), 8, (), rng)
            assert 1 <= len(found) <= 8, kind


def test_spatial_edits_do_what_they_say() -> None:
    square = picture(64, 64)
    rng = np.random.default_rng(0)
    assert np.array_equal(apply_edit(square, SpatialEdit(), rng), square)
    flipped = apply_edit(square, SpatialEdit(is_flipped=True), rng)
    assert np.array_equal(flipped, square[:, ::-1])
    barred = apply_edit(square, SpatialEdit(bars=0.125), rng)
    assert barred[:8].max() == 0
    assert barred[-8:].max() == 0
    assert barred[8:-8].mean() > 50
    for one in (
        SpatialEdit(box=(0.2, 0.2, 0.8, 0.8)), SpatialEdit(text="Part 2/3"), SpatialEdit(blur=0.02),
        SpatialEdit(logo=(255, 0, 0)), SpatialEdit(noise=8), SpatialEdit(quality=20),
        SpatialEdit(shrink=0.4), SpatialEdit(colour=(1.3, 0.8, 1.2)),
    ):  # fmt: skip
        changed = apply_edit(square, one, rng)
        assert changed.shape == square.shape
        assert not np.array_equal(changed, square), one
    drawn = draw_edit(np.random.default_rng(5))
    first, second = (apply_edit(square, drawn, np.random.default_rng(1)) for _ in "12")
    assert np.array_equal(first, second)
    # All frames of a video are edited alike, copy by copy.
    assert draw_edits(0, 3, 2) == draw_edits(0, 3, 2)
    assert len({repr(edit) for item in (3, 4) for edit in draw_edits(0, item, 2)}) == 4


def test_a_run_learns_to_find_copies_and_says_so(clip_run: tuple[Path, list[Event]]) -> None:
    reports = [event for event in clip_run[1] if isinstance(event, StepReported)]
    assert set(reports[0].terms) == {"clip", "frame", "missing", "hardest"}
    assert reports[-1].terms["clip"] < reports[0].terms["clip"]
    readings = [event for event in clip_run[1] if isinstance(event, RetrievalMeasured)]
    assert readings[0].step == 0
    first, last = readings[0], readings[-1]
    assert (first.videos, first.queries) == (4, 12)
    # At first clips are pooled by their mean.
    assert first.precision == pytest.approx(first.pooled, abs=0.2)
    assert all(0 < value <= 1 for value in (last.precision, last.pooled, last.raw))
    # Both baselines are measured once, over the same copies, each with an interval.
    assert (last.pooled, last.pooled_interval) == (first.pooled, first.pooled_interval)
    assert 0 < last.pooled_interval < 0.5
    assert 0 <= last.raw_interval < 0.5
    (*_, health) = (event for event in clip_run[1] if isinstance(event, HealthMeasured))
    # It has an interval of its own, so that no number of steps is asked for.
    assert health.code in ("health.finds", "health.finds_no_better", "health.finds_less")
    previews = [event.path for event in clip_run[1] if isinstance(event, PreviewWritten)]
    wall = np.load(clip_run[0] / previews[-1] / "retrieval.npz")
    assert wall["pictures"].shape == (4, 6, 112, 112, 3)
    # Its original is shown, unless its rank says that it comes later.
    assert ((wall["rank"] > 5) | wall["is_own"].any(1)).all()
    assert (np.diff(wall["scores"], axis=1) <= 1e-6).all()
    split = open_run(clip_run[0]).split()
    assert len(split["watch"]) == 4 * 16
    assert len(split["train"]) == 12 * 16


def test_the_network_that_reads_frames_stays_as_it_was(
    clip_run: tuple[Path, list[Event]], clip_start: Path
) -> None:
    method, _ = load_method(open_run(clip_run[0]))
    before, _ = load_method(open_run(clip_start))
    own = before.backbone(open_run(clip_start).config().method.features).state_dict()
    for name, value in method.backbone("student").state_dict().items():
        assert torch.equal(value, own[name]), name


def test_a_clip_without_a_quarter_of_its_frames_stays_nearer_than_pooled_ones(
    clip_run: tuple[Path, list[Event]],
) -> None:
    method, _ = load_method(open_run(clip_run[0]))
    assert isinstance(method, Svrtn)
    torch.manual_seed(0)
    # Frames of one scene, and frames that are all different: those a clip loses something with.
    feature = method.clips.mean + torch.randn(200, 8, len(method.clips.mean)) / method.clips.scale
    there = torch.ones(200, 8, dtype=torch.bool)
    fewer = there.clone()
    fewer[:, 6:] = False
    with torch.no_grad():
        whole, less = method.clips(feature, there), method.clips(feature, fewer)
        centred = feature - method.clips.mean
        pooled = torch.nn.functional.cosine_similarity(centred.mean(1), centred[:, :6].mean(1))
    assert float((whole * less).sum(1).mean()) > float(pooled.mean())


def test_a_stopped_run_goes_on_to_the_same_bits(
    films: Path, clip_start: Path, tmp_path: Path
) -> None:
    learn(films, clip_start, tmp_path / "whole", epochs=1)
    learn(films, clip_start, tmp_path / "cut", epochs=1, make_control=stop_at(5))
    api.resume(tmp_path / "cut", emit=lambda _: None)
    assert_identical(tmp_path / "whole", tmp_path / "cut")


def test_the_features_of_frames_are_read_once(
    films: Path, clip_start: Path, tmp_path: Path, clip_run: tuple[Path, list[Event]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    read: list[int] = []

    def spy(*_: object) -> None:
        read.append(1)

    monkeypatch.setattr("sit_engine.methods.clips.table.FrameTable._fill", spy)
    # Memory and speed are known too: what is left to read is nothing.
    learn(films, clip_start, tmp_path / "again", epochs=1)
    assert not read


@pytest.mark.parametrize(
    ("precision", "code"),
    [(0.9, "health.finds"), (0.55, "health.finds_no_better"), (0.3, "health.finds_less")],
)
def test_a_run_is_told_by_what_its_copies_find(precision: float, code: str) -> None:
    found = RetrievalMeasured(10, precision, 0.1, pooled=0.5, raw=0.6, queries=12, videos=4)
    course = Course(total_steps=20, steps_per_epoch=2, train_images=40)
    verdict = _judged(found, judge([], None, course, 10))
    assert verdict.code == code
    assert f"{precision:.0%}" in verdict.sentence


def test_a_folder_of_images_is_refused(few: Path, clip_start: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 at the least; there are 0"):
        learn(few, clip_start, tmp_path / "run")


def test_it_asks_for_a_start(films: Path, tmp_path: Path) -> None:
    config = tiny_config(films, method={"name": "svrtn"}, optim={"batch_size": 16})
    with pytest.raises(Exception, match="start"):
        api.pretrain(config, tmp_path / "run", emit=lambda _: None)
