"""What a comparison of settings found: plain values and JSON; loads no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from sit_engine.config.fields import FileName
from sit_engine.paths import escape_name

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
    images_per_s: float = 0.0
    """The median of what it told; 0: nothing."""
    memory_bytes: int = 0
    """The most that it told to hold on a GPU; 0: it had none."""

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
class Pace:
    """How fast settings train here, measured before the first run, turn about with the others."""

    images_per_s: float
    memory_bytes: int
    """That a step takes; 0: it was not measured."""
    image_size: int
    """Side of the views, px."""


@dataclass(frozen=True)
class Speed:
    """How fast the settings of a line train, and what memory it takes."""

    images_per_s: float
    memory_bytes: int
    """0: it is not known."""


@dataclass(frozen=True)
class AccuracyCurve:
    """k-NN on watched images over the time trained: mean, least and most over the seeds, in 0…1.

    The first point is the network untrained. All of one length.
    """

    name: str
    minutes: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int


@dataclass(frozen=True)
class Best:
    """The settings that most test images are answered rightly with, by nearest neighbours."""

    name: str
    accuracy: float
    gaps: dict[str, Gap]
    """How far they are ahead of each other line of the table."""


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
    paces: dict[str, Pace] = field(default_factory=dict)
    """By settings; none where the budget is no time."""
    curves: tuple[AccuracyCurve, ...] = ()
    best: Best | None = None

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain values."""
        names = {"folder": escape_name(self.folder), "test": tuple(map(escape_name, self.test))}
        return {"format": FORMAT} | asdict(self) | names

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Comparison:
        """What `to_json` gave; raises ValueError for anything else."""
        # As JSON, since a dictionary is no dataclass to the strict rules of Python.
        return TypeAdapter(cls).validate_json(json.dumps(record), strict=True)

    def speed(self, line: Line) -> Speed | None:
        """As measured before the first run, else as the line's runs told; none if nothing is known."""
        if line.kind == "config" and (pace := self.paces.get(line.name)):
            return Speed(pace.images_per_s, pace.memory_bytes)
        runs = [run for run in self._runs(line) if run.images_per_s]
        if not runs:
            return None
        mean = sum(run.images_per_s for run in runs) / len(runs)
        return Speed(mean, max(run.memory_bytes for run in runs))

    def _runs(self, line: Line) -> list[ComparedRun]:
        return [run for run in self.runs if run.config == line.name and line.kind == "config"]

    def cost(self, line: Line) -> Cost | None:
        """What the settings of a line took; none for what was not trained."""
        runs = self._runs(line)
        if not runs:
            return None
        return Cost(
            minutes=sum(run.minutes for run in runs) / len(runs),
            images=sum(run.images for run in runs) / len(runs),
            is_whole=all(run.is_whole for run in runs),
        )
