"""What a search for settings found: rung by rung, and which won; plain values, text, JSON; no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sit_engine.counted import counted
from sit_engine.paths import escape_name, unescape_name
from sit_engine.records.studies.comparison import Comparison, Gap, Line
from sit_engine.records.studies.comparison_text import table

FORMAT = 1
DEFAULT = "Default"
RUNGS = 3
JOIN = " + "
"""Between the names of candidates that are tried together."""


@dataclass(frozen=True)
class Candidate:
    """A named difference to the default settings; of candidates with one factor only one can be had."""

    name: str
    factor: str
    change: Mapping[str, Any]
    """Nested, as a file of settings holds it."""


@dataclass(frozen=True)
class Tuning:
    """Comparisons on one folder, each with the best of the one before; the last one decides."""

    folder: str
    minutes: float
    """Asked for, over all runs."""
    candidates: tuple[Candidate, ...]
    rungs: tuple[Comparison, ...]
    is_complete: bool
    spent_minutes: float
    """Since the command was first given, without the time in which it did not run."""

    @property
    def final(self) -> Comparison | None:
        """The comparison in which the best meets the default with fresh seeds; None before that."""
        return self.rungs[-1] if self.is_complete and len(self.rungs) == RUNGS else None

    @property
    def best(self) -> tuple[str, Gap] | None:
        """The settings that met the default in the final, and their k-NN over the default's."""
        if self.final is None:
            return None
        first, *_ = ranked(self.final)
        return first, _gap_of(self.final, first)

    @property
    def is_too_short(self) -> bool:
        """Whether the best of the final, or before it every network, is not above itself untrained.

        Runs of a few steps fall below it before they learn: who moves least would win.
        """
        last = self.rungs[-1] if self.rungs else None
        if last is None:
            return False
        names = [self.best[0]] if self.best else [line.name for line in last.lines]
        return not any(_has_learnt(last, name) for name in names)

    @property
    def chosen(self) -> str:
        """Its name where the whole interval lies above 0 and it has learnt, else the default."""
        if self.best is None or self.best[1].low <= 0 or self.is_too_short:
            return DEFAULT
        return self.best[0]

    @property
    def sentence(self) -> str:
        """Which settings, and why."""
        if not self.is_complete:
            return "Not complete: nothing is chosen before the last round."
        if self.is_too_short:
            return (
                "The runs were too short to tell: not even the best is above an untrained network. "
                "The default stays; give more --minutes."
            )
        if self.best is None or self.final is None:
            return "Nothing was better than the default: it stays."
        name, gap = self.best
        final = self.final
        images = counted(final.test_images, "watched images")
        where = f"{counted(final.seeds, 'new seeds')}, {images} each"
        told = f"k-NN {in_points(gap)} over the default ({where})"
        if self.chosen == DEFAULT:
            return (
                "Nothing was better than the default beyond what chance explains: it stays. "
                f"The best was {name}: {told}."
            )
        return f"{name}: {told}."

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the choice and its sentence."""
        return {
            "format": FORMAT,
            "folder": escape_name(self.folder),
            "minutes": self.minutes,
            "candidates": [vars(candidate) for candidate in self.candidates],
            "rungs": [rung.to_json() for rung in self.rungs],
            "is_complete": self.is_complete,
            "spent_minutes": self.spent_minutes,
            "chosen": self.chosen,
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Tuning:
        """What `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            folder=unescape_name(record["folder"]),
            minutes=float(record["minutes"]),
            candidates=tuple(Candidate(**found) for found in record["candidates"]),
            rungs=tuple(Comparison.from_json(rung) for rung in record["rungs"]),
            is_complete=bool(record["is_complete"]),
            spent_minutes=float(record["spent_minutes"]),
        )

    def to_text(self) -> str:
        """The tables for a terminal, and the choice."""
        parts: list[str] = []
        for number, rung in enumerate(self.rungs, 1):
            minutes = counted(rung.budget.amount, "minutes", ".2g")
            head = f"Round {number} of {RUNGS}: {minutes} a run, {counted(rung.seeds, 'seeds')}"
            parts += [head, *table(shown(rung)), ""]
        notes = (
            "Over first: the paired difference to the default in points on images held out of "
            "training, with its 95 % interval."
        )
        cost = f"{counted(self.spent_minutes, 'minutes', '.1f')} were spent."
        return "\n".join([*parts, *([notes, cost] if parts else []), self.sentence])


def shown(rung: Comparison) -> Comparison:
    """Its settings and raw pixels, the best first, without the untrained networks."""
    lines = {line.name: line for line in rung.lines}
    order = [name for name in ranked(rung) if name in lines]
    rest = [line for line in rung.lines if line.kind == "raw pixels"]
    first = [line for line in rung.lines if line.name == DEFAULT]
    return replace(rung, lines=(*first, *(lines[name] for name in order), *rest))


def ranked(rung: Comparison) -> list[str]:
    """The settings but the default by k-NN over it, the best first; ties by the linear probe."""

    def key(line: Line) -> tuple[float, float]:
        linear = line.figures.get("linear")
        gap = linear.gap if linear else None
        return _gap_of(rung, line.name).mean, gap.mean if gap else 0.0

    lines = [line for line in rung.lines if line.kind == "config" and line.name != DEFAULT]
    return [line.name for line in sorted(lines, key=key, reverse=True)]


def above(rung: Comparison) -> list[str]:
    """The settings of `ranked` that did better than the default, if only by chance."""
    return [name for name in ranked(rung) if _gap_of(rung, name).mean > 0]


def best_of_factors(names: Sequence[str], candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate of each factor among `names` (best first)."""
    by_name = {candidate.name: candidate for candidate in candidates}
    found: dict[str, Candidate] = {}
    for name in names:
        found.setdefault(by_name[name].factor, by_name[name])
    return list(found.values())


def in_points(gap: Gap) -> str:
    """A gap in points, for example "+2.1 [+0.4, +3.8]"."""
    return f"{100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"


def _has_learnt(rung: Comparison, name: str) -> bool:
    """Whether these settings' network is above itself untrained in k-NN."""
    found = {
        line.kind: line.figures["knn"].accuracy
        for line in rung.lines
        if line.name in (name, f"untrained {name}") and "knn" in line.figures
    }
    return "config" in found and found["config"] > found.get("untrained", 0.0)


def _gap_of(rung: Comparison, name: str) -> Gap:
    """K-NN over the default; 0 for what has not been measured beside it."""
    for line in rung.lines:
        figure = line.figures.get("knn")
        if line.name == name and figure is not None and figure.gap is not None:
            return figure.gap
    return Gap(0.0, 0.0, 0.0)
