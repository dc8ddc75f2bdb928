"""What the training loop asks of a method; the method owns networks, views, losses and teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

from sit_engine.data.batches import Batch, Batches


@dataclass(frozen=True)
class Moment:
    """Where in the run a step stands: all a method's randomness is a function of this."""

    seed: int
    step: int
    total_steps: int
    micro: int = 0


@dataclass(frozen=True)
class Losses:
    """The weighted sum to descend, its named parts and extra curves; 0-d tensors on the device."""

    total: Tensor
    terms: dict[str, Tensor]
    curves: dict[str, Tensor] = field(default_factory=dict)


class Trained(NamedTuple):
    """A parameter that the optimiser updates, at `rate` times the learning rate.

    Weight decay pulls at it if it `decays` and is no bias or norm.
    """

    name: str
    parameter: nn.Parameter
    rate: float = 1.0
    decays: bool = True


@dataclass(frozen=True)
class Repair:
    """What a method made of views it had corrupted itself: [B,3,Y,X] each.

    The mask [B,Y,X] is True where it was asked to: its loss judges those pixels.
    """

    corrupted: Tensor
    output: Tensor
    mask: Tensor


class Method(Protocol):
    """A method as the loop sees it."""

    @property
    def networks(self) -> nn.Module:
        """Everything whose tensors a checkpoint holds."""

    def order_weights(self, labels_n: np.ndarray) -> np.ndarray | None:
        """How often to draw each training image, relative to the others; None: each once an epoch."""

    def prepare(self, batches: Batches) -> None:
        """Called once before the first step of a leg, when the weights are in place."""

    def make_views(self, batch: Batch, moment: Moment) -> Any:
        """Views and corruption of a batch."""

    def loss(self, views: Any) -> Losses:
        """The losses of one batch of views."""

    def after_step(self, moment: Moment, finite: Tensor) -> dict[str, float]:
        """Update the teacher (not where `finite` is 0); gives the method's schedules as curves."""

    def trained_parameters(self) -> list[Trained]:
        """What the optimiser updates."""

    def repair(self, views_BCYX: Tensor, seed: int) -> Repair | None:
        """Corrupt views and repair them, for people to look at; None if it reconstructs nothing."""

    def backbone(self, which: str) -> nn.Module:
        """The backbone of the "student" or the "teacher"."""

    def classifier(self, which: str) -> nn.Module | None:
        """Normalised views [B,3,V,V] to logits [B,C] by that network; None if it learns no classes."""
