"""Folders of every kind are listed completely, calmly, and without being changed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sit_engine.data.decode.decode_pool import DecodePool, Job
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.scan.quick_scan import require_images, scan
from sit_engine.errors import CancelledError, DataError
from tests.data.conftest import Snapshot, picture, unpack

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def codes(index: ImageIndex) -> dict[str, str]:
    """Path → code of each problem."""
    return {problem.path: problem.code for problem in index.problems}


def test_folders_become_classes_and_images_beside_them_have_none(photos: Path) -> None:
    Image.fromarray(picture()).save(photos / "loose.png")
    index = scan([photos])
    assert index.classes == ("cats", "dogs")
    assert index.labels.tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert index.paths[-1] == "loose.png"
    assert index.path(0) == str(photos / "cats" / "0.png")
    assert index.sizes.tolist() == [[40, 30]] * 7
    assert set(scan([photos], labels="none").labels.tolist()) == {-1}
    assert scan([photos]).to_json() == index.to_json()


def test_the_record_for_programs_counts_everything(photos: Path) -> None:
    (photos / "notes.txt").write_text("hello")
    (photos / "empty.jpg").touch()
    found = scan([photos]).to_json()
    assert (found["images"], found["usable"]) == (8, 6)
    assert found["classes"] == {"cats": 3, "dogs": 3}
    assert found["sizes"]["width"] == {"min": 40, "median": 40, "max": 40}
    assert {p["path"]: p["reason"] for p in found["problems"]} == {
        "empty.jpg": "is empty (0 bytes)",
        "notes.txt": "is not an image that can be read",
    }


@posix_only
def test_pipes_sockets_and_dangling_links_are_problems_and_loops_end(photos: Path) -> None:
    os.mkfifo(photos / "x.jpg")
    (photos / "cats" / "loop").symlink_to(photos)
    (photos / "gone.jpg").symlink_to(photos / "nowhere.jpg")
    (photos / "self.jpg").symlink_to(photos / "self.jpg")
    (photos / "up").symlink_to("/")
    (photos / "again.png").symlink_to(photos / "cats" / "0.png")
    with socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        os.chdir(photos)  # The path of a socket may have 100 characters.
        unix.bind("y.jpg")
        os.chdir(here)
        index = scan([photos])
    assert codes(index) == {
        "gone.jpg": "data.vanished",
        "self.jpg": "data.vanished",
        "x.jpg": "data.not_a_file",
        "y.jpg": "data.not_a_file",
    }
    assert len(index) == 6
    assert index.files == 10


@posix_only
def test_linked_folders_and_files_outside_are_followed_once(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(picture()).save(other / "o.png")
    (photos / "birds").symlink_to(other)
    (photos / "birds2").symlink_to(other)
    index = scan([photos, photos / "cats", other])
    assert len(index) == 7
    assert index.classes == ("birds", "cats", "dogs")


@pytest.mark.skipif(sys.platform != "linux", reason="root's rights are dropped with prctl")
def test_unreadable_files_and_folders_are_problems(photos: Path) -> None:
    (photos / "cats" / "0.png").chmod(0)
    (photos / "dogs").chmod(0)
    # Tests often run as root, who may read all: this child and its children lose the capabilities
    # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
    script = (
        "import ctypes, json, os, sys\n"
        "if sys.argv[2:]:\n"
        "    libc = ctypes.CDLL(None)\n"
        "    [libc.prctl(24, capability, 0, 0, 0) for capability in (1, 2)]\n"
        "    os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], sys.argv[1]])\n"
        "from sit_engine.data.scan.quick_scan import scan\n"
        "index = scan([sys.argv[1]])\n"
        "found = {p.path: p.code for p in index.problems}\n"
        "json.dump([found, len(index), index.files], sys.stdout)\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(photos), script],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        (photos / "dogs").chmod(0o755)
    found = {"cats/0.png": "data.permission", "dogs": "data.folder_unreadable"}
    assert json.loads(done.stdout) == [found, 2, 3]


def test_missing_folders_and_files_raise_sentences(photos: Path) -> None:
    for wrong, code in (("nowhere", "data.folder_missing"), ("cats/0.png", "data.not_a_folder")):
        with pytest.raises(DataError, match=wrong) as raised:
            scan([photos / wrong])
        assert raised.value.code == code
        assert raised.value.hint


def test_too_few_images_raise_a_sentence(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no usable image") as raised:
        require_images(scan([tmp_path / "empty"]))
    assert raised.value.code == "data.no_images"
    with pytest.raises(DataError, match="only 6 usable images") as raised:
        require_images(scan([photos]), at_least=7)
    assert raised.value.code == "data.too_few"
    require_images(scan([photos]), at_least=6)


def test_cancel_and_progress(photos: Path) -> None:
    told: list[tuple[str, int, int]] = []
    scan([photos], on_progress=lambda *said: told.append(said))
    assert told[0] == ("listing", 0, 0)
    assert told[-1] == ("headers", 6, 6)
    with pytest.raises(CancelledError):
        scan([photos], cancel=lambda: True)


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    index = scan([unpack("hostile-nonutf8.tar", tmp_path) / "hostile-nonutf8"])
    assert {os.fsencode(path) for path in index.paths} == {
        b"\x93\xfa\x96{_sjis.jpg",
        b"caf\xe9_latin1.jpg",
        b"\xff\xfe_bad.jpg",
    }
    assert len(index) == 3


def test_the_hostile_folder_is_read_calmly_and_not_changed(
    hostile: Path, snapshot: Snapshot, capfd: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(hostile)
    index = scan([hostile / "hostile"])
    assert index.files == 197
    assert len(index) + len(index.problems) == 197
    assert snapshot(hostile) == before
    assert capfd.readouterr() == ("", "")


def test_scanning_loads_neither_torch_nor_pillow() -> None:
    script = (
        "import sys, sit_engine.data.scan.quick_scan, sit_engine.data.pixel_cache.cache\n"
        "sys.exit(' '.join({'torch', 'PIL', 'skimage', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


def test_an_index_takes_under_200_bytes_a_file_beside_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        folder = tmp_path / f"class-{number:03d}"
        folder.mkdir()
        for i in range(1000):
            (folder / f"an-image-with-a-name-{i:05d}.jpg").touch()
    header = {"width": 400, "height": 300, "depth": "8bit", "channels": 3, "notes": ["a note"]}

    def answers(_: DecodePool, jobs: Iterable[tuple[int, Job]], **__: object) -> Iterator[Any]:
        return ((number, json.loads(json.dumps(header))) for number, _ in jobs)

    monkeypatch.setattr(DecodePool, "run", answers)
    tracemalloc.start()
    try:
        index = scan([tmp_path])
        taken, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(index), len(index.classes)) == (20_000, 20)
    assert dict(index.notes) == {"a note": 20_000}
    names = sum(len(os.fsencode(path)) for path in index.paths)
    assert taken - names < 200 * len(index)
    assert most - names < 400 * len(index)
