"""What the headers of listed files say: read in child processes, and remembered by this process.

A comparison, a search for settings and the window look into the same folder again and again.
Called by data.scan.quick_scan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sit_engine.data.decode.decode_pool import PASSING_PROBLEMS, Answer, Cancel, decoders
from sit_engine.data.scan.listing import Listing

MOST_REMEMBERED = 100_000
"""Of larger folders the first files."""


class Headers:
    """What the headers of n files say, as arrays: a million answers would be a gigabyte."""

    def __init__(self, count: int) -> None:
        self.sizes = np.zeros((count, 2), dtype=np.int32)
        self.deep = np.zeros(count, dtype=np.bool_)
        self.channels = np.zeros(count, dtype=np.uint8)
        self.notes: Counter[str] = Counter()
        self.videos: dict[int, dict[str, Any]] = {}
        """What each video says of itself (data.decode.video.VideoHeader)."""
        self.problems: dict[int, tuple[str, str]] = {}
        """Reason and code of each file that is no usable image."""

    def keep(self, number: int, found: Answer) -> None:
        """The answer about one file."""
        if "problem" in found:
            self.problems[number] = (found["problem"], found["code"])
            return
        self.sizes[number] = found["width"], found["height"]
        self.deep[number] = found["depth"] == "deep"
        self.channels[number] = found["channels"]
        self.notes.update(found["notes"])
        if "video" in found:
            self.videos[number] = found["video"]


class Memory:
    """Answers, each good as long as its file has the size and time that it had then.

    A file is known by the hash of its path, size and time, and equal answers are one object: some
    100 bytes a file.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self.most = most
        self._answers: dict[int, Answer] = {}
        self._alike: dict[str, Answer] = {}

    def find(self, listing: Listing, number: int) -> Answer | None:
        """The answer about one file, if it is known and the file is as it was."""
        return self._answers.get(_key(listing, number))

    def keep(self, listing: Listing, number: int, found: Answer) -> None:
        """Remember it, unless it may be otherwise a moment later, or there are too many."""
        if len(self._answers) < self.most and found.get("code") not in PASSING_PROBLEMS:
            self._answers[_key(listing, number)] = self._alike.setdefault(repr(found), found)


def _key(listing: Listing, number: int) -> int:
    return hash((listing.path(number), listing.bytes[number], listing.mtime_ns[number]))


MEMORY, WITH_GIFS = Memory(), Memory()
"""The second one where moving GIFs are videos."""


def read_headers(
    listing: Listing,
    on_each: Callable[[], None],
    *,
    cancel: Cancel | None = None,
    workers: int | None = None,
    memory: Memory | None = None,
    gifs: bool = False,
) -> Headers:
    """The header of every file that was listed; `on_each` is called after each.

    With `gifs` those that move are videos.
    """
    headers = Headers(len(listing))
    memory = memory or (WITH_GIFS if gifs else MEMORY)

    def unknown() -> Iterator[tuple[int, dict[str, Any]]]:
        for number in range(len(listing)):
            if (found := memory.find(listing, number)) is None:
                yield number, {"job": "header", "path": listing.path(number), "gifs": gifs}
            else:
                headers.keep(number, found)
                on_each()

    with decoders(workers) as pool:
        for number, found in pool.run(unknown(), cancel=cancel):
            headers.keep(number, found)
            memory.keep(listing, number, found)
            on_each()
    return headers
