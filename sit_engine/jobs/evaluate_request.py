"""What an evaluation is asked for; loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sit_engine.config.backbones import FeatureKind
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.folder.wanted import Patterns


@dataclass(frozen=True)
class EvaluateRequest:
    """What to measure a run on, and beside what.

    A finetuned run may leave `train` out: its own training images; a run on a folder with test images
    of its own `test`. Of folders with parts the training side has those to train and validate on, the
    test side those to test on.
    """

    test: Sequence[str] = ()
    train: Sequence[str] | None = None
    baselines: Sequence[Path] = ()
    labels_file: str | None = None
    layout: LayoutChoice = "auto"
    columns: LabelColumns | None = None
    patterns: Patterns | None = None
    """Which files of the folders are looked at; None: as the run does."""
    step: int | None = None
    network: str | None = None
    features: FeatureKind = "usual"
    """What the features of every network are made of."""
    knn_only: bool = False
    """Leave the linear probe and few-shot out, which take longer."""
    without_missing: bool = False
    """Leave images of the run out that are gone."""
