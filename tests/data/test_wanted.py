"""What is no image of the user's is counted and left alone; patterns leave out more."""

from __future__ import annotations

from pathlib import Path

import pytest

from sit_engine.data.folder.wanted import Patterns, is_of_system
from sit_engine.data.scan.quick_scan import scan
from tests.data.test_layout import fill


def test_what_systems_and_we_put_into_a_folder_is_counted_and_is_no_class(tmp_path: Path) -> None:
    root = fill(
        tmp_path / "data",
        "cat/1.png",
        "trash/2.png",
        ".git/3.png",
        "cat/@eaDir/4.png",
        "__MACOSX/5.png",
        ".ipynb_checkpoints/6.png",
        "$RECYCLE.BIN/7.png",
        "System Volume Information/8.png",
        ".Trash-1000/9.png",
        "cat/._1.png",
        "a-run/previews/10.png",
        "embedded/thumbnails.png",
        "cache/side-32/11.png",
        "from-moco/12.png",
        "search/front/13.png",
        "search/supernet/14.png",
    )
    for name in ("Thumbs.db", "cat/desktop.ini", ".DS_Store"):
        (root / name).write_bytes(b"x")
    for name in (
        "a-run/config.toml", "a-run/format", "embedded/features.npy", "embedded/about.json",
        "cache/side-32/pixels.bin", "cache/side-32/rows.jsonl", "from-moco/import.json",
        "search/search.json",
    ):  # fmt: skip
        (root / name).touch()
    index = scan([root])
    # Where waste is sorted "trash" is a class.
    assert index.classes == ("cat", "trash")
    assert index.paths == ["cat/1.png", "trash/2.png"]
    assert index.problems == ()
    assert index.files == 2
    assert dict(index.not_looked_at) == {"system": 11, "ours": 5}
    # What is named is looked at, whatever it is called.
    assert scan([root / ".git"]).paths == ["3.png"]
    assert scan([root / "a-run"]).paths == ["previews/10.png"]


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ((), (), ["a/1.png", "a/1_mask.PNG", "a/masks/2.png", "b/3.jpg"]),
        ((), ("masks",), ["a/1.png", "a/1_mask.PNG", "b/3.jpg"]),
        ((), ("*_mask.png", "masks/"), ["a/1.png", "b/3.jpg"]),
        ((), ("a/*",), ["b/3.jpg"]),
        ((), ("a/masks",), ["a/1.png", "a/1_mask.PNG", "b/3.jpg"]),
        (("*.jpg",), (), ["b/3.jpg"]),
        (("a/*",), ("masks", ""), ["a/1.png", "a/1_mask.PNG"]),
    ],
)
def test_patterns_say_what_is_looked_at(
    tmp_path: Path, include: tuple[str, ...], exclude: tuple[str, ...], left: list[str]
) -> None:
    root = fill(tmp_path / "data", "a/1.png", "a/1_mask.PNG", "a/masks/2.png", "b/3.jpg")
    index = scan([root], patterns=Patterns(include, exclude))
    assert index.paths == left
    assert dict(index.not_looked_at).get("left out", 0) == 4 - len(left)
    assert index.problems == ()


@pytest.mark.parametrize(
    "name", ["RECYCLED", "Recycle Bin", "FOUND.000", "found.012", "thumbs", "_thumbs", "Thumbnails"]
)
def test_folders_of_systems_and_thumbnails_are_no_classes(name: str) -> None:
    assert is_of_system(name, is_folder=True)
    assert not is_of_system(f"{name}.png", is_folder=False)


@pytest.mark.parametrize("name", ["trash", "found", "thumb", "lost.000"])
def test_words_may_be_classes(name: str) -> None:
    assert not is_of_system(name, is_folder=True)
