"""A network that learns from labels alone, from nothing: what pretraining has to be better than.

Shapes: n labelled images, V side of a view, C classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts
from sit_engine.config.methods import LABELLED_METHOD
from sit_engine.config.resolve import resolve, total_steps
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.machine.device import probe_once
from sit_engine.methods.protocol import StepInfo
from sit_engine.training.schedules import cosine
from sit_engine.training.speed import measure_images_per_s
from sit_engine.training.stepper import Stepper

MOST_EPOCHS = 400.0
TRIED_S = 0.3
"""So long steps are tried to know how many there is time for."""


def supervised_config(like: ResolvedConfig, labels_n: np.ndarray, seed: int) -> ResolvedConfig:
    """What "auto" gives for so few labels, all of which train, on the network of another run."""
    counts = np.bincount(labels_n)
    counts = counts[counts > 0]
    config = build(
        {
            "method": {"name": LABELLED_METHOD},
            "data": {"folders": ["unused"], "watch_share": 0},
            "model": like.model.model_dump() | {"weights": None},
            # How the run's batches are cut and recomputed is a matter of its own batches.
            "compute": like.compute.model_dump() | {"seed": seed, "parts": 1, "recompute": "off"},
        }
    )
    facts = DataFacts(
        len(labels_n), len(counts), like.model.image_size, int(counts.min()), int(counts.max())
    )
    return resolve(config, facts, probe_once(config.compute)).config


def train_supervised(
    config: ResolvedConfig,
    views_n3VV: Tensor,
    labels_n: np.ndarray,
    *,
    seconds: float,
    on_step: Callable[[], None] = lambda: None,
) -> nn.Module:
    """The classifier, normalised views [B,3,V,V] to logits [B,C], after about so many seconds.

    Not for the epochs of "auto", which are meant for networks that have learnt before. `on_step` may
    break off.
    """
    pixels = views_n3VV.permute(0, 2, 3, 1).contiguous().numpy()
    everyone, square = np.arange(len(pixels)), np.ones(len(pixels), dtype=np.float32)
    store = PixelStore(config.model.image_size, pixels, everyone, square, None)
    rate = measure_images_per_s(config, store, everyone, labels_n, seconds=TRIED_S)
    stepper = Stepper(config, store, everyone, labels_n)
    stepper.method.prepare(stepper.batches)
    optim = config.optim
    epochs = min(MOST_EPOCHS, max(1.0, seconds * rate / len(pixels)))
    steps = total_steps(epochs, len(pixels), stepper.batches.batch_size)
    warmup = round(steps * optim.warmup_epochs / optim.epochs)
    return train_steps(stepper, config, steps, warmup, on_step)


def train_steps(
    stepper: Stepper,
    config: ResolvedConfig,
    steps: int,
    warmup: int,
    on_step: Callable[[], None] = lambda: None,
) -> nn.Module:
    """The classifier after those steps, by the rate and decay of the settings."""
    optim = config.optim
    peak = optim.learning_rate * stepper.batches.batch_size / 256
    for step in range(steps):
        on_step()
        stepper.step(
            StepInfo(stepper.seed, step, steps, stepper.batches.steps_per_epoch),
            learning_rate=cosine(peak, optim.learning_rate_end, step, steps, warmup),
            weight_decay=optim.weight_decay,
        )
    classifier = stepper.method.classifier(config.method.features)
    assert classifier is not None
    return classifier
