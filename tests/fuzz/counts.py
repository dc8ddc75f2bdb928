"""What became of the inputs of each reader, and the bound on the time of one."""

from __future__ import annotations

import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sit_engine.errors import SitError

MOST = 20_000
"""Inputs of each reader in `make fuzz`."""
LIMIT_S = 60
"""Of one input of some kB, on however busy a machine: only what has no end takes so long."""
COUNTS: defaultdict[str, Counter[str]] = defaultdict(Counter)
SLOWEST_S: defaultdict[str, float] = defaultdict(float)


def tried(reader: str, read: Callable[[], bool]) -> None:
    """Count one input: taken, or refused with a sentence; whatever else is raised fails the test.

    `read` says whether it made anything of the input; those that pass over bad lines raise nothing.
    """
    started_s = time.process_time()
    refused: SitError | None = None
    outcome = "refused"
    with _limited():
        try:
            outcome = "taken" if read() else outcome
        except SitError as error:
            refused = error
    if refused is not None:
        assert refused.code not in ("internal", "memory.process"), refused
        assert refused.message
    COUNTS[reader][outcome] += 1
    SLOWEST_S[reader] = max(SLOWEST_S[reader], time.process_time() - started_s)


@contextmanager
def _limited() -> Iterator[None]:
    def give_up(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"one input took longer than {LIMIT_S} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def table() -> str:
    """Markdown, a line a reader."""
    lines = [
        "| reader | inputs | refused with a sentence | taken | slowest, ms |",
        "|---|--:|--:|--:|--:|",
    ]
    for reader, found in sorted(COUNTS.items()):
        cells = [found.total(), found["refused"], found["taken"], round(1e3 * SLOWEST_S[reader])]
        lines.append(f"| {reader} | {' | '.join(f'{cell:,}' for cell in cells)} |")
    return "\n".join(lines)
