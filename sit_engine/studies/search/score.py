"""What a network of a trained supernet is worth, on images that were held out.

From labels the accuracy of its classifier; without, the loss of pretraining on views that are the same
for every network, and nearest neighbours where there are labels, else the effective rank.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.families.sharing import End, ends_of
from sit_engine.data.feed.batches import Batches
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.evaluation.features import extract, probabilities
from sit_engine.evaluation.probes import knn_predict
from sit_engine.jobs.networks import load_method
from sit_engine.machine.device import apply_settings
from sit_engine.methods.protocol import StepInfo
from sit_engine.models.supernet import Supernet
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from sit_engine.training.prepare import prepare_resumed
from sit_engine.training.start import Emit
from sit_engine.watching import health
from sit_engine.watching.pretraining import Watched

LOSS_IMAGES, MEMORY_IMAGES = 128, 500
"""Held-out images whose views are learnt from in thought, and training images that neighbours come from:
few, so that many networks can be asked."""


@dataclass(frozen=True)
class Parts:
    """The figures of one network; what was not measured is None."""

    accuracy: float | None = None
    loss: float | None = None
    rank: float | None = None


class Scorer:
    """A supernet's run put to work: figures of any of its networks."""

    def __init__(self, run: Run, emit: Emit) -> None:
        config = run.config()
        data, _ = prepare_resumed(run, config, emit)
        self.watched, self.seed = data.watched, config.compute.seed
        self.is_labelled = config.method.needs_labels
        self.chosen = config.method.features
        # The last weights, as published: which ones validated best is said of one network alone.
        _, manifest, _ = checkpoint.newest_verified(run)
        self.method, _ = load_method(run, step=int(manifest["step"]))
        self.device = apply_settings(config.compute, or_cpu=True)
        self.method.networks.to(self.device)
        self.sharing = self.supernet.options.sharing
        self.views = None if self.is_labelled else self._views()

    @property
    def supernet(self) -> Supernet:
        """The one whose features are measured."""
        found = self.method.backbone(self.chosen)
        assert isinstance(found, Supernet)
        return found

    def parts(self, shape: NetworkShape) -> Parts:
        """The figures of that network; where it is trained from both ends, the mean of the two."""
        each = [self._from(shape, end) for end in ends_of(self.sharing)]

        def mean(values: list[float | None]) -> float | None:
            known = [value for value in values if value is not None]
            return statistics.fmean(known) if known else None

        return Parts(
            mean([one.accuracy for one in each]),
            mean([one.loss for one in each]),
            mean([one.rank for one in each]),
        )

    def _from(self, shape: NetworkShape, end: End) -> Parts:
        with self._answering(shape, end):
            if self.is_labelled:
                return Parts(accuracy=self._classified())
            features = self._features(_held_out(self.watched))
            rank = health.measure(features).effective_rank
            return Parts(self._neighbours(features), self._loss(), rank)

    @contextmanager
    def _answering(self, shape: NetworkShape, end: End) -> Iterator[None]:
        """Let that network answer in all of the run's supernets alike."""
        with ExitStack() as stack:
            for backbone in self.method.backbones:
                assert isinstance(backbone, Supernet)
                stack.enter_context(backbone.answering(shape, end))
            yield

    def _classified(self) -> float:
        classifier = self.method.classifier(self.chosen)
        assert classifier is not None
        return classified(classifier, self.watched, self.device)

    def _features(self, views: Tensor) -> Tensor:
        return extract(self.supernet, views, device=self.device)

    def _neighbours(self, features_mD: Tensor) -> float | None:
        """None where nothing with a label was held out."""
        watched = self.watched
        if not watched.has_knn:
            return None
        return neighbours(self._features(watched.train[:MEMORY_IMAGES]), features_mD, watched)

    @torch.no_grad()
    def _loss(self) -> float:
        """Loss of one step that is never taken: heads in training mode judge by these images alone."""
        was_training = self.method.networks.training
        self.method.networks.train()
        torch.manual_seed(0)
        total = float(self.method.loss(self.views).total)
        self.method.networks.train(was_training)
        return total

    def _views(self) -> object:
        """Views of some held-out images, drawn once."""
        pixels = _held_out(self.watched)[:LOSS_IMAGES].permute(0, 2, 3, 1).contiguous().numpy()
        rows, square = np.arange(len(pixels)), np.ones(len(pixels), dtype=np.float32)
        store = PixelStore(pixels.shape[1], pixels, rows, square, None)
        batches = Batches(store, rows, batch_size=len(rows), seed=self.seed, device=self.device)
        return self.method.make_views(batches.some(rows), StepInfo(self.seed, 0, 1))


def _held_out(watched: Watched) -> Tensor:
    """Watched images; searches of before held none out where nothing has a label: some that trained have
    to do.
    """
    return watched.watch if len(watched.watch) else watched.train


def classified(classifier: nn.Module, watched: Watched, device: torch.device) -> float:
    """The share of held-out images that a classifier answers rightly."""
    answers = probabilities(classifier, watched.watch, device=device).argmax(1)
    return float((answers.numpy() == watched.watch_labels).mean())


def neighbours(train_nD: Tensor, held_out_mD: Tensor, watched: Watched) -> float:
    """The share of held-out images whose nearest neighbours are right."""
    labels_n = watched.train_labels[: len(train_nD)]
    answers = knn_predict(train_nD, labels_n, held_out_mD, classes=watched.classes)
    return float((answers == watched.watch_labels).mean())


def network_parts(run: Run, emit: Emit) -> Parts:
    """The accuracy of a network that was trained alone, asked as those in a supernet are."""
    config = run.config()
    data, _ = prepare_resumed(run, config, emit)
    method, _ = load_method(run)
    device, chosen = apply_settings(config.compute, or_cpu=True), config.method.features
    if (classifier := method.classifier(chosen)) is not None:
        return Parts(accuracy=classified(classifier.to(device), data.watched, device))
    backbone = method.backbone(chosen).to(device)
    memory = data.watched.train[:MEMORY_IMAGES]
    train, held_out = (
        extract(backbone, views, device=device) for views in (memory, data.watched.watch)
    )
    return Parts(neighbours(train, held_out, data.watched))
