"""Who holds a file where the file system has no locks: whoever's count in it goes on.

No clock of two machines is compared: a waiter watches, by its own clock, whether the count changes.
Two that begin at once are told apart as well as a file system without locks can.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from sit_engine.errors import RunError

BEAT_S = 1.0
PATIENCE_S = 6.0
"""So long a count may stand still while its holder lives."""

_seen: dict[Path, tuple[bytes, float]] = {}


class Beating:
    """Counts in a file beside the lock's until it is released."""

    is_heartbeat = True

    def __init__(self, where: Callable[[], Path]) -> None:
        self.where, self.ended = where, threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
        self.thread.start()

    def _beat(self) -> None:
        count = 0
        while not self.ended.is_set():
            with contextlib.suppress(OSError, RunError):
                beat_file(self.where()).write_text(str(count), "ascii")
            count += 1
            self.ended.wait(BEAT_S)

    def release(self) -> None:
        """Stop counting, and remove both files."""
        self.ended.set()
        self.thread.join()
        path = self.where()
        beat_file(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def beat_file(path: Path) -> Path:
    """Path of the file in which the count stands."""
    return path.with_name(f"{path.name}.beat")


def take(where: Callable[[], Path], text: str) -> Beating | None:
    """Hold the file at `where()`, with `text` in it; None where another does.

    Where the file is there already, it takes seconds to see whether its holder lives.
    """
    path = where()
    mine = f"{text}\n{uuid.uuid4().hex}\n"
    if _content(path) and _is_changing(path):
        return None
    stale = _content(path)
    # Moved aside by name, so that of two only one removes it; and back, if it was another's by then.
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):
        path.rename(aside)
        if stale != _content(aside):
            aside.rename(path)
            return None
        aside.unlink()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(mine)
    except FileExistsError:
        return None
    time.sleep(BEAT_S)
    return Beating(where) if _content(path).decode("utf-8", "replace") == mine else None


def is_beating(path: Path) -> bool:
    """Whether its count has changed within the last seconds, as far as this process has seen."""
    found, now_s = _content(beat_file(path)), time.monotonic()
    before = _seen.get(path)
    if before is None or before[0] != found:
        _seen[path] = found, now_s
        return True
    return now_s - before[1] < PATIENCE_S


def _is_changing(path: Path) -> bool:
    first, until_s = _content(beat_file(path)), time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        time.sleep(BEAT_S / 4)
        if _content(beat_file(path)) != first:
            return True
    return False


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
