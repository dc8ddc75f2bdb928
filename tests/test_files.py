"""Files that are written aside: whole or not at all, in place of what bears the name, nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sit_engine.files import clear_asides, in_place_of, is_free, write_aside

posix = pytest.mark.skipif(os.name != "posix", reason="kill signals and FIFOs")

KILLED = """
import os, signal, sys
from pathlib import Path
from sit_engine.files import in_place_of
with in_place_of(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_aside(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_aside(path, "half of it \ud800")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@posix
def test_what_a_killed_process_left_goes_with_the_next_and_only_that(tmp_path: Path) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    for name in (path, other):
        subprocess.run([sys.executable, "-c", KILLED, str(name)], check=False)
    assert len(names(tmp_path)) == 2
    with in_place_of(path) as mine:
        mine.write_text("mine")
        # Of one that lives nothing is taken.
        write_aside(path, "another's")
        assert mine.read_text() == "mine"
    assert path.read_text() == "mine"
    assert len(names(tmp_path)) == 2
    write_aside(other, "b")
    assert names(tmp_path) == ["a.txt", "b.txt"]


@posix
def test_a_fifo_that_bears_the_name_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    write_aside(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_folder_makes_way_and_comes_back_when_the_new_one_fails(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for content in ("one", "two"):
        with in_place_of(path, folder=True) as aside:
            aside.mkdir()
            (aside / "file").write_text(content)
    with pytest.raises(FileNotFoundError), in_place_of(path, folder=True):
        pass
    assert (path / "file").read_text() == "two"
    assert names(tmp_path) == ["folder"]


DIES_BETWEEN = """
import os, signal, sys
from pathlib import Path
from sit_engine.files import in_place_of
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with in_place_of(Path(sys.argv[1]), folder=True) as aside:
    aside.mkdir()
"""


@posix
def test_a_folder_that_made_way_for_one_that_never_came_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "file").write_text("old")
    subprocess.run([sys.executable, "-c", DIES_BETWEEN, str(path)], check=False)
    assert not path.exists()
    assert clear_asides(tmp_path) == 1
    assert not is_free(tmp_path)
    with pytest.raises(FileNotFoundError), in_place_of(path, folder=True):
        pass
    assert (path / "file").read_text() == "old"
    assert names(tmp_path) == ["folder"]


def test_a_folder_with_nothing_but_what_a_killed_process_left_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert is_free(folder)
    folder.mkdir()
    with in_place_of(folder / "a.txt") as aside:
        aside.write_text("half")
        assert is_free(folder)
    assert not is_free(folder)
    assert not is_free(folder / "a.txt")


def test_a_name_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".txt")
    write_aside(path, "new")
    assert names(tmp_path) == [path.name]
