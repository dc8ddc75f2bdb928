"""One optimiser step on one batch: what the loop, the dry run and the benchmarks share."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sit_engine.config.fields import no_auto
from sit_engine.config.methods import METHODS, load
from sit_engine.config.tree import RunConfig
from sit_engine.data.batches import Batches
from sit_engine.data.cache import PixelStore
from sit_engine.errors import ConfigError
from sit_engine.methods.protocol import Losses, Method, Moment
from sit_engine.training.device import apply_settings, autocast
from sit_engine.training.optim import Optimiser
from sit_engine.views.seeds import stream_seed

DRY_RUN_S = 3.0


def build_method(config: RunConfig, device: torch.device) -> Method:
    """The method's networks on the device, started from the config's seed alone."""
    torch.manual_seed(stream_seed(config.compute.seed, 0, 0, "weights"))
    made: Method = load(METHODS[config.method.name].method)(
        config, fused_attention=device.type == "cuda"
    )
    made.networks.to(device)
    return made


@dataclass(frozen=True)
class Done:
    """What a step gives: 0-d tensors on the device, the schedules, and seconds spent on data."""

    losses: Losses
    finite: Tensor
    norm: Tensor
    schedules: dict[str, float]
    waited_s: float


class Stepper:
    """Networks, optimiser and batches of a resolved config on its device."""

    def __init__(
        self,
        config: RunConfig,
        store: PixelStore,
        rows: np.ndarray,
        labels: np.ndarray | None = None,
    ) -> None:
        self.seed = config.compute.seed
        self.precision = config.compute.precision
        self.device = apply_settings(config.compute)
        self.method = build_method(config, self.device)
        self.batches = Batches(
            store,
            rows,
            batch_size=no_auto(config.optim.batch_size),
            seed=self.seed,
            device=self.device,
            labels=labels,
            weights=None if labels is None else self.method.order_weights(labels),
        )
        if self.batches.steps_per_epoch == 0:
            raise ConfigError(
                "config.batch",
                "The batch size {batch} is larger than the {images} training images.",
                "Set optim.batch_size to {images} or less, or add images.",
                batch=self.batches.batch_size,
                images=len(rows),
            )
        self.optimiser = Optimiser(
            self.method.trained_parameters(), clip_norm=config.optim.clip_norm
        )

    def step(self, moment: Moment, *, learning_rate: float, weight_decay: float) -> Done:
        """Views, losses, backward, update, teacher."""
        waiting_from_s = time.perf_counter()
        batch = self.batches.at(moment.step)
        waited_s = time.perf_counter() - waiting_from_s
        # Drop path draws from the global generator: seeded per step, it needs no saved state.
        torch.manual_seed(stream_seed(self.seed, moment.step, moment.micro, "drop path"))
        views = self.method.make_views(batch, moment)
        with autocast(self.device, self.precision):
            losses = self.method.loss(views)
        finite, norm = self.optimiser.step(
            losses.total, learning_rate=learning_rate, weight_decay=weight_decay
        )
        schedules = self.method.after_step(moment, finite)
        return Done(losses, finite, norm, schedules, waited_s)


def measure_images_per_s(
    config: RunConfig, store: PixelStore, rows: np.ndarray, labels: np.ndarray | None = None
) -> float:
    """A dry run of about three seconds on networks of its own; median over its steps."""
    stepper = Stepper(config, store, rows, labels)
    stepper.method.prepare(stepper.batches)
    seconds: list[float] = []
    started_s = time.perf_counter()
    while len(seconds) < 5 or time.perf_counter() - started_s < DRY_RUN_S:
        step_s = time.perf_counter()
        moment = Moment(stepper.seed, len(seconds), total_steps=1000)
        done = stepper.step(moment, learning_rate=0.0, weight_decay=0.0)
        float(done.norm)  # Waits for the device.
        seconds.append(time.perf_counter() - step_s)
    rate = stepper.batches.batch_size / statistics.median(seconds[2:])
    if stepper.device.type == "cuda":
        del stepper, done
        torch.cuda.empty_cache()
    return rate
