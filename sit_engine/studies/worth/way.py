"""One way to get to answers, with what it answered image by image. Shapes: m test images."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sit_engine.evaluation.probes import half_width
from sit_engine.records.report import Score
from sit_engine.records.studies.worth import Column


class Way(NamedTuple):
    """A column, and by labels a class whether each test image was answered rightly, [draws,m]."""

    column: Column
    right: dict[int, np.ndarray]


def over_images(score: Score, images: int) -> Score:
    """The interval over draws, and over which test images there happened to be: squares added."""
    drawn = 0.0 if math.isnan(score.interval) else score.interval
    return Score(score.accuracy, math.hypot(drawn, half_width(score.accuracy, images)))
