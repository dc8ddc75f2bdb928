"""Files of our own: written whole or not at all, read without trust, and told of when they fail."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs
import psutil

from sit_engine import own_files
from sit_engine.errors import DiskError, FileError, OutOfMemoryError, SitError

LONGEST_ENDING = 12
_MOST_HASHED_BYTES = 1 << 26
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 20
OLD = ".old"
ASIDE = re.compile(r"\.new-[0-9a-f]{12}-(\d+)-")


def cache_root() -> Path:
    """Folder of this user's caches: SIT_CACHE_DIR, else where the system wants them."""
    return Path(os.environ.get("SIT_CACHE_DIR") or platformdirs.user_cache_dir("sit-studio"))


def write_aside(path: Path, text: str) -> None:
    """Write a whole file or nothing: aside, to disk, then renamed over the old one."""
    write_bytes_aside(path, text.encode("utf-8"))


def write_bytes_aside(path: Path, content: bytes) -> None:
    """Write a whole file of bytes or nothing, as `write_aside` does for text."""
    with in_place_of(path) as aside:
        aside.write_bytes(content)


@contextmanager
def in_place_of(path: Path, *, folder: bool = False, ending: str | None = None) -> Iterator[Path]:
    """A name beside `path` for a file or folder that takes its place once all of it is on the disk.

    `folder`: one that is there already makes way, and is away only when the new one is in. `ending`:
    of that name, where whoever writes insists on one. What a killed process left of the same goes
    first, but for a folder that had made way: it comes back. Raises OSError.
    """
    # A name may be as long as the disk allows, so only its hash stands in the one beside it.
    mark = f".new-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}"
    for left in path.parent.glob(f"{mark}-*"):
        if not _is_at_work(left):
            _settle(left, path)
    if ending is None:
        ending = path.suffix if len(path.suffix) <= LONGEST_ENDING else ""
    aside = path.with_name(f"{mark}-{os.getpid()}-{uuid.uuid4().hex[:8]}{ending}")
    old = aside.with_name(f"{aside.name}{OLD}")
    try:
        yield aside
        to_disk(aside)
        if folder and path.is_dir():
            path.rename(old)
        aside.replace(path)
        folder_to_disk(path.parent)
    finally:
        remove(aside)
        _settle(old, path)


def _settle(left: Path, path: Path) -> None:
    """One that made way is the only one until the new one is in."""
    if left.name.endswith(OLD) and left.exists() and not os.path.lexists(path):
        left.rename(path)
    remove(left)


def clear_asides(folder: Path) -> int:
    """Remove what killed processes left half-written in a folder; gives how much it was."""
    dead = [path for path in folder.glob(".new-*") if _is_left(path) and not _is_at_work(path)]
    for path in dead:
        remove(path)
    return len(dead)


def is_free(path: Path) -> bool:
    """Whether nothing is there, or a folder with nothing in it but what a killed process left."""
    if not os.path.lexists(path):
        return True
    return path.is_dir() and all(map(_is_left, path.iterdir()))


def _is_left(path: Path) -> bool:
    """Whether it was never whole."""
    return ASIDE.match(path.name) is not None and not path.name.endswith(OLD)


def _is_at_work(aside: Path) -> bool:
    named = ASIDE.match(aside.name)
    return named is not None and psutil.pid_exists(int(named[1]))


def remove(path: Path) -> None:
    """A file or folder of ours, if it is there and as far as that can be done."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """A file, or all that is in a folder: it must survive a power cut before anything is said of it."""
    if path.is_dir():
        for inside in path.iterdir():
            to_disk(inside)
        folder_to_disk(path)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def put_aside(path: Path) -> Path | None:
    """Rename what bears this name, whatever it is, so that nothing is lost; gives where it is now."""
    if not os.path.lexists(path):
        return None
    aside = next(
        place
        for number in itertools.count(1)
        if not os.path.lexists(place := path.with_name(f"{path.name}.aside-{number}"))
    )
    path.rename(aside)
    folder_to_disk(path.parent)
    return aside


def folder_to_disk(path: Path) -> None:
    """The rename itself must survive a power cut; only POSIX can ask for that."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_hash(path: Path) -> str:
    """sha256 of a file: checkpoints are verified by it, and exported programs known again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_print(path: str) -> str:
    """What a video is known by: sha256 of the whole file, of one over 64 MiB of its size and samples."""
    state = Path(path).stat()
    return _file_print(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _file_print(path: str, size: int, _: int) -> str:
    if size <= _MOST_HASHED_BYTES:
        return file_hash(Path(path))
    digest = hashlib.sha256(str(size).encode("ascii"))
    with Path(path).open("rb") as file:
        for place in range(_SAMPLES):
            file.seek(place * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def frame_print(video: str, time: str) -> str:
    """What a frame is known by, from what its video is known by and its time."""
    return hashlib.sha256(f"{video}#t={time}".encode("ascii")).hexdigest()


def out_of_memory() -> OutOfMemoryError:
    """The sentence for memory that ran out somewhere."""
    return OutOfMemoryError(
        "memory.process",
        "There was not enough memory, or this process may not use enough of it.",
        "Close other programs, lift its limit (`ulimit -v`), or set smaller sizes; then try again.",
    )


def disk_error(error: OSError, path: Path) -> SitError:
    """The sentence for a file or folder that could not be written."""
    if error.errno == errno.ENOMEM:
        return out_of_memory()
    return DiskError(
        "disk.write",
        "Cannot write to {path}: {why}.",
        "Free some space or choose another place; everything written before is kept.",
        path=path,
        why=(error.strerror or str(error)).lower(),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours; empty where there is none that can be used."""
    try:
        return own_files.read_json(path)
    except FileError:
        return {}
