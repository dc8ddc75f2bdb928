"""A function in a thread of the pool, whose result the window hears in its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal


class _Carrier(QObject):
    """Carries a result back into the window's thread."""

    done = Signal(object)


class _Work(QRunnable):
    def __init__(self, work: Callable[[], Any], carrier: _Carrier) -> None:
        super().__init__()
        self.work, self.carrier = work, carrier

    def run(self) -> None:
        self.carrier.done.emit(self.work())


def in_thread(work: Callable[[], Any], on_done: Callable[[Any], None]) -> None:
    """`work` in a thread of the pool; `on_done` hears its result in the window's thread."""
    carrier = _Carrier()

    def hear(found: Any) -> None:
        _carriers.discard(carrier)
        on_done(found)

    _carriers.add(carrier)
    carrier.done.connect(hear)
    QThreadPool.globalInstance().start(_Work(work, carrier))


# Carriers must live until they have delivered.
_carriers: set[_Carrier] = set()
