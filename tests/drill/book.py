"""What the drill found, one JSON line a case: a stopped drill goes on, and its counts are a table."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One thing that was done to the product: `part` and `kind` are counted, `name` is its own."""

    part: str
    kind: str
    name: str


@dataclass(frozen=True)
class Found:
    """How a case ended: `failure` is empty where all promises were kept."""

    case: Case
    failure: str
    about: str = ""


class Share:
    """The cases that are one worker's: each Nth that is not done yet, tried and written down."""

    def __init__(
        self, book: Book, number: int, workers: int, *, every: int = 1, only: Sequence[str] = ()
    ) -> None:
        self.book, self.number, self.workers = book, number, workers * every
        self.every, self.only = every, only
        self.done, self.count = book.done(), 0

    def wants(self, part: str) -> bool:
        """Whether this part is asked for."""
        return not self.only or part in self.only

    def meet(self, case: Case, call: Callable[[], str], about: str = "") -> None:
        """Try it, if it is this worker's turn."""
        self.count += 1
        is_mine = self.count % self.workers == self.number * self.every
        if is_mine and self.wants(case.part) and case not in self.done:
            self.book.add(Found(case, call(), about))


class Book:
    """An append-only file; several processes may write into it, a line at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Found]:
        """All cases so far."""
        if not self.path.exists():
            return []
        rows = map(json.loads, self.path.read_text("utf-8").splitlines())
        return [Found(Case(**row.pop("case")), **row) for row in rows]

    def done(self) -> set[Case]:
        """Those that need not be done again."""
        return {found.case for found in self.read()}

    def add(self, found: Found) -> None:
        """One more; the line is written at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
        if found.failure:
            print(_told(found), file=sys.stderr, flush=True)

    def table(self) -> str:
        """Cases and failures by part and kind, in Markdown, and then each failure."""
        found = self.read()
        tried = Counter((one.case.part, one.case.kind) for one in found)
        failed = Counter((one.case.part, one.case.kind) for one in found if one.failure)
        lines = ["| what | kind | cases | failures |", "|---|---|---|---|"]
        lines += [
            f"| {part} | {kind} | {count} | {failed[part, kind]} |"
            for (part, kind), count in tried.items()
        ]
        lines.append(f"| **all** | | **{tried.total()}** | **{failed.total()}** |")
        told = [_told(one) for one in found if one.failure]
        return "\n".join([*lines, "", *told]).rstrip()


def _told(found: Found) -> str:
    case = found.case
    return f"- {case.part}, {case.kind}, {case.name}: {found.failure} ({found.about})"
