"""Damaged pixels of the cache are noticed when they are read, and decoded anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.pixel_cache.cache_rows import RowBook
from sit_engine.data.pixel_cache.journal import read_records, sealed
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import DataError, SitError
from tests.data.conftest import picture

SIDE = 16
ROW = SIDE * SIDE * 3
Damage = Callable[[Path], None]


def pixels_of(cache: PixelCache) -> Path:
    """The file of rows."""
    return cache.root / f"side-{SIDE}" / "pixels.bin"


def book_of(cache: PixelCache) -> Path:
    """The file of lines."""
    return cache.root / f"side-{SIDE}" / "rows.jsonl"


def fill(cache: PixelCache, folder: Path) -> tuple[ImageIndex, PixelStore]:
    """As a leg does at its start."""
    return cache.fill(scan([folder]), side=SIDE, workers=1)


@pytest.fixture
def right(photos: Path, tmp_path: Path) -> NDArray[np.uint8]:
    """The pixels of all images, from a cache that nobody damaged."""
    return fill(PixelCache(tmp_path / "right"), photos)[1].rows(range(6))


def zeroed(path: Path) -> None:
    """As a disk that lost its blocks."""
    path.write_bytes(bytes(path.stat().st_size))


def one_byte(path: Path) -> None:
    """One bit of the third row."""
    found = bytearray(path.read_bytes())
    found[2 * ROW + 70] ^= 4
    path.write_bytes(found)


def swapped(path: Path) -> None:
    """Two rows in each other's place."""
    found = path.read_bytes()
    path.write_bytes(found[ROW : 2 * ROW] + found[:ROW] + found[2 * ROW :])


def cut(path: Path) -> None:
    """The end is gone."""
    os.truncate(path, 2 * ROW + 5)


def cut_and_filled_up(path: Path) -> None:
    """The end is gone and somebody wrote behind it."""
    os.truncate(path, 2 * ROW + 5)
    os.truncate(path, 6 * ROW)


@pytest.mark.parametrize(
    ("damage", "count"),
    [(zeroed, 6), (one_byte, 1), (swapped, 2), (cut, 4), (cut_and_filled_up, 4)],
)
@pytest.mark.parametrize("when", ["before a leg", "in a leg"])
def test_damaged_rows_are_decoded_anew_and_told(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8], damage: Damage, count: int, when: str
) -> None:
    _, store = fill(cache, photos)
    damage(pixels_of(cache))
    if when == "before a leg":
        _, store = fill(cache, photos)
    for _ in range(2):
        assert np.array_equal(store.rows(range(6)), right)
        assert len(store.mended) == count
    # The cache itself is mended: the next leg has nothing to tell.
    _, store = fill(cache, photos)
    assert np.array_equal(store.rows(range(6)), right)
    assert store.mended == []


def test_a_file_cut_after_its_rows_were_read_ends_nothing(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8]
) -> None:
    _, store = fill(cache, photos)
    store.rows(range(6))
    os.truncate(pixels_of(cache), 0)
    assert np.array_equal(store.rows([4]), right[[4]])
    # Writing that row back made the file longer, with nothing before it.
    assert np.array_equal(store.rows(range(6)), right)


def test_the_cached_part_of_a_streamed_folder_is_checked_too(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8]
) -> None:
    def fill_some() -> PixelStore:
        index = scan([photos])
        return cache.fill(index, side=SIDE, budget_bytes=4 * ROW, streaming="allowed")[1]

    assert fill_some().streamed == 2
    one_byte(pixels_of(cache))
    store = fill_some()
    assert np.array_equal(store.rows(range(6)), right)
    assert (store.streamed, len(store.mended)) == (2, 1)


def test_a_row_whose_file_has_changed_is_a_problem(photos: Path, cache: PixelCache) -> None:
    index, store = fill(cache, photos)
    Image.fromarray(picture()[::-1]).save(photos / "cats" / "1.png")
    (photos / "cats" / "2.png").unlink()
    zeroed(pixels_of(cache))
    out = np.empty((6, SIDE, SIDE, 3), dtype=np.uint8)
    failed = store.read(np.arange(6), out)
    assert {index.paths[i]: failed[i].code for i in failed} == {
        "cats/1.png": "data.changed_file",
        "cats/2.png": "data.vanished",
    }
    assert store.problems == failed
    with pytest.raises(DataError, match=r"1\.png has changed since it was decoded"):
        store.rows([1])


def test_who_mends_writes_into_no_newer_cache(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8]
) -> None:
    _, old = fill(cache, photos)
    one_byte(pixels_of(cache))
    cache.clear()
    (photos / "cats" / "0.png").unlink()
    _, new = fill(cache, photos)
    before = pixels_of(cache).read_bytes()
    (photos / "cats" / "0.png").write_bytes(b"")
    assert np.array_equal(old.rows(range(1, 6)), right[1:])
    assert pixels_of(cache).read_bytes() == before
    assert np.array_equal(new.rows(range(5)), right[1:])


def test_another_decoder_gives_its_own_pixels(photos: Path, cache: PixelCache) -> None:
    fill(cache, photos)
    lines = list(read_records(book_of(cache)))
    lines[3]["crc"] ^= 1
    book_of(cache).write_bytes(b"".join(map(sealed, lines)))
    _, store = fill(cache, photos)
    assert len(store.rows(range(6))) == 6
    assert len(store.mended) == 1
    store.rows(range(6))
    assert len(store.mended) == 1


NEEDED = {"row", "size", "mtime_ns", "width", "height", "sha256", "notes", "path", "treatment"}
BAD_LINES: list[Any] = [
    {"row": "3"},
    {"row": -7},
    {"row": True},
    {"row": 10**30},
    {"width": 0},
    {"width": 1 << 40},
    {"sha256": "00"},
    {"sha256": None},
    {"notes": [3]},
    {"notes": None},
    {"size": 0.5},
    {"mtime_ns": "now"},
    {"range": [1]},
    {"range": [1, None]},
    {"path": 3},
    {"treatment": [1]},
    {"crc": -1},
    {"crc": "x"},
    {"problem": 3, "code": "x"},
    {"problem": "x"},
]


def test_a_bad_line_costs_its_row_alone(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8]
) -> None:
    fill(cache, photos)
    good = list(read_records(book_of(cache)))
    book = RowBook(book_of(cache).parent, SIDE)
    lacking = [{k: v for k, v in good[2].items() if k != key} for key in good[2] if key in NEEDED]
    assert len(lacking) == len(NEEDED)
    for bad in [good[2] | change for change in BAD_LINES] + lacking:
        old = {key: value for key, value in bad.items() if key != "crc"}
        for line in (sealed(bad), json.dumps(old).encode("ascii") + b"\n"):
            if bad == old | {"crc": bad.get("crc")} and bad.get("crc") in (-1, "x"):
                continue
            book_of(cache).write_bytes(b"".join([*map(sealed, good[:2]), line, sealed(good[3])]))
            assert list(book.records()) == [*good[:2], good[3]], bad
    lines = [*map(sealed, good)]
    lines[2] = sealed(good[2] | {"row": "3"})
    book_of(cache).write_bytes(b"".join(lines))
    assert np.array_equal(fill(cache, photos)[1].rows(range(6)), right)
    assert pixels_of(cache).stat().st_size == 7 * ROW


def test_every_changed_byte_of_a_line_is_noticed(photos: Path, cache: PixelCache) -> None:
    fill(cache, photos)
    book = RowBook(book_of(cache).parent, SIDE)
    whole = book_of(cache).read_bytes()
    good = list(read_records(book_of(cache)))
    length = whole.index(b"\n")
    for at in range(length):
        changed = bytearray(whole)
        changed[at] ^= 1
        book_of(cache).write_bytes(changed)
        assert [record for record in book.records() if record not in good] == [], at


def test_a_row_number_far_out_gives_no_huge_file(photos: Path, cache: PixelCache) -> None:
    fill(cache, photos)
    lines = list(read_records(book_of(cache)))
    lines[5]["row"] = 10**11
    book_of(cache).write_bytes(b"".join(map(sealed, lines)))
    _, store = fill(cache, photos)
    assert len(store.rows(range(6))) == 6
    assert pixels_of(cache).stat().st_size == 6 * ROW


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
@pytest.mark.parametrize("name", ["rows.jsonl", "pixels.bin"])
def test_what_is_no_file_is_a_sentence(photos: Path, cache: PixelCache, name: str) -> None:
    folder = cache.root / f"side-{SIDE}"
    folder.mkdir(parents=True)
    os.mkfifo(folder / name)
    with pytest.raises(SitError):
        fill(cache, photos)


def test_lines_follow_their_pixels_to_the_disk(
    photos: Path, cache: PixelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each sync of the pixels no line names a row that was not synced before."""
    synced: list[tuple[int, int]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        where, book = pixels_of(cache), book_of(cache)
        if where.exists() and os.path.samestat(os.fstat(descriptor), where.stat()):
            lines = list(read_records(book))
            synced.append((where.stat().st_size // ROW, len(lines)))

    monkeypatch.setattr("sit_engine.data.pixel_cache.cache_rows.BETWEEN_SYNCS_S", 0.0)
    monkeypatch.setattr(os, "fsync", note)
    fill(cache, photos)
    assert len(synced) >= 6
    assert [lines for _, lines in synced[:6]] == list(range(6))
    assert all(rows > lines for rows, lines in synced[:6])


# Caches of earlier versions


def as_of_old(cache: PixelCache) -> None:
    """Lines as they were: no checksums."""
    lines = list(read_records(book_of(cache)))
    for line in lines:
        line.pop("crc", None)
    book_of(cache).write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_an_old_cache_is_believed_when_its_sample_is_right(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8]
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff not really")
    fill(cache, photos)
    as_of_old(cache)
    before = pixels_of(cache).stat()
    index, store = fill(cache, photos)
    assert len(index.problems) == 1
    assert np.array_equal(store.rows(range(6)), right)
    after = pixels_of(cache).stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert all("crc" in line for line in read_records(book_of(cache)) if "row" in line)
    one_byte(pixels_of(cache))
    assert np.array_equal(fill(cache, photos)[1].rows(range(6)), right)


@pytest.mark.parametrize("damage", [zeroed, one_byte, swapped, cut, cut_and_filled_up])
def test_an_old_cache_with_damage_is_decoded_anew(
    photos: Path, cache: PixelCache, right: NDArray[np.uint8], damage: Damage
) -> None:
    fill(cache, photos)
    as_of_old(cache)
    damage(pixels_of(cache))
    _, store = fill(cache, photos)
    assert np.array_equal(store.rows(range(6)), right)


def test_black_rows_of_an_old_cache_are_decoded_anew(
    photos: Path,
    cache: PixelCache,
    right: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sit_engine.data.pixel_cache.adopting.DECODED_AGAIN", 1)
    fill(cache, photos)
    as_of_old(cache)
    found = pixels_of(cache).read_bytes()
    pixels_of(cache).write_bytes(found[: 3 * ROW] + bytes(2 * ROW) + found[5 * ROW :])
    _, store = fill(cache, photos)
    assert np.array_equal(store.rows(range(6)), right)
    assert pixels_of(cache).stat().st_size == 8 * ROW


def test_a_book_of_lines_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(sealed({"a": 'x", "seal": "00000000"}', "b": [1.5, None]}))
    assert list(read_records(path)) == [{"a": 'x", "seal": "00000000"}', "b": [1.5, None]}]
    assert list(RowBook(tmp_path, SIDE).records()) == []
