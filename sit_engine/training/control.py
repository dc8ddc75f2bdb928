"""Where a running leg hears commands: from its run folder, and from its own process's signals."""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from sit_engine import ranks
from sit_engine.records.commands import Command, CommandName, take_commands
from sit_engine.records.run import Run

POLL_EVERY_S = 0.2


class Control(Protocol):
    """Answers which commands wait; asked after every step, so it must be cheap."""

    def poll(self) -> list[Command]:
        """Commands since the last call, oldest first."""


class FolderControl:
    """Commands from the run folder, looked at five times a second, and from `ask`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.own: deque[CommandName] = deque()
        self.looked_s = -POLL_EVERY_S

    def ask(self, command: CommandName) -> None:
        """A command from this process; safe to call from a signal handler."""
        self.own.append(command)

    def poll(self) -> list[Command]:
        """Commands since the last call, oldest first; this process's own are for any leg (−1)."""
        commands = []
        while self.own:
            commands.append(Command(self.own.popleft(), -1))
        now_s = time.monotonic()
        if ranks.is_first() and now_s - self.looked_s >= POLL_EVERY_S:
            self.looked_s = now_s
            commands += take_commands(self.run)
        return commands
