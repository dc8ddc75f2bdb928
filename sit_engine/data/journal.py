"""An append-only file of JSON lines with one writer, and the lock that makes it one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sit_engine.errors import DiskError
from sit_engine.lock import try_lock, unlock

Record = dict[str, Any]


def read_records(path: Path) -> Iterator[Record]:
    """All whole lines, oldest first; a torn one, left by a killed writer, is skipped."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


class Appender:
    """Appends records; each line reaches the operating system at once."""

    def __init__(self, path: Path) -> None:
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

    def append(self, record: Record) -> None:
        """One more line."""
        self.file.write(json.dumps(record).encode("ascii") + b"\n")


class FileLock:
    """One holder among all processes; the system frees it when its process ends, however."""

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
