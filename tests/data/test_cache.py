"""Each file is decoded once, into the right row, and damaged ones are named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from sit_engine.data.decode.decode_pool import Answer, Cancel, DecodePool, Job
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.cache import PixelCache, cache_side
from sit_engine.data.pixel_cache.journal import read_records, sealed
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import CancelledError, DiskError
from tests.data.conftest import Snapshot, picture


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Every job that any pool is given from now on."""
    given: list[Job] = []
    run = DecodePool.run

    def spy(
        self: DecodePool, jobs: Iterable[tuple[Any, Job]], *, cancel: Cancel | None = None
    ) -> Iterator[tuple[Any, Answer]]:
        def noted() -> Iterator[tuple[Any, Job]]:
            for job_id, job in jobs:
                given.append(job)
                yield job_id, job

        return run(self, noted(), cancel=cancel)

    monkeypatch.setattr(DecodePool, "run", spy)
    return given


def pixels_match(index: ImageIndex, store: PixelStore) -> bool:
    """Whether each row holds its own file's picture."""
    wanted = [
        np.asarray(
            Image.open(index.path(i)).convert("RGB").resize((store.side, store.side), 3), dtype=int
        )
        for i in range(len(index))
    ]
    return bool(np.abs(store.rows(range(len(index))) - np.stack(wanted)).max() <= 1)


def test_every_row_holds_its_own_picture_and_shape(photos: Path, cache: PixelCache) -> None:
    index, store = cache.fill(scan([photos]), side=16)
    assert len(store) == len(index) == 6
    assert pixels_match(index, store)
    assert store.rows(np.array([5, 0])).shape == (2, 16, 16, 3)
    assert np.array_equal(store.rows([5, 0]), store.rows(range(6))[[5, 0]])
    assert store.aspect.tolist() == [np.float32(40 / 30)] * 6


def test_a_second_fill_decodes_nothing(photos: Path, cache: PixelCache, jobs: list[Job]) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff not really")
    Image.fromarray(np.arange(12, dtype=np.uint16).reshape(3, 4)).save(photos / "deep.png")
    index = scan([photos])
    first = cache.fill(index, side=16)
    del jobs[:]
    second = PixelCache(cache.root.parent).fill(index, side=16)
    assert jobs == []
    assert first[0].to_json() == second[0].to_json()
    assert np.array_equal(first[1].rows(range(7)), second[1].rows(range(7)))


def test_only_changed_and_new_files_are_decoded_again(
    photos: Path, cache: PixelCache, jobs: list[Job]
) -> None:
    old = cache.fill(scan([photos]), side=16)[1]
    before = old.rows(range(6))
    Image.fromarray(picture()[::-1]).save(photos / "cats" / "1.png")
    Image.fromarray(picture()[:, ::-1]).save(photos / "cats" / "new.png")
    index = scan([photos])
    del jobs[:]
    index, store = cache.fill(index, side=16)
    assert sorted(Path(job["path"]).name for job in jobs) == ["1.png", "new.png"]
    assert pixels_match(index, store)
    assert np.array_equal(old.rows(range(6)), before)  # Who trains on the old rows keeps them.


def test_a_torn_last_line_costs_one_image(photos: Path, cache: PixelCache, jobs: list[Job]) -> None:
    cache.fill(scan([photos]), side=16, workers=1)
    book = cache.root / "side-16" / "rows.jsonl"
    book.write_bytes(book.read_bytes()[:-9])
    index = scan([photos])
    for wanted in (1, 0):
        del jobs[:]
        found, store = cache.fill(index, side=16)
        assert len(jobs) == wanted
        assert pixels_match(found, store)


def test_lost_pixels_are_decoded_again(photos: Path, cache: PixelCache) -> None:
    cache.fill(scan([photos]), side=16)
    (cache.root / "side-16" / "pixels.bin").unlink()
    assert pixels_match(*cache.fill(scan([photos]), side=16))


def test_the_journal_keeps_what_a_reason_is_made_of(
    photos: Path, cache: PixelCache, jobs: list[Job]
) -> None:
    index = scan([photos])
    path = photos / "cats" / "0.png"
    tifffile.imwrite(path, np.zeros((8, 8, 5), np.uint8), planarconfig="contig")
    made = [cache.fill(index, side=8)[0].problems[0].reason for _ in range(2)]
    assert sum(job["job"] == "decode" for job in jobs) == len(index)
    assert [getattr(reason, "values", None) for reason in made] == [{"channels": "5"}] * 2
    # A line of before has the words alone.
    (book,) = cache.root.rglob("rows.jsonl")
    book.write_bytes(b"".join(
        sealed({name: value for name, value in record.items() if name != "templates"})
        for record in read_records(book)
    ))  # fmt: skip
    reason = cache.fill(index, side=8)[0].problems[0].reason
    assert (type(reason), reason) == (str, made[0])


def test_a_file_that_vanishes_after_the_listing_is_a_problem(
    photos: Path, cache: PixelCache
) -> None:
    index = scan([photos])
    for path in (photos / "dogs").iterdir():
        path.unlink()
    index, store = cache.fill(index, side=16)
    assert {problem.code for problem in index.problems} == {"data.vanished"}
    assert (len(index), len(store), index.classes) == (3, 3, ("cats",))
    assert index.files == len(index) + len(index.problems)


def test_exact_copies_are_found_and_stay_usable(photos: Path, cache: PixelCache) -> None:
    (photos / "dogs" / "copy.png").write_bytes((photos / "cats" / "2.png").read_bytes())
    index, _ = cache.fill(scan([photos]), side=16)
    assert index.duplicates == (("cats/2.png", "dogs/copy.png"),)
    assert len(index) == 7


def test_deep_images_share_the_folders_percentiles(tmp_path: Path, cache: PixelCache) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    for name, start in (("dark", 1000), ("light", 2000)):
        values = np.linspace(start, start + 999, 10_000).reshape(100, 100).astype(np.uint16)
        Image.fromarray(values).save(folder / f"{name}.png")
    index = scan([folder])
    assert index.deep.all()
    _, store = cache.fill(index, side=100)
    assert store.value_range is not None
    assert store.value_range == pytest.approx((1002, 2997), abs=3)
    assert int(store.rows([0]).max()) in (127, 128)
    assert int(store.rows([1]).min()) in (127, 128)
    assert cache.fill(index, side=100, value_range="full")[1].rows([1]).max() == 12
    given = cache.fill(index, side=100, value_range=(0.0, 4000.0))[1]
    assert given.value_range == (0.0, 4000.0)
    assert given.rows([1]).max() == round(2999 / 4000 * 255)


def test_a_budget_too_small_is_said_and_old_rows_make_room(photos: Path, cache: PixelCache) -> None:
    with pytest.raises(DiskError, match="budget") as raised:
        cache.fill(scan([photos]), side=16, budget_bytes=6 * 16 * 16 * 3 - 1)
    assert raised.value.code == "disk.cache_budget"
    cache.fill(scan([photos]), side=16)
    Image.fromarray(picture()[::-1]).save(photos / "cats" / "0.png")
    index, store = cache.fill(scan([photos]), side=16, budget_bytes=6 * 16 * 16 * 3)
    assert pixels_match(index, store)
    assert (cache.root / "side-16" / "pixels.bin").stat().st_size == 6 * 16 * 16 * 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_sentence(photos: Path, cache: PixelCache) -> None:
    folder = cache.root / "side-16"
    folder.mkdir(parents=True)
    (folder / "pixels.bin").symlink_to("/dev/full")
    with pytest.raises(DiskError, match="The disk is full") as raised:
        cache.fill(scan([photos]), side=16)
    assert raised.value.code == "disk.full"


def test_a_cache_that_another_process_fills_is_waited_for_and_then_said(
    photos: Path, cache: PixelCache
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="holds the lock as POSIX does")
    told: list[str] = []
    folder = cache.root / "side-16"
    folder.mkdir(parents=True)
    with (folder / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DiskError, match="Another SiT Studio process"):
            cache.fill(scan([photos]), side=16, on_progress=lambda phase, *_: told.append(phase))
    assert "waiting" in told
    assert len(cache.fill(scan([photos]), side=16)[1]) == 6


def test_a_cleared_cache_is_empty_and_whoever_mapped_it_keeps_it(
    photos: Path, cache: PixelCache
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="holds the lock as POSIX does")
    index, store = cache.fill(scan([photos]), side=16)
    assert cache.size_bytes() > 6 * 16 * 16 * 3
    with (cache.root / "side-16" / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DiskError) as error:
            cache.clear()
        assert error.value.code == "disk.cache_busy"
    cache.clear()
    assert cache.size_bytes() == 0
    assert pixels_match(index, store)
    assert pixels_match(*cache.fill(scan([photos]), side=16))


def test_what_was_decoded_before_a_cancel_is_kept(
    photos: Path, cache: PixelCache, jobs: list[Job]
) -> None:
    index = scan([photos])
    done: list[int] = []
    with pytest.raises(CancelledError):
        cache.fill(
            index,
            side=16,
            workers=1,
            on_progress=lambda _, n, __: done.append(n),
            cancel=lambda: bool(done) and done[-1] >= 2,
        )
    kept = book_lines(cache)
    assert kept >= 2
    del jobs[:]
    cache.fill(index, side=16)
    assert len(jobs) == 6 - kept


def book_lines(cache: PixelCache) -> int:
    """Lines written so far."""
    book = cache.root / "side-16" / "rows.jsonl"
    return len(book.read_text().splitlines()) if book.exists() else 0


def test_the_environment_names_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "there"))
    assert PixelCache().root == tmp_path / "there" / "pixels"


def test_the_side_follows_the_view_but_not_beyond_the_images(tmp_path: Path) -> None:
    def side(view: int, *sizes: tuple[int, int]) -> int:
        folder = tmp_path / f"{view}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for i, size in enumerate(sizes):
            Image.new("L", size).save(folder / f"{i}.png")
        return cache_side(view, scan([folder]))

    assert side(224, (500, 400), (30, 20)) == 258
    assert side(224, (500, 200), (150, 300)) == 200
    assert side(32, (1, 5000), (1, 1)) == 16


def test_images_of_one_pixel_are_usable(tmp_path: Path, cache: PixelCache) -> None:
    Image.new("RGB", (1, 1), (9, 8, 7)).save(tmp_path / "a.png")
    Image.new("RGB", (1, 900), (9, 8, 7)).save(tmp_path / "b.png")
    _, store = cache.fill(scan([tmp_path]), side=16)
    assert (store.rows([0, 1]) == (9, 8, 7)).all()
    assert store.aspect.tolist() == [1.0, np.float32(1 / 900)]


def test_the_hostile_folder_gives_154_usable_images(
    hostile: Path, cache: PixelCache, snapshot: Snapshot, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((hostile / "hostile-manifest.json").read_text("utf-8"))
    before = snapshot(hostile)
    index, store = cache.fill(scan([hostile / "hostile"]), side=64)
    assert snapshot(hostile) == before
    assert capfd.readouterr() == ("", "")
    # Two of these (bad_crc, broken_data_stream) break off in the middle: Pillow's first load fails
    # and its second, which the manifest recorded, gives the part before the damage. A note says so.
    loads = {entry["path"] for entry in manifest["files"] if entry.get("load") == "ok"}
    # Colours of 32 bits are read, which Pillow refuses; what begins with a dot is not looked at.
    loads = loads - {"names/.hidden.jpg"} | {"pillow/hopper_unknown_pixel_mode.tif"}
    assert set(index.paths) == loads
    assert (len(index), len(index.problems), len(store)) == (154, 43, 154)
    assert dict(index.notes)["is damaged; only the part before the damage is used"] == 2
    for problem in index.problems:
        assert "Error" not in problem.reason
        assert problem.reason.split()[0] in {"is", "has", "begins", "stores"}
    copies = {"dups/a.jpg", "dups/a_copy.jpg", "dups/sub/a_other_name.jpg", "good/dress.jpg"}
    assert any(copies <= set(group) for group in index.duplicates)


def test_orientations_of_one_picture_look_the_same_in_the_cache(
    hostile: Path, cache: PixelCache
) -> None:
    index, store = cache.fill(scan([hostile / "hostile" / "exif"]), side=64)
    turned = [i for i, path in enumerate(index.paths) if path[12:13] in set("12345678")]
    assert len(turned) == 8
    rows = store.rows(turned).astype(int)
    assert np.abs(rows - rows[0]).mean() < 3
    assert len(set(store.aspect[turned].tolist())) == 1
