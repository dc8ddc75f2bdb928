"""The built-in sample is repeatable, and its two halves share no pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine.data import sample
from sit_engine.data.scan.quick_scan import scan
from tests.data.conftest import Snapshot


def test_the_same_seed_gives_the_same_files(tmp_path: Path, snapshot: Snapshot) -> None:
    def pixels(folder: Path) -> list[bytes]:
        return [path.read_bytes() for path in sorted(folder.rglob("*.png"))]

    made = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        sample.write_sample(tmp_path / name, seed=seed, train_per_class=2, test_per_class=1)
        made.append(pixels(tmp_path / name))
    assert made[0] == made[1]
    assert made[0] != made[2]
    assert len(made[0]) == 3 * len(sample.PHOTOGRAPHS)


def test_the_sample_scans_as_labelled_images_without_problems(tmp_path: Path) -> None:
    train, test = sample.write_sample(tmp_path, train_per_class=2, test_per_class=1)
    index = scan([train])
    assert index.classes == tuple(sorted(sample.PHOTOGRAPHS))
    assert np.bincount(index.labels).tolist() == [2] * len(index.classes)
    assert not index.problems
    assert len(scan([test])) == len(index.classes)


def test_training_crops_do_not_change_with_the_test_part_of_the_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = Image.open(sample._photograph("gravel")).convert("L")
    changed = grey.copy()
    changed.paste(0, sample.split_boxes(*grey.size)[1])
    crops = []
    for name, photograph in (("as it is", grey), ("changed", changed)):
        path = tmp_path / f"{name}.png"
        photograph.save(path)
        monkeypatch.setattr(sample, "PHOTOGRAPHS", {"gravel": ("skimage", "")})
        monkeypatch.setattr(sample, "_photograph", lambda _, path=path: path)
        train, test = sample.write_sample(tmp_path / name, train_per_class=20, test_per_class=20)
        crops.append([[p.read_bytes() for p in sorted(f.rglob("*.png"))] for f in (train, test)])
    assert crops[0][0] == crops[1][0]
    assert all(a != b for a, b in zip(crops[0][1], crops[1][1], strict=True))
