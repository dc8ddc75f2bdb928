"""A scan says early what the headers say, and finds test images among the training images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine import api
from sit_engine.data.folder.index import ImageIndex
from sit_engine.errors import CancelledError
from tests.data.conftest import picture
from tests.tiny import engine


@pytest.fixture
def held_out(photos: Path, tmp_path: Path) -> Path:
    """One training image under another name, one with other pixels."""
    folder = tmp_path / "test"
    folder.mkdir()
    shutil.copy(photos / "cats" / "1.png", folder / "copy.png")
    Image.fromarray(picture() // np.uint8(3)).save(folder / "own.png")
    return folder


def test_test_images_that_are_training_images_are_found(photos: Path, held_out: Path) -> None:
    listed: list[ImageIndex] = []
    phases: list[str] = []
    (photos / "dogs" / "9.png").write_bytes((photos / "dogs" / "0.png").read_bytes()[:-40])
    found = api.scan(
        [str(photos)],
        test=[str(held_out)],
        on_progress=lambda phase, done, total: phases.append(phase),
        on_listed=listed.append,
    )
    assert found.leaks == (("copy.png", "cats/1.png"),)
    assert [len(index) for index in listed] == [7]
    assert len(found.index) + len(found.index.problems) == 7
    assert list(dict.fromkeys(phases)) == ["listing", "headers", "decoding"]
    assert api.scan([str(photos)]).leaks == ()


def test_a_scan_is_cancelled_between_two_files(photos: Path) -> None:
    listed: list[ImageIndex] = []
    with pytest.raises(CancelledError):
        api.scan([str(photos)], cancel=lambda: bool(listed), on_listed=listed.append)
    assert len(listed[0]) == 6


def test_the_command_line_names_leaks(photos: Path, held_out: Path) -> None:
    text = engine("scan", photos, "--test", held_out, check=True).stdout
    assert "Test images that are training images too: 1\n  copy.png is cats/1.png" in text
    found = json.loads(engine("scan", photos, "--test", held_out, "--json", check=True).stdout)
    assert found["leaks"] == [["copy.png", "cats/1.png"]]
