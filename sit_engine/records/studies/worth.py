"""Is pretraining worth it on a folder? What was found, and what to do; loads no torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from sit_engine.config.fields import FileName
from sit_engine.config.methods import DEFAULT_METHOD
from sit_engine.counted import Sentence, counted, joined
from sit_engine.files import read_json
from sit_engine.paths import display_name, escape_name, unescape_name
from sit_engine.records.report import Score

FORMAT = 1
FILE, ASKED, PAGE, PRETRAINED = "worth.json", "asked.json", "worth.html", "pretrained"
"""In the folder of a study: what was found and what was asked, a page to send on, the runs."""
Kind = Literal["raw pixels", "frozen", "continued", "own", "scratch"]
ALL = 0
"""Stands for all labels where labels a class are counted."""


@dataclass(frozen=True)
class WorthAsked:
    """What a study is asked, so that it can be gone on with."""

    folder: str
    weights: tuple[str, ...]
    """Where they lie."""
    minutes: float
    test: tuple[str, ...] = ()
    labels_file: str | None = None
    method: str = DEFAULT_METHOD
    """Of own pretraining."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """Data settings by name that say how the folder is read, where they are not as usual."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = {name: tuple(map(escape_name, getattr(self, name))) for name in ("weights", "test")}
        file = self.labels_file and escape_name(self.labels_file)
        return asdict(self) | names | {"folder": escape_name(self.folder), "labels_file": file}

    @classmethod
    def of_folder(cls, path: Path) -> WorthAsked:
        """What stands in the folder of a study; raises KeyError, TypeError or ValueError."""
        record = read_json(path / ASKED)
        file = record["labels_file"]
        return cls(
            unescape_name(record["folder"]),
            tuple(map(unescape_name, record["weights"])),
            float(record["minutes"]),
            tuple(map(unescape_name, record["test"])),
            None if file is None else unescape_name(file),
            str(record["method"]),
            dict(record.get("reading", {})),
        )


@dataclass(frozen=True)
class Column:
    """One way to get to answers, and its accuracy by labels a class (`ALL`: all of them)."""

    name: str
    kind: Kind
    scores: dict[int, Score]


@dataclass(frozen=True)
class Sight:
    """What can be told of a network without labels: how many directions its features use."""

    name: str
    rank: float
    """Effective rank of the features of images (watching.health)."""
    lidar: float
    """That part of it which changed views of an image leave alone (evaluation.label_free)."""
    width: int
    picture: str
    """A file in the study's folder: images, and those that it finds most alike."""


@dataclass(frozen=True)
class Lead:
    """How much more `name` answers rightly than `over`, in 0…1, with its 95 % interval.

    Paired: over the same draws of labelled images and the same test images, in the row that the advice
    looks at.
    """

    name: str
    over: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Worth:
    """All ways on one folder, asked about the same test images."""

    folder: FileName
    test: tuple[FileName, ...]
    """None: images that were held out of all training."""
    minutes: float
    """Given for all of it."""
    each_minutes: float
    """Of it each pretraining has had."""
    train_images: int
    test_images: int
    classes: int
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    is_complete: bool
    leads: tuple[Lead, ...] = ()
    """None in studies of before: there ways are compared by their intervals."""
    sights: tuple[Sight, ...] = ()
    """Of a folder without labels, in place of columns."""

    @property
    def shots(self) -> tuple[int, ...]:
        """The rows, fewest labels first, all of them last."""
        found = {shot for column in self.columns for shot in column.scores}
        return tuple(sorted(found, key=lambda shot: shot or math.inf))

    def to_json(self) -> dict[str, Any]:
        """The study as plain values."""
        names = {"folder": escape_name(self.folder), "test": tuple(map(escape_name, self.test))}
        return {"format": FORMAT} | asdict(self) | names

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Worth:
        """What `to_json` gave; raises ValueError for anything else."""
        return TypeAdapter(cls).validate_json(json.dumps(record), strict=False)

    def to_text(self) -> str:
        """The table for a terminal; accuracies in percent."""
        rows = _sights(self.sights) if self.sights else table(self)
        return "\n".join([*rows, advice(self), *self.notes])


def _sights(sights: Sequence[Sight]) -> list[str]:
    wide = max(len(display_name(sight.name)) for sight in sights)
    head = f"{'Network':<{wide}}  {'rank':>6}  {'LiDAR':>6}  {'width':>6}"
    rows = [
        f"{display_name(sight.name):<{wide}}  {sight.rank:>6.1f}  {sight.lidar:>6.1f}  {sight.width:>6}"
        f"  {sight.picture}"
        for sight in sights
    ]
    return [head, "─" * len(head), *rows]


def shots_word(shots: int) -> str:
    """A row's name, for example "5 labels"; "all labels" for `ALL`."""
    return "all labels" if shots == ALL else counted(shots, "labels")


def table(found: Worth) -> list[str]:
    """A row for each number of labels a class, a column for each way."""
    rows = [["Accuracy, %", *(display_name(column.name) for column in found.columns)]]
    for shots in found.shots:
        cells = []
        for column in found.columns:
            score = column.scores.get(shots)
            cells.append("–" if score is None else points(score))
        rows.append([shots_word(shots), *cells])
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        row[0].ljust(wide[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], wide[1:], strict=True))
        for row in rows
    ]
    return [lines[0], "─" * len(lines[0]), *lines[1:]]


def points(score: Score) -> str:
    """A score in percent, for example "81.2 ± 3.4"."""
    if math.isnan(score.interval):
        return f"{100 * score.accuracy:.1f}"
    return f"{100 * score.accuracy:.1f} ± {100 * score.interval:.1f}"


def advice(found: Worth) -> Sentence:
    """The advice: which way to use, or that nothing pays yet.

    Ways are compared where they have few labels, in the middle row; one is ahead of another where all of
    the paired interval of their difference lies above 0.
    """
    if found.sights:
        return Sentence(
            "Without labels nothing tells which of these answers better. Look at the pictures: where "
            "rows show the same thing, a network sees it; of two alike the one with the higher LiDAR "
            "tells more apart. Then put 20 images of each kind into a folder of its own and give the "
            "command again."
        )
    shots = middle(found.shots)
    ways = [
        c for c in found.columns if c.kind in ("frozen", "continued", "own") and shots in c.scores
    ]
    plain = [c for c in found.columns if c.kind in ("raw pixels", "scratch") and shots in c.scores]
    if not ways or not plain:
        return Sentence("There is too little to tell: no way was measured with few labels.")
    best = max(ways, key=lambda column: column.scores[shots].accuracy)
    against = max(plain, key=lambda column: column.scores[shots].accuracy)
    if not _is_ahead(found, best, against):
        return Sentence(
            "Pretraining does not pay yet here: with {labels} a class {name} answers {accuracy} %, and "
            "{best} is not beyond chance above it ({images} images, {minutes} minutes).",
            labels=shots_word(shots),
            name=display_name(against.name),
            accuracy=_percent(against, shots),
            best=display_name(best.name),
            images=found.train_images,
            minutes=f"{found.minutes:g}",
        )
    level = [c for c in ways if not _is_ahead(found, best, c)]
    # What needs no training is the first choice among those that chance may have put in order.
    use = max(level, key=lambda c: (c.kind == "frozen", c.scores[shots].accuracy))
    said = [_use(found, use, shots)]
    if rest := [column for column in level if column is not use]:
        others = ", ".join(display_name(column.name) for column in rest)
        said.append(
            Sentence("Beyond chance it differs from none of these: {others}.", others=others)
        )
    return joined(said, " ")


def _use(found: Worth, best: Column, shots: int) -> Sentence:
    """The advice to use a way, and with how many labels training from nothing would answer as well."""
    values = {
        "name": display_name(best.name),
        "labels": shots_word(shots),
        "accuracy": _percent(best, shots),
    }
    scratch = next((column for column in found.columns if column.kind == "scratch"), None)
    if scratch is None or not scratch.scores:
        return Sentence(
            "Use {name}: with {labels} a class it answers {accuracy} % rightly.", **values
        )
    needed = labels_needed(scratch, best.scores[shots].accuracy)
    if needed is None:
        of_all = scratch.scores.get(ALL)
        if of_all is None:
            return Sentence(
                "Use {name}. With {labels} a class it answers {accuracy} % rightly, which training from "
                "scratch does not reach with any number of labels that was tried.",
                **values,
            )
        if of_all.accuracy >= best.scores[shots].accuracy:
            return Sentence(
                "Use {name}. With {labels} a class it answers {accuracy} % rightly, which training from "
                "scratch reaches only with more than {most} a class.",
                **values,
                most=shots_word(max(scratch.scores)),
            )
        return Sentence(
            "Use {name}. With {labels} a class it answers {accuracy} % rightly, which training from "
            "scratch does not reach with all of your labels.",
            **values,
        )
    return Sentence(
        "Use {name}. With {labels} a class it answers as well ({accuracy} %) as training from scratch "
        "does with about {needed}.",
        **values,
        needed=f"{needed:.0f}",
    )


def labels_needed(scratch: Column, accuracy: float) -> float | None:
    """Labels a class with which that column reaches the accuracy, between its rows by the logarithm.

    None: not with any number that was tried.
    """
    points = sorted((shots, score.accuracy) for shots, score in scratch.scores.items() if shots)
    before: tuple[int, float] | None = None
    for shots, reached in points:
        if reached >= accuracy:
            if before is None or reached == before[1]:
                return float(shots)
            share = (accuracy - before[1]) / (reached - before[1])
            return float(before[0] * (shots / before[0]) ** share)
        before = shots, reached
    return None


def middle(shots: Sequence[int]) -> int:
    """The row that the advice looks at: the middle one of few labels."""
    few = [each for each in shots if each != ALL]
    return few[len(few) // 2] if few else ALL


def _is_ahead(found: Worth, one: Column, other: Column) -> bool:
    for lead in found.leads:
        if (lead.name, lead.over) == (one.name, other.name):
            return lead.low > 0
    shots = middle(found.shots)
    scores = one.scores[shots], other.scores[shots]
    noise = math.hypot(*(0.0 if math.isnan(s.interval) else s.interval for s in scores))
    return scores[0].accuracy - scores[1].accuracy > noise


def _percent(column: Column, shots: int) -> str:
    return f"{100 * column.scores[shots].accuracy:.1f}"
