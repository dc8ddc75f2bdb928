"""Files of our own: written whole or not at all, read without trust, and told of when they fail."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import uuid
from pathlib import Path
from typing import Any

from sit_engine import own_files
from sit_engine.errors import DiskError, FileError, OutOfMemoryError, SitError


def write_aside(path: Path, text: str) -> None:
    """Write a whole file or nothing: aside, to disk, then renamed over the old one."""
    write_bytes_aside(path, text.encode("utf-8"))


def write_bytes_aside(path: Path, content: bytes) -> None:
    """The same, byte for byte."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        folder_to_disk(path.parent)
    finally:
        aside.unlink(missing_ok=True)


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
