"""Is it working? Figures of the features of fixed images, and one plain sentence.

Shapes: n images, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.config.course import VERDICTS, Course, least_rank
from sit_engine.counted import Sentence
from sit_engine.records.events import HealthMeasured

State = Literal["learning", "collapsed", "not learning", "unknown"]

# Not 0.2: healthy runs were measured at 0.17 (docs/adr/0006-collapse.md).
LEAST_DEVIATION = 0.05
READINGS_FOR_COLLAPSE = 3


@dataclass(frozen=True)
class Figures:
    """Deviation of unit features as a share of its best value 1/√D, and effective rank (≤ D)."""

    deviation_ratio: float
    effective_rank: float
    width: int

    @property
    def is_collapsed(self) -> bool:
        """Whether every image looks the same to the model, by this one reading."""
        is_flat = self.effective_rank < least_rank(self.width)
        return self.deviation_ratio < LEAST_DEVIATION or is_flat


def measure(feature_nD: Tensor) -> Figures:
    """Figures of features [n,D].

    Deviation: standard deviation of each coordinate of the unit rows, mean over coordinates, times
    √D (SimSiam, arXiv 2011.10566, section 4.1). Effective rank: exp of the entropy of the singular
    values' shares (Roy & Vetterli 2007, "The effective rank").
    """
    unit_nD = functional.normalize(feature_nD.double(), dim=-1)
    width = unit_nD.shape[1]
    deviation = unit_nD.std(dim=0).mean().item() * math.sqrt(width)
    values = torch.linalg.svdvals(unit_nD - unit_nD.mean(0))
    shares = values / values.sum().clamp(min=1e-12)
    entropy = -(shares * shares.clamp(min=1e-12).log()).sum().item()
    return Figures(deviation, math.exp(entropy), width)


@dataclass(frozen=True)
class KnnReading:
    """Online k-NN accuracy, that before the first step, and the half width of its interval."""

    accuracy: float
    untrained: float
    interval: float


@dataclass(frozen=True)
class Verdict:
    """What is to be said: the sentence `code` (config.course), filled with `values`."""

    state: State
    code: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> Sentence:
        """What is said of it."""
        return Sentence(VERDICTS[self.code], **self.values)


NOT_STARTED = Verdict("unknown", "health.not_started")


def told(
    figures: Figures, images: int, verdict: Verdict, step: int, curves: Mapping[str, float]
) -> HealthMeasured:
    """A reading of the features of `images` images as what is logged of it."""
    return HealthMeasured(
        step=step,
        images=images,
        deviation_ratio=figures.deviation_ratio,
        effective_rank=figures.effective_rank,
        width=figures.width,
        state=verdict.state,
        sentence=verdict.sentence,
        code=verdict.code,
        values=verdict.values,
        curves=dict(curves),
    )


def judge(
    readings: Sequence[Figures], knn: KnnReading | None, course: Course, step: int
) -> Verdict:
    """The verdict at `step` from the readings that can be judged (oldest first) and the newest k-NN."""
    if knn is not None and knn.accuracy - knn.untrained > knn.interval:
        return Verdict("learning", "health.learning", _shares(knn))
    if course.is_too_short:
        return Verdict("unknown", "health.too_short", course.words())
    if step < course.judged_from:
        return Verdict("unknown", "health.early", course.words())
    newest = readings[-READINGS_FOR_COLLAPSE:]
    if len(newest) == READINGS_FOR_COLLAPSE and all(reading.is_collapsed for reading in newest):
        return Verdict("collapsed", "health.collapsed")
    if knn is None:
        return Verdict("unknown", "health.unlabelled")
    if course.has_start:
        return Verdict("not learning", "health.keep_start", _shares(knn))
    code = "health.never_learnt" if course.is_long(step) else "health.not_learning"
    return Verdict("not learning", code, _shares(knn) | course.words())


def _shares(knn: KnnReading) -> dict[str, str]:
    return {name: f"{share:.0%}" for name, share in asdict(knn).items()}
