"""Which images weights find alike: of a network whose answers are known, and of files that are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine import api
from sit_engine.errors import DataError
from tests.tiny import tiny_config


@pytest.fixture(scope="module")
def run(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alike") / "run"
    api.pretrain(tiny_config(few, optim={"epochs": 1}), path, emit=lambda _: None)
    return path


def test_a_copy_is_most_like_its_image(run: Path, few: Path, tmp_path: Path) -> None:
    files = sorted(few.rglob("*.png"))[:6]
    paths = []
    for number, file in enumerate(files):
        for copy in ("a", "b"):
            paths.append(shutil.copy(file, tmp_path / f"{number}{copy}.png"))
    (tmp_path / "broken.png").write_bytes(b"no image")
    asked = [*map(str, paths), str(tmp_path / "broken.png")]
    found = api.show_alike(run, asked, tmp_path / "out")
    arrays = {name: np.load(file) for name, file in found.items()}
    assert set(arrays) == {"image", "1", "2", "3", "4"}
    assert arrays["image"].shape == (4, 128, 128, 3)
    assert np.array_equal(arrays["image"], arrays["1"])
    assert not np.array_equal(arrays["image"], arrays["2"])


def test_too_few_images_and_no_weights_are_sentences(run: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "one.png")
    with pytest.raises(DataError, match="too few images"):
        api.show_alike(run, [str(tmp_path / "one.png")], tmp_path / "out")
    with pytest.raises(DataError, match="cannot be used"):
        api.show_alike(tmp_path / "none", [str(tmp_path / "one.png")], tmp_path / "out")
