"""What folders mean: classes, or parts that train and parts that no training may see."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.layout import part_named, understand
from sit_engine.data.scan.quick_scan import scan
from tests.data.conftest import picture


def fill(root: Path, *names: str) -> Path:
    """A folder with one small image at each of these paths, all different."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(8, 8) // 2 + number % 128).save(root / name)
    return root


def placed(index: ImageIndex) -> dict[str, tuple[str | None, str]]:
    """Path → (class, part)."""
    part_of = {int(row): part for part in ("train", "val", "test") for row in index.part_rows(part)}
    names = [*index.classes, None]
    return {
        path: (names[label], part_of.get(row, "other"))
        for row, (path, label) in enumerate(zip(index.paths, index.labels.tolist(), strict=True))
    }


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("TRAIN_images", "train"),
        ("images-train", "train"),
        ("train2017", "train"),
        ("imagesTr", "train"),
        ("valid", "val"),
        ("Val", "val"),
        ("validation set", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("Test_Set", "test"),
        ("imagesTs", "test"),
        ("trains", None),
        ("testudo", None),
        ("vale", None),
        ("images", None),
        ("", None),
    ],
)
def test_parts_are_known_in_the_usual_spellings(name: str, part: str | None) -> None:
    assert part_named(name) == part


@pytest.mark.parametrize(
    ("paths", "layout"),
    [
        (["train/a/1", "train/b/1", "test/a/1", "test/b/1"], "split"),
        (["Train/1", "VAL/1"], "split"),
        (["train/a/1", "train/b/1"], "split"),
        (["train/a/1", "test/a/1", "0-sample"], "split"),
        (["train/a/1", "train/b/1", "test/a/1", "masks/1"], "split"),
        (["images/train/1", "images/val/1"], "folder-split"),
        (["data/training/a/1", "data/testing/a/1"], "folder-split"),
        (["a/train/1", "a/test/1", "b/train/1", "b/test/1"], "class-split"),
        # Other folders beside parts are no parts, nor make them classes.
        (["train/1", "test/1", "docs/1"], "split"),
        (["train/good/1", "test/good/1", "test/broken/1", "ground_truth/broken/1"], "split"),
        (["train/a/1", "train/b/1", "test/1", "docs/1"], "split"),
        (["images/train/1", "images/val/1", "docs/1", "0-sample"], "folder-split"),
        (["images/train/1", "images/val/1", "masks/red/1"], "folder-split"),
        (["a/train/1", "a/test/1", "b/train/1"], "class-split"),
        (["a/train/1", "a/test/1", "b/test/1"], "class-split"),
        (["a/train/1", "a/test/1", "b/train/1", "b/test/1", "docs/1"], "class-split"),
        (["x/train/ice/1", "x/test/y/1", "x/car/red/1", "docs/1"], "classes"),
        (["a/train/1", "a/test/1", "b/train/1", "b/red/1"], "classes"),
        (["ds/images/train/1", "ds/images/val/1"], "classes"),
        # A vehicle among vehicles, and an exam among papers.
        (["train/1", "car/1", "plane/1"], "classes"),
        (["train/ice/1", "car/red/1", "test/x/1"], "classes"),
        (["test/a/1", "val/a/1"], "classes"),
        (["train/1", "loose"], "classes"),
        (["a/train/1", "b/train/1"], "classes"),
        (["a/1", "b/2"], "classes"),
        ([], "classes"),
    ],
)
def test_names_tell_the_layout_where_they_can_hardly_be_classes(
    paths: list[str], layout: str
) -> None:
    assert understand(["/data"], [(0, path) for path in paths]) == layout


@pytest.mark.parametrize(
    ("names", "layout", "expected"),
    [
        (
            ("train/a/1.png", "valid/a/2.png", "test/b/3.png", "0.png"),
            "split",
            {
                "train/a/1.png": ("a", "train"),
                "valid/a/2.png": ("a", "val"),
                "test/b/3.png": ("b", "test"),
                "0.png": (None, "other"),
            },
        ),
        (
            ("images/train/1.png", "images/test/2.png"),
            "folder-split",
            {"images/train/1.png": (None, "train"), "images/test/2.png": (None, "test")},
        ),
        (
            ("a/train/1.png", "a/test/2.png", "b/train/3.png"),
            "class-split",
            {
                "a/train/1.png": ("a", "train"),
                "a/test/2.png": ("a", "test"),
                "b/train/3.png": ("b", "train"),
            },
        ),
        (
            ("a/1.png", "b/2.png"),
            "classes",
            {"a/1.png": ("a", "train"), "b/2.png": ("b", "train")},
        ),
    ],
)
def test_a_scan_places_every_image_and_the_choice_overrules(
    tmp_path: Path, names: tuple[str, ...], layout: str, expected: dict[str, tuple[str, str]]
) -> None:
    root = fill(tmp_path / "data", *names)
    index = scan([root], layout="auto")
    assert index.layout == layout
    assert placed(index) == expected
    overruled = scan([root], layout="classes")
    assert overruled.parts == ()
    assert {part for _, part in placed(overruled).values()} == {"train"}


def test_parts_are_counted_and_classes_without_images_are_dropped(tmp_path: Path) -> None:
    root = fill(tmp_path / "data", "train/a/1.png", "train/b/2.png", "test/a/3.png", "x.png")
    index = scan([root], layout="auto")
    assert dict(index.parts) == {"train": 2, "test": 1, "other": 1}
    test = index.of_parts("test")
    assert (test.paths, test.classes, test.labels.tolist()) == (["test/a/3.png"], ("a",), [0])


def test_several_folders_given_are_classes_or_parts(tmp_path: Path) -> None:
    root = fill(tmp_path, "cat/1.png", "dog/2.png", "train/a/3.png", "test/a/4.png")
    animals = scan([root / "cat", root / "dog"], layout="auto")
    assert (animals.layout, animals.classes) == ("roots", ("cat", "dog"))
    assert animals.labels.tolist() == [0, 1]
    halves = scan([root / "train", root / "test"], layout="auto")
    assert halves.layout == "split-roots"
    assert dict(halves.parts) == {"train": 1, "test": 1}
    assert halves.classes == ("a",)
    # One folder, or one that is a part, mean what they meant.
    assert scan([root / "cat"], layout="auto").layout == "classes"
    assert scan([root / "cat", root / "train"], layout="auto").layout == "classes"


@pytest.mark.parametrize(
    ("places", "layout"),
    [
        ([(0, "1"), (1, "1"), (1, "red/2")], "roots"),
        ([(0, "red/1"), (1, "green/1")], "roots"),
        ([(0, "red/1"), (0, "2"), (1, "red/1")], "roots"),
        ([(0, "red/1"), (0, "green/1"), (1, "green/1"), (1, "red/1")], "classes"),
        ([(0, "train/1"), (0, "test/1"), (1, "train/1")], "split"),
    ],
)
def test_folders_given_together_are_classes_unless_they_hold_the_same_ones(
    places: list[tuple[int, str]], layout: str
) -> None:
    assert understand(["/d/apple", "/d/pear"], places) == layout
    assert understand(["/d/apple", "/e/apple"], places) != "roots"
