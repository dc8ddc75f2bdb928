"""What an evaluation found: plain values, JSON (format 2) out and in, and a table for a terminal.

Reports lie in the run's folder, where anyone can write: what is not as it must be is no report.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import FiniteFloat, TypeAdapter, ValidationError

from sit_engine.config.backbones import FeatureKind
from sit_engine.counted import Sentence, joined, packed, unpacked
from sit_engine.files import read_json
from sit_engine.paths import display_name

FORMAT = 2
DRAWS = 20
K, TEMPERATURE, BINS = 20, 0.07, 15
RAW_PIXELS, UNTRAINED, START, SCRATCH = "raw pixels", "untrained", "the start", "scratch"
Main = Literal["pretrained", "finetuned"]
Kind = Literal["knn", "linear", "few-shot", "classifier"]
WIDE = 16
FEATURES: dict[FeatureKind, Sentence] = {
    "with-mean": Sentence("Features are those of the tokens and of the mean place together."),
    "last-layers": Sentence("Features are those of the last four blocks."),
}
INTERVALS = Sentence(
    "± is the 95 % interval: over test images for k-NN, linear and classifier, over the draws of "
    "labelled images for few-shot."
)


@dataclass(frozen=True)
class Score:
    """Accuracy in 0…1 with the half width of its 95 % interval."""

    accuracy: FiniteFloat
    interval: FiniteFloat


@dataclass(frozen=True)
class Bin:
    """Images answered with a confidence in one fifteenth of 0…1: their means, and how many."""

    confidence: float
    accuracy: float
    images: int


@dataclass(frozen=True)
class ClassScore:
    """One class: its test images, and precision, recall and F1 of answering it (0 where 0/0)."""

    name: str
    images: int
    precision: FiniteFloat
    recall: FiniteFloat
    f1: FiniteFloat


@dataclass(frozen=True)
class Answers:
    """All that one set of answers says; `confusion` has a row a true class, a column an answer."""

    by: str
    accuracy: Score
    balanced_accuracy: FiniteFloat
    calibration_error: FiniteFloat
    calibration: tuple[Bin, ...]
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    predictions: str = ""
    """Name of the file beside the report with the answer for each image."""


@dataclass(frozen=True)
class LeftOut:
    """Images of the two folders that were not measured with, by reason."""

    in_train: int = 0
    no_class: int = 0
    unusable: int = 0
    gone: int = 0
    """Of the run's own, since it began."""

    def __str__(self) -> str:
        """Which and how many, a `Sentence`; empty when nothing was left out."""
        parts = (
            (self.in_train, "{n} test images that are training images too"),
            (self.no_class, "{n} test images without a class"),
            (self.unusable, "{n} files that cannot be used"),
            (self.gone, "{n} images of the run now gone"),
        )
        said = [Sentence(words, n=f"{number:,}") for number, words in parts if number]
        return Sentence("Left out: {what}.", what=joined(said, ", ")) if said else ""


@dataclass(frozen=True)
class ReportRow:
    """One measurement of each column; gains are main minus that column, paired, with intervals."""

    name: str
    kind: Kind
    shots: int | None
    scores: dict[str, Score]
    gains: dict[str, Score]


@dataclass(frozen=True)
class Scratch:
    """The twin of a finetuned run that began without weights, or how to make it."""

    run: str | None = None
    hint: str = ""


@dataclass(frozen=True)
class Report:
    """The table of an evaluation and what it was measured on; the last column is the run's own."""

    main: Main
    columns: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    train_images: int
    test_images: int
    classes: tuple[str, ...]
    network: str
    step: int
    left_out: LeftOut = LeftOut()
    k_sweep: dict[str, dict[int, float]] = field(default_factory=dict)
    linear_c: dict[str, float] = field(default_factory=dict)
    answers: Answers | None = None
    scratch: Scratch | None = None
    page: str = ""
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    features: FeatureKind = "usual"

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        scratch = None if self.scratch is None else packed(asdict(self.scratch))
        return {"format": FORMAT} | asdict(self) | {"scratch": scratch, "settings": settings()}

    def to_text(self) -> str:
        """The table for a terminal; accuracies in percent."""
        notes = notes_of(self)
        if self.answers is not None:
            notes.append(answers_sentence(self.answers))
        return "\n".join([*_table(self), facts_sentence(self), INTERVALS, *notes])


def read_report(path: Path) -> Report | None:
    """A report's file; None for one of another version, or that makes no sense."""
    return report_of(read_json(path))


def report_of(raw: dict[str, Any]) -> Report | None:
    """What `Report.to_json` wrote; a file that it names must lie beside it."""
    if raw.get("format") != FORMAT:
        return None
    try:
        scratch = unpacked(raw["scratch"]) if raw.get("scratch") else None
        found = _adapter().validate_python(raw | {"scratch": scratch})
        if scratch is not None:  # Checked, and with what its hint was made of.
            found = replace(found, scratch=Scratch(**scratch))
    except (ValidationError, TypeError, ValueError, AttributeError, KeyError):
        return None
    answers = found.answers
    if not found.rows or found.columns[-1:] != (found.main,):
        return None
    if answers is not None:
        if [len(row) for row in answers.confusion] != [len(answers.classes)] * len(answers.classes):
            return None
        answers = replace(answers, predictions=_beside(answers.predictions))
    return replace(found, page=_beside(found.page), answers=answers)


@lru_cache
def _adapter() -> TypeAdapter[Report]:
    """Reader of reports, made when the first one is read: that takes longer than the reading."""
    return TypeAdapter(Report)


def _beside(name: str) -> str:
    return name if Path(name).name == name else ""


def settings() -> dict[str, Any]:
    """What was fixed beforehand."""
    return {"k": K, "temperature": TEMPERATURE, "draws": DRAWS, "calibration_bins": BINS}


def _table(report: Report) -> list[str]:
    wide = max(len(row.name) for row in report.rows)
    others = report.columns[:-1]
    heads = [*report.columns, *(f"over {column}" for column in others)]
    heads = [display_name(head) for head in heads]
    widths = [max(WIDE, len(head) + 2) for head in heads]
    head = f"{'Accuracy, %':<{wide}}" + _cells(heads, widths)
    lines = [head, "─" * len(head)]
    for row in report.rows:
        cells = [percent(row.scores.get(column)) for column in report.columns]
        cells += [percent(row.gains.get(column), sign="+") for column in others]
        lines.append(f"{row.name:<{wide}}" + _cells(cells, widths))
    return lines


def _cells(texts: list[str], widths: list[int]) -> str:
    return "".join(text.rjust(width) for text, width in zip(texts, widths, strict=True))


def percent(score: Score | None, sign: str = "") -> str:
    """A score in percent, for example "81.2 ± 3.4"; a dash for what was not measured."""
    if score is None:
        return "–"
    return f"{100 * score.accuracy:{sign}.1f} ± {100 * score.interval:.1f}"


def facts_sentence(report: Report) -> Sentence:
    """What it was measured on."""
    return Sentence(
        "Step {step}, features of the {network}: {train} train and {test} test images, "
        "{classes} classes.",
        step=f"{report.step:,}",
        network=report.network,
        train=f"{report.train_images:,}",
        test=f"{report.test_images:,}",
        classes=f"{len(report.classes):,}",
    )


def notes_of(report: Report) -> list[str]:
    """What must be known beside the figures."""
    notes = [str(report.left_out), _few_shot_caution(report), FEATURES.get(report.features, "")]
    if report.scratch is not None and report.scratch.hint:
        notes.append(_scratch_sentence(report.scratch))
    return [note for note in notes if note]


def _few_shot_caution(report: Report) -> str:
    """Few-shot figures of a network that learnt from all the labels are not what they seem."""
    if report.main != "finetuned" or all(row.kind != "few-shot" for row in report.rows):
        return ""
    return Sentence(
        "The finetuned network has seen every training label: its few-shot figures do not say how few "
        "labels are enough."
    )


def _scratch_sentence(scratch: Scratch) -> Sentence:
    """Why the comparison with a run from scratch is missing, or not fair yet."""
    if scratch.run is None:
        words = "Is starting from weights worth it? A run from scratch says it. {hint}"
    else:
        words = "The run from scratch is compared as it stands. {hint}"
    return Sentence(words, hint=scratch.hint)


def answers_sentence(answers: Answers) -> Sentence:
    """Whose answers they are, and what they are worth."""
    return Sentence(
        "Answers of the {what}: {accuracy} % right, {balanced} % on the mean of all classes; their "
        "confidence is off by {error} points on average.",
        what=answers.by,
        accuracy=percent(answers.accuracy),
        balanced=f"{100 * answers.balanced_accuracy:.1f}",
        error=f"{100 * answers.calibration_error:.1f}",
    )
