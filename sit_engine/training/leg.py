"""What a leg of a run gets and gives: its data, where it begins, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.records.events import Outcome, SettingsAccepted
from sit_engine.training.recovery.out_of_memory import Change
from sit_engine.watching.pretraining import Watched


@dataclass(frozen=True)
class TrainingData:
    """Pixels of all images, the rows that train, and what the monitor looks at."""

    store: PixelStore
    rows: np.ndarray
    labels: np.ndarray
    """Of the rows; -1: no label."""
    watched: Watched


@dataclass(frozen=True)
class RunResult:
    """How a leg ended."""

    outcome: Outcome
    step: int
    checkpoint: Path

    @property
    def run(self) -> Path:
        """Its run folder, where it was at the end."""
        return self.checkpoint.parent.parent


@dataclass(frozen=True)
class From:
    """Where a leg begins, and with what."""

    checkpoint: Path | None = None
    """A verified one; None: the first step."""
    leg: int = 0
    epochs: float | None = None
    """To so many in all: lengthens a resumed run."""
    was_complete: bool = False
    """Whether the leg before ended with the run's last step."""
    changes: tuple[Change, ...] = ()
    """Settings that are others from here on, which the run's files say already."""
    accepted: SettingsAccepted | None = None
    """Told once a checkpoint holds them."""
