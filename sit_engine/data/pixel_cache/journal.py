"""An append-only file of JSON lines with one writer, and the lock that makes it one.

Each line ends with the checksum of what stands before it, so that a changed byte is noticed.
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from sit_engine import own_files
from sit_engine.errors import DiskError
from sit_engine.records.locking.lock import try_lock, unlock

Record = dict[str, Any]
UNSEALED = "unsealed"
"""Stands in a record whose line has no checksum."""
_SEAL = re.compile(r', "seal": "([0-9a-f]{8})"\}')
_SEAL_CHARACTERS = 21


def read_records(path: Path) -> Iterator[Record]:
    """All whole lines, oldest first; a torn or changed one is skipped.

    Lines of earlier versions have no checksum and are given with a mark: check their values.
    """
    if not path.exists():
        return
    for line in own_files.lines(path):
        if (record := _parsed(line)) is not None:
            yield record


def _parsed(line: str) -> Record | None:
    if not line.isascii():
        return None
    body = line
    if seal := _SEAL.fullmatch(line, max(0, len(line) - _SEAL_CHARACTERS)):
        body = line[: seal.start()] + "}"
        if zlib.crc32(body.encode("ascii")) != int(seal[1], 16):
            return None
    try:
        record = own_files.parse_json(body)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    return record if seal else record | {UNSEALED: True}


def sealed(record: Record) -> bytes:
    """The line of a record; `record` is not empty."""
    body = json.dumps(record)
    return f'{body[:-1]}, "seal": "{zlib.crc32(body.encode("ascii")):08x}"}}\n'.encode("ascii")


class Appender:
    """Appends records; they reach the operating system at once."""

    def __init__(self, path: Path) -> None:
        own_files.check_regular(path)
        self.file = path.open("ab", buffering=0)
        if self.file.tell():
            with path.open("rb") as written:
                written.seek(-1, os.SEEK_END)
                torn = written.read(1) != b"\n"
            if torn:
                self.file.write(b"\n")

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def append(self, records: Iterable[Record]) -> None:
        """Append the records, one line each."""
        rest = memoryview(b"".join(sealed(record) for record in records))
        while rest:
            rest = rest[self.file.write(rest) :]

    def to_disk(self) -> None:
        """Wait until what was appended survives a power cut."""
        os.fsync(self.file.fileno())


class FileLock:
    """A lock with one holder among all processes; the system frees it when its process ends."""

    def __init__(self, path: Path, *, wait_s: float, on_wait: Callable[[], None]) -> None:
        self.path, self.wait_s, self.on_wait = path, wait_s, on_wait
        self.file: IO[bytes] | None = None

    def __enter__(self) -> FileLock:
        file = self.path.open("a+b")
        until = time.monotonic() + self.wait_s
        try:
            while not self._is_taken(file):
                if time.monotonic() >= until:
                    raise DiskError(
                        "disk.cache_busy",
                        "Another SiT Studio process is still filling the pixel cache in {path}.",
                        "Wait until it has finished, or set SIT_CACHE_DIR to another folder.",
                        path=self.path.parent,
                    )
                self.on_wait()
                time.sleep(0.1)
        except BaseException:
            file.close()
            raise
        self.file = file
        return self

    @staticmethod
    def _is_taken(file: IO[bytes]) -> bool:
        try:
            return try_lock(file)
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            unlock(self.file)
            self.file.close()
