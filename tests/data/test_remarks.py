"""What can be used and should be known of: said with a count and an example, and nothing removed."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from sit_engine.data.folder.remarks import remarks
from sit_engine.data.folder.saved_index import SavedIndex, save_index
from sit_engine.data.scan.full_scan import ScanResult, full_scan
from sit_engine.data.scan.quick_scan import scan


def picture(path: Path, number: int = 0, size: tuple[int, int] = (9, 8)) -> Path:
    """An image, each `number` another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (number, 99, 50)).save(path)
    return path


def messages(folder: Path) -> dict[str, str]:
    """What is remarked of a folder's headers, by code."""
    return {remark.code: remark.message for remark in remarks(scan([folder]))}


@pytest.mark.parametrize(
    "names",
    [
        ("Cat", "cat"),
        ("cat", "cat "),
        ("oak tree", "oak  tree"),
        ("oaktree", "oak tree"),
        (unicodedata.normalize("NFC", "Käse"), unicodedata.normalize("NFD", "Käse")),
    ],
    ids=["case", "a blank behind", "two blanks", "a blank inside", "Unicode form"],
)
def test_class_names_that_differ_in_what_is_hardly_seen(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for number, name in enumerate((*names, "dog")):
        for copy in "ab":
            picture(tmp_path / name / f"{copy}.png", number)
    told = messages(tmp_path)
    assert told.keys() == {"data.classes_alike"}
    assert ": 2, such as" in told["data.classes_alike"]
    assert len(scan([tmp_path]).classes) == 3


def test_a_class_of_one_image_a_pixel_and_a_hundred_megapixels(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        picture(tmp_path / name)
    assert messages(tmp_path) == {}
    picture(tmp_path / "lonely" / "dot.png", size=(1, 1))
    # Two colours of one bit each: a hundred megapixels in a few kilobytes.
    Image.new("1", (10_000, 10_000)).save(tmp_path / "a" / "large.png")
    picture(tmp_path / "a" / "line.png", size=(1, 90))
    told = messages(tmp_path)
    assert told.keys() == {"data.classes_single", "data.one_pixel", "data.large"}
    assert "1, such as lonely;" in told["data.classes_single"]
    assert "1, such as lonely/dot.png" in told["data.one_pixel"]
    assert "1, such as a/large.png" in told["data.large"]


@pytest.mark.parametrize(
    ("names", "code", "advice"),
    [
        ("train/ice test/x car/red", "data.parts_as_classes", "--layout split (train/CLASS/)"),
        ("d/train/ice d/test/x d/car/red", "data.parts_as_classes", "--layout folder-split"),
        ("a/train a/test b/train b/red", "data.parts_as_classes", "--layout class-split"),
        ("my_train my_test", "data.parts_by_other_names", "call them train and test"),
        ("1_train 2_val", "data.parts_by_other_names", "call them train and test"),
        ("ds/images/train ds/images/val", "data.parts_deeper", "open ds/images alone"),
    ],
)
def test_folders_that_look_like_parts_and_are_taken_for_classes(
    tmp_path: Path, names: str, code: str, advice: str
) -> None:
    for number, name in enumerate(names.split()):
        for copy in "ab":
            picture(tmp_path / name / f"{copy}.png", number)
    index = scan([tmp_path], layout="auto")
    assert index.layout == "classes"
    (remark,) = remarks(index)
    assert remark.code == code
    assert advice in remark.message


def test_classes_that_are_no_parts_are_not_remarked(tmp_path: Path) -> None:
    for number, name in enumerate(("train", "car", "contest", "plane/test")):
        for copy in "ab":
            picture(tmp_path / name / f"{copy}.png", number)
    assert messages(tmp_path) == {}


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_second_links_to_a_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for name in ("photos/a/1.png", "photos/a/2.png", "outside/1.png", "outside/2.png"):
        picture(tmp_path / name)
    photos = tmp_path / "photos"
    (photos / "b").symlink_to(outside)
    assert messages(photos) == {}
    (photos / "again").symlink_to(photos / "a")
    (photos / "c").symlink_to(outside)
    (photos / "a" / "up").symlink_to(photos)
    told = messages(photos)
    assert told.keys() == {"data.linked_again"}
    assert ": 3, such as " in told["data.linked_again"]
    assert len(scan([photos])) == 4


def test_the_same_picture_under_two_labels(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number, name in enumerate(("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")):
        picture(photos / name, number)
    (photos / "cat" / "copy.png").write_bytes((photos / "cat" / "1.png").read_bytes())
    found = full_scan([str(photos)])
    assert remarks(found.index) == []
    (photos / "dog" / "same.png").write_bytes((photos / "cat" / "1.png").read_bytes())
    found = full_scan([str(photos)])
    (remark,) = remarks(found.index)
    assert (remark.code, remark.values["count"]) == ("data.two_labels", "1")
    assert "such as cat/1.png and dog/same.png;" in remark.message
    assert len(found.index) == 6
    # Whoever prints or keeps the scan has it too.
    (said,) = json.loads(json.dumps(ScanResult(found.index).to_json()))["remarks"]
    assert said["message"] == remark.message
    save_index(found.index, tmp_path / "saved", stage="decoded")
    assert SavedIndex.open(tmp_path / "saved").summary["remarks"] == [said]
