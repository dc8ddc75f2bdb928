"""Reads a run's events as they are written, by whoever watches it from another thread or process."""

from __future__ import annotations

import os
from typing import BinaryIO

from sit_engine.errors import FileError
from sit_engine.own_files import MOST_LINE_BYTES, open_regular
from sit_engine.records.events import Event, read_line
from sit_engine.records.run import Run

MOST_BYTES, MOST_BLOCKS = 1 << 18, 64


class Follower:
    """One reader's place in `events.jsonl`; a line still being written waits for its end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.offset = 0
        self.identity: tuple[int, int] | None = None
        self.unfit = 0
        """Lines so far with values that no writer of ours wrote."""
        self.problem: FileError | None = None
        """Why `events.jsonl` could not be read just now, where something is there."""
        self._is_in_long_line = False

    def read_new(self) -> list[tuple[Event, float]]:
        """Events with their times since the last call, a bounded number; empty when none is new.

        A file that was replaced or became shorter is another run's: read from its beginning.
        """
        self.problem = None
        for _ in range(MOST_BLOCKS):
            whole = self._read_block()
            found = self._events_in(whole)
            # Empty says that nothing is new, which lines without an event are not.
            if found or not whole:
                return found
        return []

    def _read_block(self) -> bytes:
        try:
            with open_regular(self.run.events_file) as file:
                self._look_at(file.fileno())
                return self._read_whole_lines(file)
        except FileError as error:
            self.problem = None if error.code == "file.missing" else error
        except OSError:
            pass
        return b""

    def _events_in(self, block: bytes) -> list[tuple[Event, float]]:
        found = []
        for line in block.splitlines():
            read = read_line(line.decode("utf-8", "replace"))
            if not isinstance(read, str):
                found.append(read)
            self.unfit += read == "unfit"
        return found

    def _read_whole_lines(self, file: BinaryIO) -> bytes:
        """What is new up to the last end of a line; a line too long to be ours is passed over."""
        file.seek(self.offset)
        block = file.read(MOST_BYTES)
        if block and b"\n" not in block:
            block += file.readline(MOST_LINE_BYTES)
        if b"\n" not in block:
            if len(block) >= MOST_LINE_BYTES:
                self.offset += len(block)
                self.unfit += not self._is_in_long_line
                self._is_in_long_line = True
            return b""
        whole = block[: block.rfind(b"\n") + 1]
        self.offset += len(whole)
        if self._is_in_long_line:
            self._is_in_long_line = False
            whole = whole[whole.find(b"\n") + 1 :]
        return whole

    def _look_at(self, descriptor: int) -> None:
        state = os.fstat(descriptor)
        identity = (state.st_dev, state.st_ino)
        if identity != self.identity or state.st_size < self.offset:
            self.identity, self.offset, self.unfit = identity, 0, 0
            self._is_in_long_line = False
