"""Measures finetuning on the held-out images while it trains, and ends it when it no longer gains.

Draws nothing, so that a run with and without it has the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Never

import numpy as np
import torch
from torch.nn import functional

from sit_engine.config.course import Course
from sit_engine.config.methods import MethodOptions
from sit_engine.evaluation.features import probabilities
from sit_engine.evaluation.probes import binomial_score
from sit_engine.methods.protocol import Method
from sit_engine.records.events import Event, PreviewWritten, ValidationMeasured, warning
from sit_engine.records.run import Run
from sit_engine.watching.pretraining import PREVIEW_IMAGES, Watched, write_preview


@dataclass
class Validator:
    """Measures at every reading; the best, and how many came since, are part of a checkpoint."""

    run: Run
    method: Method
    watched: Watched
    device: torch.device
    options: MethodOptions[Never]
    best: tuple[float, float] = field(default=(-1.0, 0.0))
    """Accuracy and minus the loss: of equally many right answers the surer are better."""
    since: int = 0
    is_spare: ClassVar[bool] = False
    """Its readings choose the checkpoint, so there are as many as were asked for."""

    @property
    def is_over(self) -> bool:
        """Whether so many readings brought nothing better that the run may end."""
        return 0 < self.options.patience_readings <= self.since

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"best": list(self.best), "since": self.since}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's `state`; a run that had ended itself gets another chance."""
        accuracy, loss = state["best"]
        self.best, self.since = (accuracy, loss), state["since"]
        if self.is_over:
            self.since = 0

    def read(
        self, step: int, course: Course, curves: Mapping[str, float]
    ) -> tuple[list[Event], bool]:
        """Accuracy and loss on the held-out images; the events, and whether it is the best so far."""
        del course, curves
        labels = self.watched.watch_labels
        if not len(labels):
            return [], False
        classifier = self.method.classifier(self.options.features)
        assert classifier is not None
        chances_mC = probabilities(classifier, self.watched.watch, device=self.device)
        correct = (chances_mC.argmax(-1).numpy() == labels).astype(float)
        log_mC = chances_mC.clamp(min=1e-12).log()
        loss = float(functional.nll_loss(log_mC, torch.from_numpy(labels).long()))
        present, counts = np.unique(labels, return_counts=True)
        score = binomial_score(correct)
        measured = ValidationMeasured(
            step=step,
            accuracy=score.accuracy,
            interval=score.interval,
            loss=loss,
            balanced_accuracy=float(
                np.mean([correct[labels == label].mean() for label in present])
            ),
            majority=float(counts.max() / counts.sum()),
            images=len(labels),
        )
        found = (score.accuracy, -loss)
        is_best = step > 0 and found > self.best
        if step > 0:
            self.best, self.since = (found, 0) if is_best else (self.best, self.since + 1)
        if not self.is_over:
            return [measured], is_best
        told = warning(
            "finetune.early_stop",
            "Ended at step {step}: {count} readings brought no better validation.",
            step=step,
            count=self.since,
        )
        return [measured, told], is_best

    def preview(self, step: int) -> PreviewWritten:
        """Attention of the first training images into the run folder."""
        views = self.watched.train[:PREVIEW_IMAGES]
        return write_preview(self.run, self.method, views, self.device, self.options.features, step)
