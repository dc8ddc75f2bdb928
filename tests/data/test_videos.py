"""Videos beside images: frames by time, turned and squared as they are meant, and what cannot be read."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine.data.decode.decode_pool import DecodePool
from sit_engine.data.decode.rgb import decode_rgb
from sit_engine.data.folder.frames import frames_in, split_name, time_text
from sit_engine.data.folder.wanted import Patterns
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.full_scan import full_scan
from sit_engine.data.scan.quick_scan import scan
from sit_engine.data.scan.split import make_split
from tests.data.conftest import unpack
from tests.videos import SIZE, brightness, numbered, turn, write_sound, write_video

ROOT = Path(__file__).parents[2]


def test_a_video_owns_a_stretch_of_rows(folder: Path, cache: PixelCache) -> None:
    index = scan([folder])
    times = [f"m.mp4#t={time}" for time in range(5)]
    assert index.paths == ["a.png", *times, "z.png"]
    (video,) = index.videos
    assert (video.path, video.frames, video.codec, video.rotation) == ("m.mp4", 5, "mpeg4", 0)
    assert (video.width, video.height, video.seconds) == (*SIZE, 5.0)
    items = index.items()
    assert items is not None
    assert items.tolist() == [0, 1, 1, 1, 1, 1, 2]
    left, store = cache.fill(index, side=32)
    assert left.paths == index.paths
    assert not left.problems
    # The first frame at or after 0, 1, 2 … s of 4 a second.
    assert brightness(store.rows(range(1, 6))) == [0, 4, 8, 12, 16]
    assert store.aspect[1] == pytest.approx(SIZE[0] / SIZE[1])
    assert store.items is not None
    assert store.items.tolist() == items.tolist()


def test_an_image_that_is_called_like_a_frame_is_itself(photos: Path, cache: PixelCache) -> None:
    odd = photos / "cats" / "0#t=3"
    (photos / "cats" / "0.png").rename(odd)
    (photos / "cats" / "same#t=4").write_bytes(odd.read_bytes())
    index = scan([photos])
    assert "cats/0#t=3" in index.paths
    left, _ = cache.fill(index, side=16)
    assert left.duplicates == (("cats/0#t=3", "cats/same#t=4"),)
    assert left.file(left.paths.index("cats/0#t=3")) == str(odd)


def test_images_alone_have_no_items(photos: Path, cache: PixelCache) -> None:
    index = scan([photos])
    assert index.items() is None
    assert cache.fill(index, side=16)[1].items is None
    assert "videos" not in index.to_json()


def test_the_rate_is_chosen_and_frames_known_before_are_not_read_again(
    folder: Path, cache: PixelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.fill(scan([folder]), side=32)
    index = scan([folder], frame_rate=2)
    assert [split_name(path)[1] for path in index.paths[1:4]] == ["0", "0.5", "1"]
    asked: list[str] = []
    run = DecodePool.run

    def spy(pool: DecodePool, jobs: object, **more: object) -> object:
        listed = list(jobs)  # type: ignore[call-overload]
        asked.extend(time for _, job in listed for time in job.get("times", ()))
        return run(pool, listed, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(DecodePool, "run", spy)
    _, store = cache.fill(index, side=32)
    assert asked == ["0.5", "1.5", "2.5", "3.5", "4.5"]
    assert brightness(store.rows(range(1, 11))) == list(range(0, 20, 2))


def test_a_folder_of_many_frames_takes_little_memory(tmp_path: Path) -> None:
    write_video(tmp_path / "films" / "a.mkv", numbered(3), at=[0, 40, 79])
    tracemalloc.start()
    index = scan([tmp_path / "films"], frame_rate=1000)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index) == 20_000
    # Of a million frames 150 MB; pixels lie on the disk.
    assert kept < 150 * len(index)


def test_times_are_texts_that_hit_a_picture_on_the_moment() -> None:
    assert [time_text(number, 3) for number in range(4)] == ["0", "0.333", "0.666", "1"]
    assert time_text(100_001, 8) == "12500.125"
    assert [frames_in(seconds, 1) for seconds in (0, 0.2, 1.0, 1.5, 60.0)] == [1, 1, 1, 2, 60]


def test_a_frame_alone_is_the_same_picture_as_among_others(folder: Path, cache: PixelCache) -> None:
    index = scan([folder])
    _, store = cache.fill(index, side=48)
    alone = Image.fromarray(decode_rgb(index.path(4), value_range=None))
    assert brightness(np.asarray(alone)[None]) == [12]
    # What the cache lost is read again, frame by frame, with the same checksums.
    with (cache.root / "side-48" / "pixels.bin").open("r+b") as pixels:
        pixels.seek(int(store.row_of[4]) * 48 * 48 * 3 + 100)
        pixels.write(b"damage")
    _, again = cache.fill(index, side=48)
    assert brightness(again.rows([4])) == [12]
    assert again.mended == ["m.mp4#t=3"]


def test_rotation_and_oblong_pixels_are_honoured(tmp_path: Path, cache: PixelCache) -> None:
    turn(write_video(tmp_path / "films" / "phone.mp4", numbered(4)))
    write_video(tmp_path / "films" / "wide.mkv", numbered(4), aspect=Fraction(2, 1))
    index = scan([tmp_path / "films"])
    assert [(v.width, v.height, v.rotation) for v in index.videos] == [(48, 64, 90), (128, 48, 0)]
    left, store = cache.fill(index, side=48)
    assert left.sizes.tolist() == [[48, 64], [128, 48]]
    phone = store.rows([0])[0]
    # The white corner was at the top left, and is at the top right when turned clockwise.
    assert phone[4, -4].min() > 200
    assert phone[4, 4].max() < 100


CODECS = {
    "mp4": "mpeg4",
    "m4v": "mpeg4",
    "mov": "mpeg4",
    "mkv": "mpeg4",
    "webm": "libvpx",
    "avi": "mpeg4",
    "ts": "mpeg2video",
}


def test_all_usual_containers_give_the_same_frames(tmp_path: Path, cache: PixelCache) -> None:
    for ending, codec in CODECS.items():
        rate = 25 if ending == "ts" else 4
        frames = [frame for frame in numbered(20) for _ in range(6 if ending == "ts" else 1)]
        write_video(tmp_path / "films" / f"a.{ending}", frames, rate=rate, codec=codec)
    index = scan([tmp_path / "films"])
    assert not index.problems
    _, store = cache.fill(index, side=32)
    items = index.items()
    assert items is not None
    for item in range(len(CODECS)):
        found = brightness(store.rows(np.flatnonzero(items == item)))
        assert found[:4] == [0, 4, 8, 12], index.videos[item]


def test_a_gif_that_moves_is_an_image_unless_it_is_said_to_be_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "gifs"
    folder.mkdir()
    pictures = [Image.fromarray(frame) for frame in numbered(8)]
    pictures[0].save(folder / "moves.gif", save_all=True, append_images=pictures[1:], duration=500)
    pictures[0].save(folder / "still.gif")
    assert scan([folder]).paths == ["moves.gif", "still.gif"]
    index = scan([folder], gifs="video")
    assert index.paths == [*(f"moves.gif#t={time}" for time in range(4)), "still.gif"]
    assert scan([folder]).paths == ["moves.gif", "still.gif"]


def _hostile(folder: Path) -> dict[str, str]:
    """Files that cannot be read, and the codes of why."""
    folder.mkdir()
    whole = write_video(folder / "whole.mp4", numbered(40)).read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "zeros.mp4").write_bytes(bytes(5000))
    (folder / "empty.mov").touch()
    (folder / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:9,\nfile://{folder}/whole.mp4\n")
    write_sound(folder / "sound.mp4")
    key = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    write_video(folder / "locked.mp4", numbered(8), codec="libx264", options=key)
    # A header and an index, but no picture among its data.
    (folder / "program.ts").write_text("export const x = 1;\n")
    start = whole.index(b"mdat") + 4
    end = whole.index(b"moov") - 4
    (folder / "blank.mp4").write_bytes(whole[:start] + bytes(end - start) + whole[end:])
    return {
        "blank.mp4": "data.no_frames",
        "empty.mov": "data.empty",
        "half.mp4": "data.damaged_video",
        "list.mp4": "data.damaged_video",
        "locked.mp4": "data.encrypted",
        "program.ts": "data.not_an_image",
        "sound.mp4": "data.no_pictures",
        "zeros.mp4": "data.damaged_video",
    }


def test_what_cannot_be_read_is_named_with_a_reason(tmp_path: Path) -> None:
    expected = _hostile(tmp_path / "films")
    index = scan([tmp_path / "films"])
    assert {problem.path: problem.code for problem in index.problems} == expected
    assert all(problem.reason for problem in index.problems)
    assert len(index.videos) == 1


def test_a_video_without_its_end_is_used_as_far_as_it_goes_and_told_once(
    tmp_path: Path, cache: PixelCache
) -> None:
    film = write_video(tmp_path / "films" / "a.mkv", numbered(32))
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) * 2 // 3])
    index = scan([tmp_path / "films"])
    assert len(index) == 8
    left, store = cache.fill(index, side=32)
    assert [problem.code for problem in left.problems] == ["data.cut_off"]
    assert left.problems[0].path == "a.mkv"
    assert "8 s" in left.problems[0].reason
    assert 2 <= len(left) <= 6
    assert brightness(store.rows(range(len(left)))) == list(range(0, 4 * len(left), 4))
    # Known from the journal: nothing is decoded again, and the same is told.
    assert cache.fill(index, side=32)[0].problems == left.problems


def test_a_length_that_promises_a_little_more_is_no_problem(
    tmp_path: Path, cache: PixelCache
) -> None:
    # The last picture stands at 5.25 s and lasts a second: nothing is at or after 6 s.
    write_video(tmp_path / "films" / "a.mkv", numbered(22), at=[*range(21), 25])
    index = scan([tmp_path / "films"])
    assert len(index) == 7
    left, _ = cache.fill(index, side=32)
    assert (len(left), left.problems) == (7, ())


def test_broken_time_stamps_are_named(tmp_path: Path) -> None:
    film = write_video(tmp_path / "films" / "a.h264", numbered(8), codec="libx264")
    assert film.stat().st_size
    assert [problem.code for problem in scan([film.parent]).problems] == ["data.time_stamps"]


def test_a_variable_rate_is_read_by_time_and_one_with_a_leap_of_a_day_is_named(
    tmp_path: Path, cache: PixelCache
) -> None:
    write_video(tmp_path / "films" / "a.mkv", numbered(8), at=[0, 1, 5, 6, 13, 14, 30, 31])
    # Six pictures would make a hundred thousand, nearly all of them the last one.
    write_video(tmp_path / "films" / "leap.mkv", numbered(6), at=[0, 1, 3, 4, 8, 400_000])
    index = scan([tmp_path / "films"])
    assert [(one.path, one.code) for one in index.problems] == [("leap.mkv", "data.time_stamps")]
    _, store = cache.fill(index, side=32)
    assert brightness(store.rows(range(8))) == [0, 2, 4, 4, 6, 6, 6, 6]


@pytest.mark.cold
def test_without_pyav_a_video_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "av.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    os.utime(folder / "m.mp4", ns=(1, 1))
    index = scan([folder])
    assert index.paths == ["a.png", "z.png"]
    (problem,) = index.problems
    assert problem.code == "data.video"
    assert "sit-studio[video]" in problem.reason


def test_equal_videos_are_one_group_and_a_leak_is_told_once(tmp_path: Path) -> None:
    film = write_video(tmp_path / "train" / "a.mp4", numbered(12))
    shutil.copy(film, film.parent / "b.mp4")
    (tmp_path / "test").mkdir()
    shutil.copy(film, tmp_path / "test" / "c.mp4")
    found = full_scan([str(film.parent)], test=[str(tmp_path / "test")])
    assert found.index.duplicates == (("a.mp4", "b.mp4"),)
    assert found.leaks == (("c.mp4", "a.mp4"),)
    assert found.index.to_json()["videos"] == {"count": 2, "seconds": 6.0, "frames": 6}


def test_frames_of_a_video_are_on_one_side_of_a_split(tmp_path: Path) -> None:
    for name in ("cats/a", "cats/b", "cats/c", "dogs/d", "dogs/e", "dogs/f"):
        write_video(tmp_path / "films" / f"{name}.mp4", numbered(12))
    index = scan([tmp_path / "films"])
    split = make_split(index, 4, 0)
    items = index.items()
    assert items is not None
    assert len(split.watch) == 6
    assert not set(items[split.watch]) & set(items[split.train])
    assert len(split.watch) + len(split.train) == len(index)


def test_the_real_videos_are_read_whole(
    tmp_path_factory: pytest.TempPathFactory, cache: PixelCache
) -> None:
    folder = unpack("videos-mini.tar", tmp_path_factory.mktemp("real"))
    index = scan([folder], frame_rate=0.2, patterns=Patterns(exclude=("*.txt",)))
    assert (len(index.videos), index.problems) == (51, ())
    left, store = cache.fill(index, side=32)
    assert not left.problems
    assert len(left) >= len(index) - 51
    assert store.items is not None
    assert len(set(store.items.tolist())) == 51
