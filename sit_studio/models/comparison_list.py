"""The list of comparisons: what each was asked, its table so far, and how it stands; Qt-free."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sit_engine.files import read_json
from sit_engine.paths import display_name, safe_cell
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import ASKED
from sit_engine.records.studies.comparison import MEASURES, Budget, Comparison
from sit_engine.records.studies.comparison_text import to_text
from sit_studio.models.run_list import RunList, RunRow

TABLE = "comparison.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComparisonRow:
    """One line of the list. `state` is a word of widgets.states."""

    path: Path
    state: str
    names: tuple[str, ...] = ()
    """Of the settings, in order; the first is what the others are compared with."""
    folder: str = ""
    budget: Budget | None = None
    seeds: int = 0
    started: float = 0.0
    found: Comparison | None = None
    first_seed: int = 0

    @property
    def total(self) -> int:
        """How many runs were asked for."""
        return len(self.names) * self.seeds

    @property
    def done(self) -> int:
        """How many have been trained and measured."""
        lines = self.found.lines if self.found is not None else ()
        return sum(
            max((figure.seeds for figure in line.figures.values()), default=0)
            for line in lines
            if line.kind == "config"
        )

    @property
    def next_run(self) -> tuple[str, int] | None:
        """Settings and seed of the run under way, or next; they are worked on seed by seed."""
        if self.done >= self.total:
            return None
        seed, place = divmod(self.done, len(self.names))
        return self.names[place], self.first_seed + seed


@dataclass
class _Reader:
    """One folder; its two files are read again when they have changed."""

    path: Path
    stamps: tuple[Any, ...] = ()
    row: ComparisonRow = field(init=False)

    def look(self) -> ComparisonRow:
        stamps = (_stamp(self.path / ASKED), _stamp(self.path / TABLE))
        if stamps != self.stamps:
            self.stamps, self.row = stamps, read_comparison(self.path)
        if is_running(Run(self.path)):
            return _in_state(self.row, "running")
        return self.row


def read_comparison(path: Path) -> ComparisonRow:
    """What stands in its files; "unreadable" where they make no sense."""
    try:
        asked = read_json(path / ASKED)
        table = read_json(path / TABLE)
        found = Comparison.from_json(table) if table else None
        if found is not None:
            # Anyone can write into the folder: what cannot be printed here could not be drawn.
            to_text(found)
        return ComparisonRow(
            path,
            "completed" if found is not None and found.is_complete else "interrupted",
            tuple(str(name) for name in asked["configs"]),
            str(asked["folder"]),
            TypeAdapter(Budget).validate_python(asked["budget"]),
            int(asked["seeds"]),
            (path / ASKED).stat().st_mtime,
            found,
            int(asked.get("first_seed", 0)),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError, OSError):
        return ComparisonRow(path, "unreadable")


def _in_state(row: ComparisonRow, state: str) -> ComparisonRow:
    return ComparisonRow(**vars(row) | {"state": state})


def _stamp(file: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = file.stat()
        return found.st_mtime_ns, found.st_size
    return None


class ComparisonList:
    """The comparisons of some folders, and the runs of the one that is open."""

    def __init__(self) -> None:
        self.readers: dict[Path, _Reader] = {}
        self.inside = RunList()

    def look(self, folders: Sequence[Path]) -> list[ComparisonRow]:
        """All of them, the newest first."""
        found = [path for folder in folders for path in _comparisons_in(folder)]
        self.readers = {path: self.readers.get(path) or _Reader(path) for path in found}
        rows = [_row_of(reader) for reader in self.readers.values()]
        return sorted(rows, key=lambda row: (row.started, row.path.name), reverse=True)

    def look_inside(self, path: Path) -> list[RunRow]:
        """The runs of one comparison."""
        return self.inside.look([path / "runs"])


def _row_of(reader: _Reader) -> ComparisonRow:
    """Each is read by itself: what one does to its reader hides no other."""
    try:
        return reader.look()
    except Exception:
        log.exception("the comparison %s could not be looked at", reader.path)
        return ComparisonRow(reader.path, "unreadable")


def _comparisons_in(folder: Path) -> list[Path]:
    """The comparisons directly in `folder`, or the folder itself when it is one."""
    if _stamp(folder / ASKED):
        return [folder]
    try:
        with os.scandir(folder) as entries:
            inside = [Path(entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return [path for path in inside if _stamp(path / ASKED)]


def to_csv(found: Comparison) -> str:
    """A line for each row of the table; accuracies and differences in 0…1, unrounded."""
    heads = ["settings", "kind"]
    for key in MEASURES:
        heads += [f"{key}_{part}" for part in ("accuracy", "seeds", "over_first", "low", "high")]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*heads, "minutes", "images", "is_whole"])
    for line in found.lines:
        cells: list[object] = [safe_cell(display_name(line.name)), line.kind]
        for key in MEASURES:
            figure = line.figures.get(key)
            gap = figure.gap if figure else None
            cells += [figure.accuracy, figure.seeds] if figure else ["", ""]
            cells += [gap.mean, gap.low, gap.high] if gap else ["", "", ""]
        cost = found.cost(line)
        cells += [cost.minutes, cost.images, cost.is_whole] if cost else ["", "", ""]
        table.writerow(cells)
    return text.getvalue()
