"""A folder beyond the cache budget gives the same batches out of its files."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sit_engine.data.feed.batches import Batches
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.saved_index import NOT_DECODED
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.full_scan import full_scan
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import DataError
from tests.data.conftest import picture

SIDE = 16
ROW = SIDE * SIDE * 3


@pytest.fixture
def folder(photos: Path) -> Path:
    """Six PNGs, a turned JPEG, and two deep images that share a value range."""
    Image.fromarray(picture()).save(
        photos / "cats" / "turned.jpg",
        exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0",
    )
    for name, start in (("dark", 1000), ("light", 2000)):
        values = np.linspace(start, start + 999, 1200).reshape(30, 40).astype(np.uint16)
        Image.fromarray(values).save(photos / "dogs" / f"{name}.png")
    return photos


def fill(cache: PixelCache, index: ImageIndex, rows: int) -> tuple[ImageIndex, PixelStore]:
    """With room for so many squares."""
    return cache.fill(index, side=SIDE, budget_bytes=rows * ROW, streaming="allowed")


def batches(store: PixelStore, rank: tuple[int, int] = (0, 1)) -> Batches:
    """Of all but the first image, four a step."""
    rows = np.arange(1, len(store))
    device = torch.device("cpu")
    labels = rows % 3
    return Batches(store, rows, batch_size=4, seed=3, device=device, labels=labels, rank=rank)


def cut_off(path: Path) -> None:
    """Damage that the header does not show."""
    path.write_bytes(path.read_bytes()[:-60])


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Nine JPEGs; of two only the beginning is there."""
    where = tmp_path / "broken"
    where.mkdir()
    for i in range(9):
        Image.fromarray(picture(90, 80) // 2 + np.uint8(10 * i)).save(where / f"{i}.jpg")
    for i in (4, 7):
        cut_off(where / f"{i}.jpg")
    return where


@pytest.mark.parametrize("rows", [0, 4])
def test_streamed_batches_are_those_of_the_cache(folder: Path, tmp_path: Path, rows: int) -> None:
    index = scan([folder])
    _, whole = fill(PixelCache(tmp_path / "whole"), index, 9)
    left, streamed = fill(PixelCache(tmp_path / "some"), index, rows)
    assert whole.is_whole
    assert (len(left), streamed.streamed) == (9, 9 - rows)
    assert streamed.value_range == whole.value_range
    assert np.array_equal(streamed.rows(range(9)), whole.rows(range(9)))
    assert np.array_equal(streamed.aspect, whole.aspect)
    one, other, half = batches(whole), batches(streamed), batches(streamed, (1, 2))
    for step in (0, 1, 2, 5, 1):
        wanted, found, part = one.at(step), other.at(step), half.at(step)
        for name in ("images_BSSC", "aspect_B", "labels_B", "positions_B"):
            assert torch.equal(getattr(wanted, name), getattr(found, name))
        assert torch.equal(part.images_BSSC, wanted.images_BSSC[2:])
        assert torch.equal(part.more(np.array([0, 3])), wanted.images_BSSC[[0, 3]])
    chosen = np.array([6, 0])
    assert torch.equal(one.some(chosen).images_BSSC, other.some(chosen).images_BSSC)


def test_the_cache_keeps_what_has_room_and_is_asked_first(folder: Path, cache: PixelCache) -> None:
    index = scan([folder])
    fill(cache, index, 4)
    pixels = cache.root / f"side-{SIDE}" / "pixels.bin"
    assert pixels.stat().st_size == 4 * ROW
    before = pixels.stat().st_mtime_ns
    assert fill(cache, index, 4)[1].streamed == 5
    assert pixels.stat().st_mtime_ns == before
    assert fill(cache, index, 6)[1].streamed == 3
    assert pixels.stat().st_size == 6 * ROW


def test_a_small_disk_is_a_small_budget(
    folder: Path, cache: PixelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = scan([folder])
    monkeypatch.setattr(PixelCache, "free_bytes", lambda _: 3 * ROW)
    assert fill(cache, index, 100)[1].streamed == 7


def test_another_image_takes_the_place_of_a_damaged_one(broken: Path, cache: PixelCache) -> None:
    index, store = fill(cache, scan([broken]), 0)
    assert len(index) == 9
    found, again, half = batches(store), batches(fill(cache, index, 2)[1]), batches(store, (1, 2))
    for step in range(12):
        batch, positions = found.at(step), found.order.at(step)
        rows = (positions + 1).tolist()
        for number, row in enumerate(rows):
            good = next(r for r in rows[number:] + rows[:number] if r not in (4, 7))
            assert batch.positions_B[number] == good - 1
            assert batch.labels_B[number] == good % 3
            assert np.array_equal(batch.images_BSSC[number], store.rows([good])[0]), row
        assert torch.equal(again.at(step).images_BSSC, batch.images_BSSC)
        part = half.at(step)
        assert torch.equal(part.images_BSSC, batch.images_BSSC[2:])
        assert torch.equal(part.more(np.arange(4)), batch.images_BSSC)
    assert {problem.path for problem in found.problems} == {"4.jpg", "7.jpg"}
    assert {problem.code for problem in found.problems} == {"data.truncated"}
    assert store.readable(np.array([7, 8, 4, 2])).tolist() == [8, 2]
    with pytest.raises(DataError, match=r"4\.jpg is cut off"):
        store.rows([2, 4])


def test_a_step_without_any_image_is_a_sentence(broken: Path, cache: PixelCache) -> None:
    _, store = fill(cache, scan([broken]), 0)
    found = batches(store)
    for path in broken.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="None of the 4 images") as raised:
        found.at(0)
    assert raised.value.code == "data.batch_unreadable"


def test_a_run_that_streamed_goes_on_so_when_all_has_room(
    broken: Path, cache: PixelCache, tmp_path: Path
) -> None:
    listed = scan([broken])
    index, store = cache.fill(listed, side=SIDE, streaming="kept")
    assert (len(index), store.streamed, store.is_whole) == (9, 2, False)
    assert {problem.path for problem in store.problems.values()} == {"4.jpg", "7.jpg"}
    other = PixelCache(tmp_path / "other")
    streamed, kept = batches(fill(other, listed, 0)[1]), batches(store)
    assert all(
        torch.equal(streamed.at(step).images_BSSC, kept.at(step).images_BSSC) for step in range(4)
    )
    # What is all decoded is streamed no longer, whatever the budget of a new run.
    assert fill(cache, listed, 0)[1].is_whole


def test_the_passage_vanishes_with_its_store(folder: Path, cache: PixelCache) -> None:
    store = fill(cache, scan([folder]), 0)[1]
    store.rows([0])
    assert store.files is not None
    passage = store.files.folder
    assert passage.is_dir()
    del store
    gc.collect()
    assert not passage.exists()


def test_a_look_at_folders_beyond_the_budget_reads_headers_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "own"))
    found = full_scan([str(folder)], test=[str(folder / "cats")], cache_gb=1e-6)
    assert (len(found.index), dict(found.index.notes)[NOT_DECODED], found.leaks) == (9, 9, ())
    assert not list((tmp_path / "own").rglob("pixels.bin"))
