"""Where an engine thread leaves what it heard until the window's timer fetches it; Qt-free.

No signal an event: in pure Python that stalls the window (docs/adr/0007-mailbox.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sit_engine.records.events import Event
from sit_studio.models.failure import Failure

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
class Refused:
    """A leg did not start, or a command could not be given."""

    failure: Failure


Message = Heard | Seen | Refused


class MessageQueue:
    """Messages in order; put from a thread, taken by the window a bounded number at a time."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()

    def put(self, messages: Iterable[Message]) -> None:
        """Append a message; never blocks."""
        self._messages.extend(messages)

    def take(self, most: int = MOST_AT_ONCE) -> list[Message]:
        """The oldest messages, at most `most`."""
        taken: list[Message] = []
        while self._messages and len(taken) < most:
            taken.append(self._messages.popleft())
        return taken

    def __len__(self) -> int:
        return len(self._messages)
