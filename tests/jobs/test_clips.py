"""Indexes of videos: they grow, go on, notice what changed; searches say which video and where."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.data.folder.index import ImageIndex
from sit_engine.errors import CancelledError, DataError, RunError, SitError
from sit_engine.jobs import index_videos as indexing
from sit_engine.jobs.clip_features import ClipReader
from sit_engine.records.clips.clip_index import ClipIndex
from sit_engine.records.events import Event
from tests.videos import scenes, write_video

Run = tuple[Path, list[Event]]
LONG_S, RATE = 40, 4


@pytest.fixture(scope="module")
def long_frames() -> list[np.ndarray]:
    """Forty seconds of scenes of two seconds each."""
    return scenes(500, LONG_S * RATE)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, long_frames: list[np.ndarray]) -> Path:
    """A long film, and eleven others of six seconds."""
    folder = tmp_path_factory.mktemp("shelf") / "videos"
    write_video(folder / "long.mp4", long_frames)
    for seed in range(11):
        write_video(folder / f"other-{seed:02d}.mp4", scenes(600 + seed, 6 * RATE))
    return folder


@pytest.fixture(scope="module")
def index(clip_run: Run, shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the shelf."""
    out = tmp_path_factory.mktemp("index") / "index"
    api.index_videos(clip_run[0], [str(shelf)], out)
    return out


def test_an_index_is_read_without_us(index: Path, shelf: Path) -> None:
    about = json.loads((index / "index.json").read_text("ascii"))
    vectors, times = np.load(index / "vectors.npy"), np.load(index / "times.npy")
    assert [Path(video["path"]).name for video in about["videos"]][:2] == [
        "long.mp4",
        "other-00.mp4",
    ]
    assert vectors.dtype == np.float16
    # 160 frames and 11 × 24, eight a clip.
    assert vectors.shape == (20 + 11 * 3, 32)
    # One of all frames would take as many times the room as a clip has frames.
    assert 8 * vectors.nbytes == (LONG_S * RATE + 11 * 6 * RATE) * 32 * vectors.itemsize
    assert np.allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=2e-3)
    assert times[:2].tolist() == [[0, 2], [2, 4]]
    assert times[19].tolist() == [38, 40]
    first = about["videos"][1]
    assert (first["first"], first["clips"], first["seconds"]) == (20, 3, 6.0)
    assert 0 < about["threshold"] <= 0.98


def test_a_cut_of_five_seconds_is_found_and_located_within_a_second(
    index: Path, long_frames: list[np.ndarray], tmp_path: Path
) -> None:
    cut = write_video(tmp_path / "cut.mkv", long_frames[13 * RATE : 18 * RATE], codec="libx264")
    found = api.find_clips(index, [str(cut)], count=3)
    best = found.hits[0]
    assert Path(best.path).name == "long.mp4"
    assert best.stretch is not None
    start, end, first, last = best.stretch
    assert abs(start - 0) <= 1
    assert abs(end - 5) <= 1
    assert abs(first - 13) <= 1
    assert abs(last - 18) <= 1
    assert not best.is_reversed
    assert len(found.hits) == 3
    assert found.hits[0].score >= found.hits[1].score
    assert "exact" in found.how


def test_a_long_query_is_located_by_its_clips(
    index: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sit_engine.jobs.find_clips.MOST_CELLS", 10)
    best = api.find_clips(index, [str(shelf / "long.mp4")], count=1).hits[0]
    assert best.stretch == (0, 40, 0, 40)


def test_a_video_that_is_gone_is_found_and_located_by_its_clips(
    clip_run: Run, tmp_path: Path, long_frames: list[np.ndarray]
) -> None:
    folder = tmp_path / "videos"
    write_video(folder / "long.mp4", long_frames)
    write_video(folder / "other.mp4", scenes(3, 24))
    api.index_videos(clip_run[0], [str(folder)], tmp_path / "index")
    (folder / "long.mp4").rename(tmp_path / "moved.mp4")
    cut = write_video(tmp_path / "cut.mp4", long_frames[64:96])
    best = api.find_clips(tmp_path / "index", [str(cut)], count=1).hits[0]
    assert Path(best.path).name == "long.mp4"
    assert best.stretch == (0, 8, 16, 24)


def test_a_cut_that_runs_backwards_is_found_as_such(
    index: Path, long_frames: list[np.ndarray], tmp_path: Path
) -> None:
    cut = write_video(tmp_path / "back.mp4", long_frames[20 * RATE : 28 * RATE][::-1])
    best = api.find_clips(index, [str(cut)], count=1).hits[0]
    assert Path(best.path).name == "long.mp4"
    assert best.is_reversed
    assert best.stretch is not None
    assert best.stretch[2:] == pytest.approx((20, 28), abs=1)


def test_an_image_is_found_in_its_video(
    index: Path, long_frames: list[np.ndarray], tmp_path: Path
) -> None:
    Image.fromarray(long_frames[100]).save(tmp_path / "still.png")
    hits = api.find_clips(index, [str(tmp_path / "still.png")], count=4).hits
    # The network of a test tells scenes apart only so well.
    (best,) = (hit for hit in hits if Path(hit.path).name == "long.mp4")
    assert best.stretch is not None
    assert abs(best.stretch[2] - 25) <= 2


def read_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the videos that are read from now on."""
    names: list[str] = []
    read = ClipReader.read

    def spy(reader: ClipReader, some: ImageIndex, *more: object) -> object:
        names.extend(dict.fromkeys(Path(some.file(i)).name for i in range(len(some))))
        return read(reader, some, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(ClipReader, "read", spy)
    return names


def test_an_index_grows_and_what_changed_is_read_again(
    clip_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "videos", tmp_path / "index"
    for seed in range(3):
        write_video(folder / f"{seed}.mp4", scenes(seed, 8))
    names = read_by(monkeypatch)
    first, _ = api.index_videos(clip_run[0], [str(folder)], out)
    assert names == ["0.mp4", "1.mp4", "2.mp4"]
    names.clear()
    write_video(folder / "new.mp4", scenes(9, 8))
    (folder / "0.mp4").unlink()
    # Another video of the same name and size, and one that was only touched.
    changed, other = folder / "1.mp4", write_video(tmp_path / "x.mp4", scenes(77, 8)).read_bytes()
    size = changed.stat().st_size
    changed.write_bytes((other + bytes(size))[:size] if len(other) <= size else other)
    os.utime(changed, ns=(5, 5))
    os.utime(folder / "2.mp4", ns=(5, 5))
    second, _ = api.index_videos(clip_run[0], [str(folder)], out)
    assert names == ["1.mp4", "new.mp4"]
    assert [Path(video.path).name for video in second.videos] == ["1.mp4", "2.mp4", "new.mp4"]
    assert np.array_equal(second.vectors[second.rows(1)], first.vectors[first.rows(2)])
    assert not np.array_equal(second.vectors[second.rows(0)], first.vectors[first.rows(1)])
    names.clear()
    api.index_videos(clip_run[0], [str(folder)], out)
    assert names == []


def test_an_interrupted_index_goes_on(
    clip_run: Run, shelf: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "FRAMES_AT_ONCE", 1)
    monkeypatch.setattr(indexing, "BETWEEN_SAVES_S", -1.0)
    monkeypatch.setattr(indexing, "_LONGER", 0.0)
    names, out = read_by(monkeypatch), tmp_path / "index"
    with pytest.raises(CancelledError):
        api.index_videos(clip_run[0], [str(shelf)], out, cancel=lambda: len(names) >= 4)
    assert len(ClipIndex.open(out).videos) == 4
    names.clear()
    api.index_videos(clip_run[0], [str(shelf)], out)
    assert len(names) == 8
    whole, again = ClipIndex.open(index), ClipIndex.open(out)
    assert [video.path for video in whole.videos] == [video.path for video in again.videos]
    assert np.abs(whole.vectors.astype(np.float32) - again.vectors.astype(np.float32)).max() < 1e-2
    assert np.array_equal(whole.times, again.times)


def test_near_duplicates_are_groups_above_a_threshold_of_the_folder(
    clip_run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    for seed in range(12):
        write_video(folder / f"{seed:02d}.mp4", scenes(300 + seed, 24))
    write_video(folder / "copy-of-03.mkv", scenes(303, 24), codec="libx264")
    api.index_videos(clip_run[0], [str(folder)], tmp_path / "index")
    before = sorted(path.stat() for path in folder.iterdir())
    found = api.find_duplicates(tmp_path / "index")
    groups = [[Path(path).name for path in group.paths] for group in found.groups]
    assert ["03.mp4", "copy-of-03.mkv"] in groups
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert {row["group"] for row in rows} == {str(n + 1) for n in range(len(groups))}
    assert len(api.find_duplicates(tmp_path / "index", above=-1).groups[0].paths) == 13
    assert sorted(path.stat() for path in folder.iterdir()) == before


def test_the_verbs_write_tables_and_a_page(
    clip_run: Run, index: Path, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query, page, table = shelf / "other-03.mp4", tmp_path / "found.html", tmp_path / "found.csv"
    words = ["find", str(index), str(query), "--html", str(page), "--csv", str(table)]
    assert main([*words, "--count", "2"]) == 0
    out = capsys.readouterr().out
    assert "other-03.mp4" in out.splitlines()[1]
    assert page.read_text("utf-8").count("data:image/jpeg") == 12
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert rows[0]["video"] == str(query)
    assert float(rows[0]["end"]) == pytest.approx(6, abs=0.5)
    words = ["find", str(index), "--duplicates", "--above", "-0.9", "--html", str(page), "--json"]
    assert main(words) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert len(group["paths"]) == 12
    assert page.read_text("utf-8").count("data:image/jpeg") == 12 * 6
    assert main(["find", str(index)]) != 0
    assert "--duplicates" in capsys.readouterr().err
    words = ["index", str(clip_run[0]), str(shelf), "--out", str(tmp_path / "again"), "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["clips"] == 53


def test_bad_places_and_queries_are_sentences(
    clip_run: Run, index: Path, shelf: Path, clip_start: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("none")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    cases: list[tuple[type[SitError], str, object]] = [
        (DataError, "text.mp4", lambda: api.find_clips(index, [str(tmp_path / "text.mp4")])),
        (DataError, "gone.mp4", lambda: api.find_clips(index, [str(tmp_path / "gone.mp4")])),
        (RunError, "no index", lambda: api.find_clips(tmp_path, ["x"])),
        (SitError, "clips", lambda: api.index_videos(clip_start, [str(shelf)], tmp_path / "i")),
        (DataError, "no usable video",
         lambda: api.index_videos(clip_run[0], [str(tmp_path / "empty")], tmp_path / "i")),
        (RunError, "inside",
         lambda: api.index_videos(clip_run[0], [str(shelf)], shelf / "i")),
        (RunError, "exists already",
         lambda: api.index_videos(clip_run[0], [str(shelf)], tmp_path / "full")),
    ]  # fmt: skip
    for kind, words, call in cases:
        with pytest.raises(kind, match=words):
            call()  # type: ignore[operator]


def test_a_damaged_index_is_a_sentence(index: Path, tmp_path: Path) -> None:
    whole = ClipIndex.open(index)
    whole.save(tmp_path / "copy")
    (tmp_path / "copy" / "index.json").write_text("{}")
    with pytest.raises(SitError, match=r"index\.json"):
        ClipIndex.open(tmp_path / "copy")
    whole.save(tmp_path / "copy")
    np.save(tmp_path / "copy" / "times.npy", whole.times[:3])
    with pytest.raises(SitError):
        ClipIndex.open(tmp_path / "copy")


def test_an_index_is_measured_by_judgements(
    index: Path, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "judged.json"
    # What ranks first after the query itself is asked of the index, so that the answers are known.
    hits = api.find_clips(index, [str(shelf / "other-00.mp4")], count=12).hits
    named = [Path(hit.path).stem for hit in hits if "other-00" not in hit.path]
    about = {"ND": [named[0]], "CS": [named[2]], "IS": ["not-there"]}
    file.write_text(json.dumps({"other-00": about, "nobody": {"ND": ["long"]}}))
    found = api.evaluate_index(index, file)
    assert found.tasks["DSVR"].queries == 1
    assert set(found.unknown) == {"not-there", "nobody"}
    assert found.segments is None
    whole = {"query": "other-01.mp4", "video": "other-01", "stretches": [[0, 6, 0, 6]]}
    file.write_text(json.dumps({"segments": [whole]}))
    assert main(["evaluate", str(index), "--relevance", str(file), "--json"]) == 0
    segments = json.loads(capsys.readouterr().out)["segments"]
    assert segments["pairs"] == 1
    assert segments["precision"] > 0.9
    assert segments["recall"] > 0.9
    for text in ("{}", '{"other-00": {"XX": []}}', '{"relevance": 3}'):
        file.write_text(text)
        with pytest.raises(DataError, match="judgements"):
            api.evaluate_index(index, file)
    file.write_text(json.dumps({"nobody": {"ND": ["long"]}}))
    with pytest.raises(DataError, match="No query"):
        api.evaluate_index(index, file)
