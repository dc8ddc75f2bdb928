"""What a method works out before the first step of a leg: told as it goes on, and ended when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from sit_engine.records.commands import ANY_LEG, Command
from sit_engine.records.events import Event, Outcome, PhaseChanged
from sit_engine.training.control import Control

ENDS: Mapping[str, Outcome] = MappingProxyType(
    {"stop": "stopped", "pause": "paused", "finish": "completed"}
)
"""Commands that end a leg, and how."""


class _EndedError(Exception):
    """Raised by a listener to end what it listens to."""


class BeforeSteps:
    """Tells progress as events and hears commands meanwhile.

    Those that end nothing wait for the first step, as do those for another leg.
    """

    def __init__(self, control: Control, emit: Callable[[Event], None], leg: int) -> None:
        self.control, self.emit, self.leg = control, emit, leg
        self.others: list[Command] = []
        self.ended: list[Command] = []

    def run(self, work: Callable[[], None]) -> None:
        """Do the work, or as much of it as there is until a command ends it: `ended`."""
        with suppress(_EndedError):
            work()

    def told(self, phase: str, done: int, total: int) -> None:
        """The listener for the work."""
        self.emit(PhaseChanged(phase, done, total))
        for command in self.control.poll():
            is_end = command.command in ENDS and command.leg in (ANY_LEG, self.leg)
            (self.ended if is_end else self.others).append(command)
        if self.ended:
            raise _EndedError
