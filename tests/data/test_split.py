"""The split is frozen: drawn by class, stored by name, found again or refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sit_engine.data.scan.quick_scan import scan
from sit_engine.data.scan.split import from_record, frozen_range, make_split, to_record
from sit_engine.errors import DataError
from tests.tiny import paths_of


@pytest.fixture
def crops(sample: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the sample's training folder, to damage: 16 classes of 12."""
    return Path(shutil.copytree(sample[0], tmp_path / "crops"))


def test_watched_images_are_drawn_evenly_and_a_class_keeps_one(crops: Path) -> None:
    for path in sorted((crops / "cat").iterdir())[1:]:
        path.unlink()
    index = scan([crops])
    split = make_split(index, 34, seed=0)
    assert len(split.train) + len(split.watch) == len(index)
    assert not set(split.train) & set(split.watch)
    watched = np.bincount(index.labels[split.watch], minlength=len(index.classes))
    assert watched[index.classes.index("cat")] == 0
    others = np.delete(watched, index.classes.index("cat"))
    assert set(others) == {2, 3}
    assert others.sum() == 34


def test_nothing_is_watched_without_a_count(crops: Path) -> None:
    index = scan([crops])
    assert len(make_split(index, 0, seed=0).watch) == 0


def test_a_split_is_found_again_by_name(crops: Path) -> None:
    index = scan([crops])
    split = make_split(index, 30, seed=3)
    record = to_record(index, split, (1.0, 2.0))
    (crops / "aaa_new").mkdir()
    (crops / "aaa_new" / "first.png").write_bytes((crops / "cat" / "000.png").read_bytes())
    again = scan([crops])
    found = from_record(again, record)
    assert [again.path(i) for i in found.train] == [index.path(i) for i in split.train]
    assert [again.path(i) for i in found.watch] == [index.path(i) for i in split.watch]
    assert paths_of([str(crops)], record["train"]) == [index.path(i) for i in split.train]
    assert frozen_range(record) == (1.0, 2.0)


def test_an_image_that_is_gone_is_a_sentence(crops: Path) -> None:
    index = scan([crops])
    record = to_record(index, make_split(index, 0, seed=0), None)
    (crops / "cat" / "000.png").unlink()
    with pytest.raises(DataError, match=r"now: 1 image of the run; .* cat/000\.png"):
        from_record(scan([crops]), record)


@pytest.mark.skipif(os.name != "posix", reason="names that are not UTF-8 exist on POSIX only")
def test_names_that_are_not_utf8_survive(crops: Path) -> None:
    odd = os.fsdecode(b"caf\xe9 \\x41.png")
    (crops / "cat" / odd).write_bytes((crops / "cat" / "000.png").read_bytes())
    index = scan([crops])
    split = make_split(index, 0, seed=0)
    record = to_record(index, split, None)
    assert "\udce9" not in "".join(record["train"])
    found = from_record(scan([crops]), record)
    assert str(crops / "cat" / odd) in [index.path(i) for i in found.train]
    assert str(crops / "cat" / odd) in paths_of([str(crops)], record["train"])
