"""One optimiser step on one batch: what the loop, the dry run and the benchmarks share."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sit_engine import ranks
from sit_engine.config.methods import METHODS, load
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.errors import ConfigError
from sit_engine.machine.device import apply_settings, autocast
from sit_engine.methods.protocol import Losses, Method, StepInfo
from sit_engine.training.optim import Optimiser
from sit_engine.views.seeds import stream_seed


def build_method(config: ResolvedConfig, device: torch.device) -> Method:
    """The method's networks on the device, started from the config's seed alone."""
    torch.manual_seed(stream_seed(config.compute.seed, 0, 0, "weights"))
    made: Method = load(METHODS[config.method.name].method)(
        config, fused_attention=device.type == "cuda"
    )
    made.networks.to(device)
    return made


@dataclass(frozen=True)
class Learned:
    """What a batch gives before anything is updated: losses and, in the weights, gradients."""

    losses: Losses
    waited_s: float


@dataclass(frozen=True)
class Done:
    """What a step gives: 0-d tensors on the device, the schedules, and seconds spent on data."""

    losses: Losses
    finite: Tensor
    norm: Tensor
    schedules: dict[str, float]
    waited_s: float


class Learner(nn.Module):
    """The losses as the forward pass of one module, which is what averages gradients over ranks."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.networks = method.networks
        self.method = method

    def forward(self, views: Any, gathered: Any) -> Losses:
        """The losses of views of this rank."""
        return self.method.loss(views, gathered)


class Stepper:
    """Networks, optimiser and batches of a resolved config on its device."""

    def __init__(
        self,
        config: ResolvedConfig,
        store: PixelStore,
        rows: np.ndarray,
        labels: np.ndarray | None = None,
    ) -> None:
        _check_batch(config.optim.batch_size, len(rows))
        self.seed = config.compute.seed
        self.precision = config.compute.precision
        self.device = apply_settings(config.compute)
        self.method = build_method(config, self.device)
        self.batches = Batches(
            store,
            rows,
            batch_size=config.optim.batch_size,
            seed=self.seed,
            device=self.device,
            labels=labels,
            weights=None if labels is None else self.method.order_weights(labels),
            rank=(ranks.number(), ranks.count()),
        )
        self.optimiser = Optimiser(
            self.method.trained_parameters(),
            clip_norm=config.optim.clip_norm,
            kind=config.optim.optimiser,
            dtype=torch.bfloat16 if self.precision == "bf16" else None,
        )
        self.cut(config.compute.parts)
        self.recompute(on=config.compute.recompute == "on")
        self.is_compiled = config.compute.compile == "on"
        if self.is_compiled:
            self.method.compile(on=True)
        learner = Learner(self.method)
        self.over_ranks: DistributedDataParallel | None = None
        if ranks.count() > 1:
            ranks.wait()  # The others may still decode images, longer than DDP would wait.
            self.over_ranks = DistributedDataParallel(
                learner,
                gradient_as_bucket_view=True,
                find_unused_parameters=self.method.student.has_unused_parameters,
            )
        self.learner: nn.Module = self.over_ranks or learner

    def cut(self, count: int) -> None:
        """Work a batch in `count` micro-batches; fewer where the per-rank batch cannot be cut like that.

        A run may go on with other ranks than those that the number was chosen for.
        """
        self.micro_batches = math.gcd(count, self.batches.batch_size // ranks.count())

    def recompute(self, *, on: bool) -> None:
        """Whether the student keeps little of its pass and works it out again."""
        self.is_recomputing = on
        self.method.student.set_recompute(on=on)

    def interpret(self) -> bool:
        """Go on without compiled passes; gives whether there were any."""
        was_compiled, self.is_compiled = self.is_compiled, False
        self.method.compile(on=False)
        return was_compiled

    @property
    def can_halve(self) -> bool:
        """Whether the per-rank batch can be cut into twice as many micro-batches."""
        own = self.batches.batch_size // ranks.count()
        return own % (2 * self.micro_batches) == 0

    def step(self, step_info: StepInfo, *, learning_rate: float, weight_decay: float) -> Done:
        """Views, losses, backward, update, teacher."""
        return self.update(
            self.learn(step_info), step_info, learning_rate=learning_rate, weight_decay=weight_decay
        )

    def learn(self, step_info: StepInfo) -> Learned:
        """Views, losses, backward: what can be tried again, since it changes no state."""
        waiting_from_s = time.perf_counter()
        batch = self.batches.at(step_info.step)
        waited_s = time.perf_counter() - waiting_from_s
        return Learned(self.losses_of(batch, step_info), waited_s)

    def losses_of(self, batch: Batch, step_info: StepInfo) -> Losses:
        """The losses of a batch; the weights have its gradients then."""
        views = self.method.make_views(batch, step_info)
        for backbone in self.method.backbones:
            backbone.begin_step(step_info.seed, step_info.step)
        self.optimiser.clear()
        is_whole = self.micro_batches == 1
        return self._learn(step_info, [views] if is_whole else views.split(self.micro_batches))

    def update(
        self, learned: Learned, step_info: StepInfo, *, learning_rate: float, weight_decay: float
    ) -> Done:
        """Weights by their gradients, and the teacher."""
        losses = learned.losses
        losses = replace(losses, curves=losses.curves | self.method.gradient_curves())
        self.method.before_update(step_info)
        finite, norm = self.optimiser.step(
            ranks.mean(losses.total), learning_rate=learning_rate, weight_decay=weight_decay
        )
        schedules = self.method.after_step(step_info, finite)
        return Done(losses, finite, norm, schedules, learned.waited_s)

    def _learn(self, step_info: StepInfo, micro_batches: list[Any]) -> Losses:
        """Forward and backward of all micro-batches; gradients are the mean over them and the ranks."""
        gathered: list[Any] = [None]
        if len(micro_batches) > 1:
            embedded = [self._embed(step_info, i, views) for i, views in enumerate(micro_batches)]
            with autocast(self.device, self.precision):
                gathered = self.method.gather(embedded)
        found = []
        for number, views in enumerate(micro_batches):
            self._seed(step_info, number)
            with self._alone_until(number == len(micro_batches) - 1):
                with autocast(self.device, self.precision):
                    losses: Losses = self.learner(views, gathered[number])
                (losses.total / len(micro_batches)).backward()  # type: ignore[no-untyped-call]
            found.append(losses.detached())
        return Losses.mean(found)

    def _embed(self, step_info: StepInfo, number: int, views: Any) -> Any:
        self._seed(step_info, number)
        with autocast(self.device, self.precision):
            return self.method.embed(views)

    def _seed(self, step_info: StepInfo, number: int) -> None:
        """Drop path draws from the global generator: seeded per pass, it needs no saved state.

        On a CPU that one alone is seeded: torch would format the stack for each GPU that is not there.
        """
        place = number * ranks.count() + ranks.number()
        seed = stream_seed(step_info.seed, step_info.step, place, "drop path")
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _alone_until(self, is_last: bool) -> AbstractContextManager[object]:
        """Gradients travel between ranks once a step."""
        return nullcontext() if is_last or self.over_ranks is None else self.over_ranks.no_sync()


def _check_batch(batch: int, images: int) -> None:
    if batch > images:
        raise ConfigError(
            "config.batch",
            "The batch size {batch} is larger than the {images} training images.",
            "Set optim.batch_size to {images} or less, or add images.",
            batch=batch,
            images=images,
        )
