"""Where an engine thread leaves what it heard until the window's timer fetches it; Qt-free.

No signal an event: in pure Python that stalls the window (docs/adr/0007-mailbox.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from sit_engine.counted import unpacked
from sit_engine.errors import SitError
from sit_engine.events import Event

MOST_AT_ONCE = 400


@dataclass(frozen=True)
class Heard:
    """An event of the run, and when it was written."""

    event: Event
    time: float


@dataclass(frozen=True)
class Seen:
    """How the run stands as seen from outside.

    Someone trains it; nobody does; nobody does and no leg began; our trainer lives but
    its folder is not there; nothing is there.
    """

    state: Literal["alive", "idle", "unbegun", "lost", "gone"]


@dataclass(frozen=True)
class Failure:
    """What happened and what to do: sentences, or text as it stands; `details` for a bug report."""

    code: str
    message: str
    hint: str = ""
    values: dict[str, str] = field(default_factory=dict)
    details: str = ""


@dataclass(frozen=True)
class Refused:
    """A leg did not start, or a command could not be given."""

    failure: Failure


Letter = Heard | Seen | Refused


def failure_of(error: SitError) -> Failure:
    """The plain values of an engine error."""
    return Failure(error.code, error.message, error.hint, dict(error.values))


def failure_from(record: dict[str, Any], details: str = "") -> Failure:
    """An error that a child wrote as JSON (sit_engine.cli.faults)."""
    told = unpacked(record)
    return Failure(told["code"], told["message"], told["hint"], record.get("values", {}), details)


class Mailbox:
    """Letters in order; put from a thread, taken by the window a bounded number at a time."""

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque()

    def put(self, letters: Iterable[Letter]) -> None:
        """Append; never blocks."""
        self._letters.extend(letters)

    def take(self, most: int = MOST_AT_ONCE) -> list[Letter]:
        """The oldest letters, at most `most`."""
        taken: list[Letter] = []
        while self._letters and len(taken) < most:
            taken.append(self._letters.popleft())
        return taken

    def __len__(self) -> int:
        return len(self._letters)
