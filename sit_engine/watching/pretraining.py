"""Looks at a run from outside while it trains: health, online k-NN, previews. Changes nothing.

Draws from generators of its own, so that a run with and without it has the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sit_engine.config.course import Course
from sit_engine.config.methods import MethodOptions
from sit_engine.evaluation.features import centred_units, extract, raw_pixels
from sit_engine.evaluation.probes import binomial_score, knn_predict
from sit_engine.inspection.pictures import (
    attend,
    find_crosses,
    reconstruct,
    write_attention,
    write_crosses,
    write_reconstructions,
)
from sit_engine.inspection.prototypes import MOST_IMAGES, count_choices, write_usage
from sit_engine.inspection.wall import Wall, write_wall
from sit_engine.methods.protocol import Method
from sit_engine.records.events import Event, KnnMeasured, PreviewWritten
from sit_engine.records.run import Run
from sit_engine.watching.health import NOT_STARTED, Figures, KnnReading, judge, measure, told

PREVIEW_IMAGES = 8


@dataclass(frozen=True)
class HeldOut:
    """Videos held out of training: squares [n,S,S,3] of their frames, and which rows are whose."""

    squares: np.ndarray
    aspect: Tensor
    videos: list[np.ndarray]


@dataclass(frozen=True)
class Watched:
    """uint8 views [n,3,V,V] for the monitor, and labels where there are any.

    `train` are training images (k-NN's memory; the first of them also measure health and make the
    previews), `watch` are held out of training.
    """

    train: Tensor
    train_labels: np.ndarray
    watch: Tensor
    watch_labels: np.ndarray
    classes: int
    held: HeldOut | None = None
    """Of methods that are watched by retrieval."""

    @property
    def has_knn(self) -> bool:
        """Whether k-NN can be measured."""
        are_labelled = len(self.watch) > 0 and bool((self.watch_labels >= 0).all())
        return are_labelled and self.classes > 1


@dataclass
class Monitor:
    """Readings so far are part of a checkpoint's state: see `state` and `restore`."""

    run: Run
    method: Method
    watched: Watched
    device: torch.device
    options: MethodOptions
    figures: list[Figures] = field(default_factory=list)
    """Of the readings since the run can be judged."""
    untrained: float = float("nan")
    raw: float = float("nan")
    best: float = -1.0
    is_over: ClassVar[bool] = False
    """It never ends a run."""
    is_spare: ClassVar[bool] = True
    """In a run of few steps there are fewer readings: they would take longer than the run."""

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        readings = [[f.deviation_ratio, f.effective_rank, float(f.width)] for f in self.figures]
        return {
            "readings": readings,
            "untrained": self.untrained,
            "raw": self.raw,
            "best": self.best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's `state`."""
        self.figures = [Figures(d, r, int(w)) for d, r, w in state["readings"]]
        self.untrained, self.raw, self.best = state["untrained"], state["raw"], state["best"]

    @property
    def network(self) -> str:
        """Whose features are measured."""
        return self.options.features

    def read(
        self, step: int, course: Course, curves: Mapping[str, float]
    ) -> tuple[list[Event], bool]:
        """Health and k-NN at `step`; the events, and whether k-NN is the best so far."""
        train_nD = extract(
            self.method.backbone(self.network), self.watched.train, device=self.device
        )
        knn, is_best, events = None, False, list[Event]()
        if self.watched.has_knn:
            knn, is_best = self._knn(train_nD, step)
            events.append(
                KnnMeasured(
                    step, knn.accuracy, knn.untrained, knn.interval, self.raw, self.network,
                    had_start=course.has_start,
                )
            )  # fmt: skip
        figures = measure(train_nD[:256])
        if step >= course.judged_from:
            self.figures.append(figures)
        # Features before the first step say nothing about training.
        verdict = judge(self.figures, knn, course, step) if step else NOT_STARTED
        events.append(told(figures, min(256, len(train_nD)), verdict, step, curves))
        return events, is_best

    def _knn(self, train_nD: Tensor, step: int) -> tuple[KnnReading, bool]:
        watched = self.watched
        watch_mD = extract(self.method.backbone(self.network), watched.watch, device=self.device)
        found = self._accuracy(train_nD, watch_mD)
        if step == 0:
            self.untrained = found.accuracy
            train_raw, watch_raw = raw_pixels(watched.train), raw_pixels(watched.watch)
            self.raw = self._accuracy(*centred_units(train_raw, watch_raw)).accuracy
        is_best = step > 0 and found.accuracy > self.best
        if is_best:
            self.best = found.accuracy
        return KnnReading(found.accuracy, self.untrained, found.interval), is_best

    def _accuracy(self, train_nD: Tensor, watch_mD: Tensor) -> Any:
        watched = self.watched
        answers = knn_predict(train_nD, watched.train_labels, watch_mD, classes=watched.classes)
        return binomial_score(answers == watched.watch_labels)

    def preview(self, step: int) -> PreviewWritten:
        """Reconstructions and attention of the first training images into the run folder."""
        watched = self.watched
        views = watched.train[:PREVIEW_IMAGES]
        half = MOST_IMAGES // 2
        many = torch.cat(
            [watched.train[: MOST_IMAGES - len(watched.watch[:half])], watched.watch[:half]]
        )
        usage = count_choices(self.method, many, self.device)
        return write_preview(
            self.run, self.method, views, self.device, self.network, step, usage=usage
        )


def write_preview(
    run: Run,
    method: Method,
    views: Tensor,
    device: torch.device,
    network: str,
    step: int,
    *,
    usage: np.ndarray | None = None,
    wall: Wall | None = None,
) -> PreviewWritten:
    """Pictures of views [n,3,V,V] as the method sees them, into the run folder.

    `usage` has images by prototype, of a method that has any; `wall` what copies of videos found.
    """
    found = reconstruct(method, views, device, seed=0)
    attention = attend(method.backbone(network), views, device)
    crosses = find_crosses(method.backbone(network), views, device)

    def write() -> Path:
        folder = run.folder("previews") / f"step-{step:08d}"
        folder.mkdir(exist_ok=True)
        if found is not None:
            write_reconstructions(found, folder)
        if attention is not None:
            write_attention(attention, views, folder)
        if crosses is not None:
            write_crosses(crosses, folder)
        if usage is not None:
            write_usage(usage, folder)
        if wall is not None:
            write_wall(wall, folder)
        return folder

    return PreviewWritten(step, f"previews/{run.written(write).name}")
