"""A saved index says what the index said, and a hundred thousand images open at once."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile

from sit_engine.counted import Sentence
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.index import ImageIndex, Problem
from sit_engine.data.folder.saved_index import SavedIndex, save_index
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import FileError
from sit_engine.records.packed_texts import Lines, write_lines
from tests.videos import numbered, write_video


def test_lines_survive_whatever_they_hold(tmp_path: Path) -> None:
    texts = ["plain", "", "two\nlines", "\udcff\udc80 no UTF-8", "日本 \U0001f600", '"quoted"\\']
    write_lines(tmp_path / "lines", texts)
    lines = Lines(tmp_path / "lines")
    assert list(lines) == texts
    assert lines[-1] == texts[-1]
    assert lines[1:3] == texts[1:3]
    with pytest.raises(IndexError):
        lines[6]
    write_lines(tmp_path / "none", [])
    assert list(Lines(tmp_path / "none")) == []


def test_a_saved_index_says_the_same(photos: Path, cache: PixelCache, tmp_path: Path) -> None:
    (photos / "cats" / "same.png").write_bytes((photos / "dogs" / "0.png").read_bytes())
    (photos / "cats" / "broken.png").write_bytes(b"")
    index, _ = cache.fill(scan([photos]), side=8)
    summary = save_index(index, tmp_path / "at", leaks=[("a", "cats/0.png")], stage="decoded")
    saved = SavedIndex.open(tmp_path / "at")
    assert saved.summary == summary
    assert (saved.roots, saved.classes) == (index.roots, index.classes)
    assert list(saved.paths) == index.paths
    assert saved.labels.tolist() == index.labels.tolist()
    assert saved.sizes.tolist() == index.sizes.tolist()
    assert [saved.path(i) for i in range(len(saved))] == [index.path(i) for i in range(len(index))]
    assert saved.name(3) == index.name(3)
    assert saved.problem(0) == index.problems[0]
    assert saved.duplicate_group(0) == ["cats/same.png", "dogs/0.png"]
    assert saved.leak(0) == ("a", "cats/0.png")
    assert saved.facts() == facts_of(index)
    assert (summary["stage"], summary["problems"], summary["duplicates"]) == ("decoded", 1, 1)
    assert (summary["usable"], summary["leaks"], summary["median_side_px"]) == (7, 1, 30)
    assert summary["classes"] == {"cats": 4, "dogs": 3}


def test_a_saved_index_says_where_each_video_begins(photos: Path, tmp_path: Path) -> None:
    write_video(photos / "cats" / "5.mp4", numbered(12))
    index = scan([photos])
    save_index(index, tmp_path / "at", stage="listed")
    saved = SavedIndex.open(tmp_path / "at")
    first = index.paths.index("cats/5.mp4#t=0")
    assert saved.items[first].tolist() == [first, 0]
    assert saved.items[first + 1].tolist() == [first + 3, -1]
    assert len(saved.items) == len(saved) - 2
    # A file takes what it takes, however many of its frames are used.
    taken = sum(path.stat().st_size for path in photos.rglob("*") if path.is_file())
    assert saved.summary["bytes"] == taken
    items = saved.items.copy()
    for odd in (items[:, :1], items[::-1], items + 1, items * np.array([1, 9]) + np.array([0, 1])):
        np.save(tmp_path / "at" / "items.npy", odd)
        with pytest.raises(FileError):
            SavedIndex.open(tmp_path / "at")


def test_a_problem_keeps_what_its_reason_is_made_of(photos: Path, tmp_path: Path) -> None:
    tifffile.imwrite(photos / "deep.tif", np.zeros((8, 8, 5), np.uint8), planarconfig="contig")
    (photos / "empty.png").write_bytes(b"")
    index = scan([photos])
    place = tmp_path / "at"
    save_index(index, place, stage="listed")
    reason = SavedIndex.open(place).problem(0).reason
    assert isinstance(reason, Sentence)
    assert reason.values == {"channels": "5"}
    assert reason == index.problems[0].reason
    # As it was written before: three texts a line, and remarks without templates.
    texts = [(one.path, str(one.reason), one.code) for one in index.problems]
    write_lines(place / "problems", (json.dumps(row) for row in texts))
    saved = SavedIndex.open(place)
    found = [saved.problem(i) for i in range(2)]
    assert [(one.path, one.reason, one.code) for one in found] == texts
    assert {type(one.reason) for one in found} == {str}


def test_an_older_index_is_replaced_while_it_is_open(photos: Path, tmp_path: Path) -> None:
    index = scan([photos])
    save_index(index, tmp_path / "at", stage="listed")
    old = SavedIndex.open(tmp_path / "at")
    (photos / "cats" / "0.png").unlink()
    save_index(scan([photos]), tmp_path / "at", stage="listed")
    assert list(old.paths) == index.paths
    assert len(SavedIndex.open(tmp_path / "at")) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at", "photos"]


def test_a_folder_without_images_can_be_saved(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save_index(scan([tmp_path / "empty"]), tmp_path / "at", stage="listed")
    saved = SavedIndex.open(tmp_path / "at")
    assert (len(saved), saved.sizes.shape, saved.facts().images) == (0, (0, 2), 0)


def test_a_hundred_thousand_images_open_in_milliseconds(tmp_path: Path) -> None:
    many = 100_000
    index = ImageIndex(
        roots=("/photos",),
        paths=[f"class {i % 100}/a rather long file name {i}.jpg" for i in range(many)],
        root_of=np.zeros(many, dtype=np.int32),
        sizes=np.full((many, 2), 100, dtype=np.int32),
        bytes=np.ones(many, dtype=np.int64),
        mtime_ns=np.ones(many, dtype=np.int64),
        labels=np.arange(many, dtype=np.int32) % 100,
        classes=tuple(f"class {i}" for i in range(100)),
        deep=np.zeros(many, dtype=np.bool_),
        channels=np.full(many, 3, dtype=np.uint8),
        files=2 * many,
        problems=tuple(Problem(f"b/{i}.txt", "is empty", "data.empty") for i in range(many)),
    )
    save_index(index, tmp_path / "at", stage="listed")
    tracemalloc.start()
    saved = SavedIndex.open(tmp_path / "at")
    last = saved.path(many - 1), saved.problem(many - 1).path
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert last == (f"/photos/{index.paths[-1]}", f"b/{many - 1}.txt")
    # Mapped, not read: nothing is kept for each of the images.
    assert most_bytes < 5 * many


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("summary.json", b'{"summary": {}, "roots": [1], "classes": []}'),
        ("summary.json", b"[" * 5000),
        ("labels.npy", b"\x93NUMPY\x01\x00\xff\xff{"),
        ("labels.npy", b""),
        ("labels.npy", None),
        ("root_of.npy", "other length"),
        ("paths", b'"a"\n'),
        ("paths.offsets.npy", b""),
        ("paths.offsets.npy", "other length"),
    ],
)
def test_a_damaged_index_is_a_sentence(
    photos: Path, tmp_path: Path, name: str, contents: bytes | str | None
) -> None:
    save_index(scan([photos]), tmp_path / "at", stage="listed")
    file = tmp_path / "at" / name
    file.unlink()
    if isinstance(contents, bytes):
        file.write_bytes(contents)
    elif contents is None and hasattr(os, "mkfifo"):
        os.mkfifo(file)
    else:
        np.save(file, np.zeros(3, np.int64 if "offsets" in name else np.int32))
    with pytest.raises(FileError):
        SavedIndex.open(tmp_path / "at")


def test_a_damaged_line_of_an_index_is_a_sentence(photos: Path, tmp_path: Path) -> None:
    (photos / "cats" / "broken.png").write_bytes(b"")
    save_index(scan([photos]), tmp_path / "at", leaks=[("a", "b")], stage="listed")
    for name in ("problems", "leaks", "paths"):
        file = tmp_path / "at" / name
        file.write_bytes(file.read_bytes().replace(b'"', b"7", 1))
    found = SavedIndex.open(tmp_path / "at")
    for ask in (found.problem, found.leak, found.path):
        with pytest.raises(FileError):
            ask(0)
