"""The folder of embedded images: what is written is read back, and nothing foreign is lost."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sit_engine.errors import DataError, DiskError, RunError
from sit_engine.paths import unescape_name
from sit_engine.records.embedding import FEATURES, Columns, Embedded, save, save_map, writing

NAMES = ["/images/cat/1.png", '/images/a,\n"b"\\\udcff/2.png', "/images/3.png", "/images/dog/4.png"]


def about(points: int) -> dict[str, Any]:
    """What embed writes."""
    return {
        "run": "/runs/\udcff", "step": 7, "network": "student", "classes": ["cat", "dog,\udcff"],
        "sub_folders": ["a", "cat", "dog"], "folders": ["/images"], "points": points,
        "splits": ["train", "validation", "other"],
    }  # fmt: skip


def write(folder: Path, features: np.ndarray) -> None:
    """Four images, or as many as there are features."""
    count = len(features)
    columns = Columns(
        labels=np.array([0, -1, -1, 1], dtype=np.int32)[:count],
        folder=np.array([1, 0, -1, 2], dtype=np.int32)[:count],
        split=np.array([0, 1, 2, 0], dtype=np.int8)[:count],
        prediction=np.array([1, 0, 0, -1], dtype=np.int32)[:count],
        mtime_ns=np.arange(count, dtype=np.int64),
    )
    with writing(folder) as aside:
        np.save(aside / FEATURES, features)
        save_map(aside, "pca", features[:, :2])
        pairs = [(NAMES[0], NAMES[1], 0.99)]
        save(aside, about(count), NAMES[:count], columns, pairs)


@pytest.fixture
def features() -> np.ndarray:
    """Rows whose nearest ones are known: 0 and 3 point the same way, 1 the other, 2 is zero."""
    return np.array([[1, 0, 0], [-2, 0.1, 0], [0, 0, 0], [5, 1, 0]], dtype=np.float32)


def test_what_is_written_is_read_back(features: np.ndarray, tmp_path: Path) -> None:
    write(tmp_path / "made" / "embedded", features)
    found = Embedded.open(tmp_path / "made" / "embedded")
    assert found.about == about(4)
    assert list(found.paths) == NAMES
    np.testing.assert_array_equal(found.features, features)
    assert found.labels.tolist() == [0, -1, -1, 1]
    assert found.folder.tolist() == [1, 0, -1, 2]
    assert found.split.tolist() == [0, 1, 2, 0]
    assert found.prediction.tolist() == [1, 0, 0, -1]
    assert found.near_duplicates() == [(NAMES[0], NAMES[1], 0.99)]
    assert found.run == Path("/runs/\udcff")
    points = found.map("pca")
    assert points is not None
    assert points.shape == (4, 2)
    assert points.dtype == np.float32
    assert found.map("tsne") is None
    with (tmp_path / "made/embedded/images.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "class", "split", "prediction"]
    assert [unescape_name(row[0]) for row in rows[1:]] == NAMES
    assert [row[1:] for row in rows[1:]] == [
        ["cat", "train", r"dog,\xff"], ["", "validation", "cat"], ["", "other", "cat"],
        [r"dog,\xff", "train", ""],
    ]  # fmt: skip


def test_neighbours_are_by_cosine_and_the_query_is_left_out(
    features: np.ndarray, tmp_path: Path
) -> None:
    write(tmp_path / "e", features)
    found = Embedded.open(tmp_path / "e")
    nearest = found.nearest(found.features[0], 9, but=0)
    assert [row for row, _ in nearest] == [3, 2, 1]
    assert nearest[0][1] == pytest.approx(5 / 26**0.5)
    assert nearest[1][1] == 0.0
    assert [row for row, _ in found.nearest(found.features[0], 1)] == [0]
    assert found.nearest(found.features[0], 1, but=0)[0][0] == 3
    assert found.row_of("/images/cat/../3.png") == 2
    assert found.row_of("/images/none.png") is None
    assert not found.is_unchanged(0)


def test_an_older_folder_is_replaced_and_a_foreign_one_is_left_alone(
    features: np.ndarray, tmp_path: Path
) -> None:
    write(tmp_path / "e", features)
    save_map(tmp_path / "e", "tsne", features[:, :2])
    write(tmp_path / "e", features[:2])
    found = Embedded.open(tmp_path / "e")
    assert len(found) == 2
    assert found.map("tsne") is None
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", features)
    for name in ("file", "folder"):
        place = tmp_path / name
        if name == "folder":
            place.mkdir()
            (place / FEATURES).write_text("mine")
        else:
            place.write_text("mine")
        with pytest.raises(RunError) as caught:
            write(place, features)
        assert caught.value.code == "embedded.taken"
    assert (tmp_path / "folder" / FEATURES).read_text() == "mine"
    # A user's own folder inside it would be lost with it.
    (tmp_path / "e" / "notes").mkdir()
    with pytest.raises(RunError):
        write(tmp_path / "e", features)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "empty", "file", "folder"]


def test_a_failure_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:

    def break_off() -> None:
        with writing(tmp_path / "e") as aside:
            (aside / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(DiskError), writing(tmp_path / "file" / "below"):
        pass


@pytest.mark.parametrize("which", ["nothing", "about", "features", "short", "torn paths", "text"])
def test_a_folder_that_is_none_or_damaged_is_a_sentence(
    which: str, features: np.ndarray, tmp_path: Path
) -> None:
    if which != "nothing":
        write(tmp_path / "e", features)
    match which:
        case "about":
            (tmp_path / "e/about.json").write_text('{"points": "many"}')
        case "features":
            (tmp_path / "e" / FEATURES).write_bytes(b"")
        case "short":
            np.save(tmp_path / "e" / FEATURES, features[:2])
        case "torn paths":
            (tmp_path / "e/paths.offsets.npy").unlink()
        case "text":
            (tmp_path / "e/about.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError) as caught:
        Embedded.open(tmp_path / "e")
    assert caught.value.code == "embedded.missing"
    assert "sit-engine embed" in caught.value.hint


def test_reading_them_loads_no_torch() -> None:
    ask = "import sys, sit_engine.records.embedding; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
