"""Shared by the data room's tests: hostile files, pictures, a cache in a temporary place."""

from __future__ import annotations

import gc
import hashlib
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sit_engine.data.pixel_cache.cache import PixelCache
from tests import preloaded

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
Snapshot = Callable[[Path], str]


@pytest.fixture(autouse=True)
def _no_child_left() -> object:
    """Every test must leave as many child processes as it found."""
    before = preloaded.children()
    yield
    until_s = time.monotonic() + 5
    while left := preloaded.children() - before:
        assert time.monotonic() < until_s, left
        # A store that streams lives until the last exception that names it is forgotten.
        gc.collect()
        time.sleep(0.02)


def unpack(name: str, into: Path) -> Path:
    """The unpacked tar, or a skipped test where it is not there."""
    archive = SHARED_DATA / name
    if not archive.is_file():
        pytest.skip(f"{archive} is not there")
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    return into


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds hostile/ and hostile-manifest.json."""
    return unpack("hostile.tar", tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def cache(tmp_path: Path) -> PixelCache:
    """An empty cache that is this test's alone."""
    return PixelCache(tmp_path / "cache", wait_s=0.5)


def picture(width: int = 40, height: int = 30) -> NDArray[np.uint8]:
    """A smooth colour picture whose corners all differ: [Y,X,3]."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = x * 255 // (width - 1), y * 255 // (height - 1)
    return np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of three PNGs, all different."""
    folder = tmp_path / "photos"
    for name, shade in (("cats", 0), ("dogs", 100)):
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(picture() // 2 + np.uint8(shade + i)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture
def snapshot() -> Snapshot:
    """A hash of all names, sizes, times and bytes under a folder."""

    def take(folder: Path) -> str:
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            state = path.lstat()
            digest.update(
                repr((str(path), state.st_size, state.st_mtime_ns)).encode(
                    "utf-8", "surrogateescape"
                )
            )
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()

    return take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images, and between them a video of 5 seconds with 4 pictures a second."""
    from tests.videos import numbered, write_video

    folder = tmp_path / "mixed"
    folder.mkdir()
    for name in ("a.png", "z.png"):
        Image.fromarray(picture()).save(folder / name)
    write_video(folder / "m.mp4", numbered(20))
    return folder
