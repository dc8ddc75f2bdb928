"""Thumbnails are upright, keep their shape, and cost the file alone when it is hostile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.errors import CancelledError
from tests.data.conftest import picture

Found = dict[str, Thumbnail | str]


@pytest.fixture
def thumbnailer() -> Iterator[Thumbnailer]:
    """One for the test."""
    with Thumbnailer() as opened:
        yield opened


def pixels(found: Thumbnail | str) -> np.ndarray:
    """[Y,X,3] of a thumbnail."""
    assert isinstance(found, Thumbnail), found
    return np.frombuffer(found.rgb, dtype=np.uint8).reshape(found.height, found.width, 3)


def test_they_fit_keep_their_shape_and_are_never_enlarged(
    thumbnailer: Thumbnailer, tmp_path: Path
) -> None:
    large, small, turned, clear, thin = (
        str(tmp_path / name) for name in ("l.jpg", "s.png", "t.jpg", "c.png", "thin.png")
    )
    Image.fromarray(picture(400, 200)).save(large, quality=95)
    Image.fromarray(picture(20, 10)).save(small)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(400, 200)).save(turned, exif=exif, quality=95)
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(clear)
    Image.new("RGB", (1000, 2)).save(thin)
    found: Found = dict(thumbnailer.read([large, small, turned, clear, thin], side=64))
    shapes = {path: pixels(item).shape for path, item in found.items()}
    assert shapes[large] == (32, 64, 3)
    assert shapes[turned] == (64, 32, 3)
    assert shapes[thin] == (1, 64, 3)
    np.testing.assert_array_equal(pixels(found[small]), picture(20, 10))
    assert (pixels(found[clear]) == 255).all()
    upright = np.rot90(pixels(found[large]), -1).astype(int)
    assert np.abs(upright - pixels(found[turned])).max() <= 12  # Two JPEGs of one picture.


def test_deep_images_are_spread_over_their_own_range(
    thumbnailer: Thumbnailer, tmp_path: Path
) -> None:
    """Twelve bits in a file of sixteen would look black."""
    values = np.linspace(1000, 5000, 64 * 64).reshape(64, 64)
    grey, flat = str(tmp_path / "deep.tif"), str(tmp_path / "float.tif")
    Image.fromarray(values.astype(np.uint16)).save(grey)
    Image.fromarray(np.full((8, 8), np.nan, dtype=np.float32)).save(flat)
    found: Found = dict(thumbnailer.read([grey, flat], side=64))
    shown = pixels(found[grey])
    assert (shown[0, 0].tolist(), shown[-1, -1].tolist()) == ([0] * 3, [255] * 3)
    assert (pixels(found[flat]) == 0).all()


def test_hostile_files_are_reasons(thumbnailer: Thumbnailer, hostile: Path) -> None:
    """Every file of the set gives a picture or a reason, whatever it does to its decoder."""
    paths = [str(path) for path in sorted((hostile / "hostile").rglob("*")) if path.is_file()]
    found: Found = dict(thumbnailer.read(paths, side=96))
    assert set(found) == set(paths)
    for item in found.values():
        if isinstance(item, Thumbnail):
            assert max(item.width, item.height) <= 96
            assert len(item.rgb) == 3 * item.width * item.height
        else:
            assert item
    assert all(isinstance(item, Thumbnail | str) for item in found.values())
    assert {isinstance(item, str) for item in found.values()} == {True, False}


def test_reading_can_be_cancelled_and_begun_again(thumbnailer: Thumbnailer, photos: Path) -> None:
    paths = [str(path) for path in photos.rglob("*.png")]
    with pytest.raises(CancelledError):
        list(thumbnailer.read(paths, side=8, cancel=lambda: True))
    assert len(list(thumbnailer.read(paths, side=8))) == len(paths)


def test_a_plain_thread_of_a_process_without_torch_can_read(photos: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_THREAD, str(photos / "cats" / "0.png")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == [[20, 15], False]


IN_A_THREAD = """
import json, sys, threading
from sit_engine.data.decode.thumbnails import Thumbnailer
found = []
def work():
    with Thumbnailer(1) as thumbnailer:
        found.extend(thumbnailer.read([sys.argv[1]], side=20))
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(json.dumps([[found[0][1].width, found[0][1].height], "torch" in sys.modules]))
"""
