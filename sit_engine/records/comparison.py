"""What a comparison of settings found: plain values, a table for a terminal, JSON; loads no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from sit_engine.config.fields import FileName
from sit_engine.counted import counted
from sit_engine.paths import display_name, escape_name

FORMAT = 1
Unit = Literal["epochs", "images", "minutes"]
Kind = Literal["config", "untrained", "raw pixels"]
Measure = Literal["knn", "linear", "few_shot"]
MEASURES: tuple[Measure, ...] = ("knn", "linear", "few_shot")


@dataclass(frozen=True)
class Budget:
    """How long every run trains: epochs, images seen in all, or minutes on this machine."""

    unit: Unit
    amount: float


@dataclass(frozen=True)
class Gap:
    """Mean difference to the first settings, paired, with its 95 % interval; in 0…1."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Figure:
    """Accuracy in 0…1, a mean over the seeds measured so far; no gap where nothing pairs."""

    accuracy: float
    seeds: int
    gap: Gap | None


@dataclass(frozen=True)
class Line:
    """One row of the table; a figure for each measure that could be taken."""

    name: str
    kind: Kind
    figures: dict[Measure, Figure]


@dataclass(frozen=True)
class ComparedRun:
    """A run of the comparison; `run` is its folder below that of the comparison."""

    config: str
    seed: int
    run: str
    status: str
    step: int
    total_steps: int
    images: int
    """Images seen."""
    minutes: float
    """Wall time between its first step and its last, without the time before a leg's first."""

    @property
    def is_whole(self) -> bool:
        """Whether it trained to its end."""
        return self.status == "completed" and self.step >= self.total_steps


@dataclass(frozen=True)
class Cost:
    """Means over the runs of one line."""

    minutes: float
    images: float
    is_whole: bool
    """Whether every one of them trained to its end."""


@dataclass(frozen=True)
class Comparison:
    """Settings side by side on one folder; the first line is what the others are compared with."""

    folder: FileName
    test: tuple[FileName, ...]
    """None: the images that the runs of a seed held out."""
    budget: Budget
    seeds: int
    shots: int
    """Labels a class of few-shot."""
    lines: tuple[Line, ...]
    runs: tuple[ComparedRun, ...]
    train_images: int
    test_images: int
    """Of one seed."""
    left_out: str
    is_complete: bool
    """Whether every run has been trained and measured."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = {"folder": escape_name(self.folder), "test": tuple(map(escape_name, self.test))}
        return {"format": FORMAT} | asdict(self) | names

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Comparison:
        """What `to_json` gave; raises ValueError for anything else."""
        # As JSON, since a dictionary is no dataclass to the strict rules of Python.
        return TypeAdapter(cls).validate_json(json.dumps(record), strict=True)

    def cost(self, line: Line) -> Cost | None:
        """What the settings of a line took; none for what was not trained."""
        runs = [run for run in self.runs if run.config == line.name and line.kind == "config"]
        if not runs:
            return None
        return Cost(
            minutes=sum(run.minutes for run in runs) / len(runs),
            images=sum(run.images for run in runs) / len(runs),
            is_whole=all(run.is_whole for run in runs),
        )

    def to_text(self) -> str:
        """The table for a terminal; accuracies in percent."""
        if not self.lines:
            return "Nothing has been measured yet."
        return "\n".join([*table(self), *_notes(self)])


def table(found: Comparison) -> list[str]:
    """Lines for a terminal, without notes; accuracies in percent."""
    heads = ["Accuracy, %"]
    for title in ("k-NN", "linear", f"{found.shots} label{'s' * (found.shots > 1)}"):
        heads += [title, "over first"]
    rows = [[*heads, "minutes", "images"]]
    for line in found.lines:
        cells = [display_name(line.name)]
        for key in MEASURES:
            figure = line.figures.get(key)
            cells += [f"{100 * figure.accuracy:.1f}" if figure else "–", _gap(figure)]
        rows.append(cells + _cost(found.cost(line)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{wide}}" for cell, wide in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    return [lines[0], "─" * len(lines[0]), *lines[1:]]


def _gap(figure: Figure | None) -> str:
    """For example "+2.1 [+0.4, +3.8]"; a dash for the first line itself."""
    if figure is None or figure.gap is None:
        return "–"
    gap = figure.gap
    return f"{100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"


def _cost(cost: Cost | None) -> list[str]:
    """Mean minutes and images of the line's runs; an asterisk where one is incomplete."""
    if cost is None:
        return ["–", "–"]
    star = "" if cost.is_whole else "*"
    return [f"{cost.minutes:.1f}{star}", f"{cost.images:,.0f}{star}"]


def _notes(found: Comparison) -> list[str]:
    where = "given with --test" if found.test else "held out of training"
    budget = f"{found.budget.amount:,.10g} {found.budget.unit}"
    over = (
        f"Over first: the paired difference to {display_name(found.lines[0].name)} in points, "
        "with its 95 % interval, a bootstrap over seeds and test images (few labels: seeds and draws)."
    )
    over_seeds = "seeds" if found.is_complete else "the seeds measured so far"
    notes = [
        f"{found.train_images} train and {counted(found.test_images, 'test images')} ({where}), "
        f"{budget} a run, {found.seeds} seed{'s' * (found.seeds > 1)}; means over {over_seeds}. "
        f"{found.left_out}".strip(),
        over,
    ]
    if found.seeds < 5:
        notes.append(
            "So few seeds say little about how seeds vary: the intervals tell mostly of images."
        )
    notes += [
        f"* {display_name(run.config)}, seed {run.seed} is incomplete: {run.status} at step "
        f"{run.step} of {run.total_steps}."
        for run in found.runs
        if not run.is_whole
    ]
    return notes
