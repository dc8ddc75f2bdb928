"""What the next steps need, made in a thread before they ask for it; used by batches."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Calls `make(step)` for the steps after the one that is asked for, one after the other.

    What `make` raises is raised where its step is asked for. The thread ends with this object,
    so `make` must not hold it.
    """

    def __init__(self, make: Callable[[int], T], depth: int) -> None:
        self.make, self.depth = make, depth
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="batches ahead")
        weakref.finalize(self, self.thread.shutdown, wait=False, cancel_futures=True)
        self.made: dict[int, Future[T]] = {}

    def forget(self) -> None:
        """What was made is not what the next steps need."""
        for made in self.made.values():
            made.cancel()
        self.made.clear()

    def at(self, step: int) -> T:
        """What `make(step)` gives; waits where it is not ready."""
        wanted = range(step, step + 1 + self.depth)
        for other in [other for other in self.made if other not in wanted]:
            self.made.pop(other).cancel()
        for one in wanted:
            if one not in self.made:
                self.made[one] = self.thread.submit(self.make, one)
        return self.made.pop(step).result()
