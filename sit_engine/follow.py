"""Reads a run's events as they are written, by whoever watches it from another thread or process."""

from __future__ import annotations

import os

from sit_engine.events import Event, from_line
from sit_engine.runs import Run

MOST_BYTES = 1 << 18


class Follower:
    """One reader's place in `events.jsonl`; a line still being written waits for its end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.offset = 0
        self.identity: tuple[int, int] | None = None

    def read_new(self) -> list[tuple[Event, float]]:
        """Events with their times since the last call, a bounded number; empty when none is new.

        A file that was replaced or became shorter is another run's: read from its beginning.
        """
        try:
            with self.run.events_file.open("rb") as file:
                self._look_at(file.fileno())
                file.seek(self.offset)
                block = file.read(MOST_BYTES)
                if block and b"\n" not in block:
                    block += file.readline()
        except OSError:
            return []
        whole = block[: block.rfind(b"\n") + 1]
        self.offset += len(whole)
        read = (from_line(line.decode("utf-8", "replace")) for line in whole.splitlines())
        return [found for found in read if found is not None]

    def _look_at(self, descriptor: int) -> None:
        state = os.fstat(descriptor)
        identity = (state.st_dev, state.st_ino)
        if identity != self.identity or state.st_size < self.offset:
            self.identity, self.offset = identity, 0
