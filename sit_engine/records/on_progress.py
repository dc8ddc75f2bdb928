"""How far a scan, a decoding or another long job is, told to whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

Phase = Literal[
    "listing",
    "headers",
    "value range",
    "checking the images",
    "checking the pixel cache",
    "decoding",
    "waiting",
    "reading frames",
    "reading images",
    "keeping copies",
]
METHOD_PHASES: tuple[Phase, ...] = ("reading frames", "reading images", "keeping copies")
"""What methods do before the first step of a leg: commands are heard there."""
OnProgress = Callable[[str, int, int], None]
PROGRESS_EVERY_S = 0.1


class ProgressReporter:
    """Passes on (phase, done, total) at most ten times a second, and always the last one."""

    def __init__(self, on_progress: OnProgress | None, phase: Phase, total: int = 0) -> None:
        self.on_progress, self.phase, self.total = on_progress, phase, total
        self.done = 0
        self.said_at = 0.0
        self.say(0)

    def say(self, done: int) -> None:
        """Tell that `done` are done."""
        self.done = done
        now = time.monotonic()
        if self.on_progress is not None and (
            now - self.said_at >= PROGRESS_EVERY_S or done == self.total > 0
        ):
            self.said_at = now
            self.on_progress(self.phase, done, self.total)

    def say_of(self, done: int, total: int) -> None:
        """Tell that `done` of a total, known only now, are done."""
        self.total = total
        self.say(done)

    def step(self) -> None:
        """Tell that one more is done."""
        self.say(self.done + 1)
