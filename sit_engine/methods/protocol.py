"""What the training loop asks of a method; the method owns networks, views, losses and teacher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.models.backbone import Backbone
from sit_engine.records.on_progress import OnProgress


@dataclass(frozen=True)
class StepInfo:
    """Where in the run a step stands: all a method's randomness is a function of this."""

    seed: int
    step: int
    total_steps: int
    steps_per_epoch: int = 1

    @property
    def epoch(self) -> int:
        """The epoch of the step, counted from 0."""
        return self.step // max(1, self.steps_per_epoch)


class Views(Protocol):
    """Views of a batch, as a method likes them."""

    def split(self, count: int) -> list[Any]:
        """`count` micro-batches of equally many images, in order."""


@dataclass(frozen=True)
class Losses:
    """The weighted sum to descend, its named parts and extra curves; 0-d tensors on the device."""

    total: Tensor
    terms: dict[str, Tensor]
    curves: dict[str, Tensor] = field(default_factory=dict)

    def detached(self) -> Losses:
        """The same values without the graph of the pass."""
        return Losses(
            self.total.detach(), self.terms, {name: c.detach() for name, c in self.curves.items()}
        )

    @staticmethod
    def mean(each: list[Losses]) -> Losses:
        """The mean of equally large micro-batches."""
        if len(each) == 1:
            return each[0]

        def over(values: list[dict[str, Tensor]]) -> dict[str, Tensor]:
            return {
                name: torch.stack([value[name].float() for value in values]).mean()
                for name in values[0]
            }

        return Losses(
            torch.stack([one.total for one in each]).mean(),
            over([one.terms for one in each]),
            over([one.curves for one in each]),
        )


class Trained(NamedTuple):
    """A parameter that the optimiser updates, at `rate` times the learning rate.

    Weight decay pulls at it if it `decays` and is no bias or norm.
    """

    name: str
    parameter: nn.Parameter
    rate: float = 1.0
    decays: bool = True


@dataclass(frozen=True)
class Reconstruction:
    """What a method made of views it had corrupted itself: [B,3,Y,X] each.

    The mask [B,Y,X] is True where it was asked to: its loss judges those pixels.
    """

    corrupted: Tensor
    output: Tensor
    mask: Tensor


class Method(ABC):
    """A method as the training loop sees it; what few methods have is none until they say so."""

    networks: nn.Module
    """Everything whose tensors a checkpoint holds."""
    shares_preparation: ClassVar[bool] = False
    """Whether what `prepare` makes lies on the disk, for all ranks of a machine."""

    @abstractmethod
    def make_views(self, batch: Batch, step_info: StepInfo) -> Views:
        """What the loss needs of the per-rank batch."""

    @abstractmethod
    def loss(self, views: Any, gathered: Any = None) -> Losses:
        """The losses of one batch of views, or of a micro-batch with what `gather` gave for it."""

    @abstractmethod
    def backbone(self, which: str) -> Backbone:
        """The backbone of the "student" or the "teacher"."""

    @property
    def student(self) -> Backbone:
        """The backbone that is trained."""
        return self.backbone("student")

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """All that see images in a step, each once."""
        teacher = self.backbone("teacher")
        return (self.student,) if teacher is self.student else (self.student, teacher)

    def head_modules(self) -> dict[str, list[nn.Module]]:
        """Modules that a start of the same method gives weights, by how their tensors' names begin."""
        return {}

    def trained_parameters(self) -> list[Trained]:
        """What the optimiser updates."""
        return [Trained(name, p) for name, p in self.networks.named_parameters() if p.requires_grad]

    def before_update(self, step_info: StepInfo) -> None:
        """Called between a step's gradients and its update: here a method may drop some of them."""
        del step_info

    def gradient_curves(self) -> dict[str, Tensor]:
        """Curves of a step's gradients, before they are clipped: 0-d tensors on the device."""
        return {}

    def after_step(self, step_info: StepInfo, finite: Tensor) -> dict[str, float]:
        """Update the teacher (not where `finite` is 0); gives the method's schedules as curves."""
        del step_info, finite
        return {}

    def compile(self, *, on: bool) -> None:
        """Whether torch compiles the networks' passes from now on."""
        del on

    def prepare(self, batches: Batches, on_progress: OnProgress | None = None) -> None:
        """Called once before the first step of a leg, when the weights are in place.

        What takes long tells `on_progress`, which may raise to end it: then what was worked out is kept,
        or is begun anew the next time.
        """
        del batches, on_progress

    def prepare_trial(self, batches: Batches) -> None:
        """Called instead of `prepare` where steps are tried for their speed and memory alone.

        What `prepare` reads of all images may be made up, of the same sizes.
        """
        self.prepare(batches)

    def for_positions(self, positions: Tensor) -> None:
        """Called in a replay: the images of one step, by their places among all, are all there are."""
        del positions

    def order_weights(self, labels_n: np.ndarray) -> np.ndarray | None:
        """How often to draw each training image, relative to the others; None: each once an epoch."""
        del labels_n
        return None

    # Where a loss compares images (methods.grad_cache)

    def embed(self, views: Any) -> Any:
        """What such a loss needs of a micro-batch; None: there is no such loss."""
        del views
        return None

    def gather(self, embedded: list[Any]) -> list[Any]:
        """What `loss` needs to know of the other micro-batches, for each, from what all embedded."""
        return [None] * len(embedded)

    # For people to look at, and to take home

    def reconstruct(self, views_BCYX: Tensor, seed: int) -> Reconstruction | None:
        """Corrupt views and reconstruct them; None if the method does not."""
        del views_BCYX, seed
        return None

    @property
    def prototypes(self) -> int:
        """How many directions images are sorted by; 0 of a method without."""
        return 0

    def first_choices(self, feature_BD: Tensor) -> Tensor:
        """Which prototype the teacher takes first of each of its features [B,D]: [B]."""
        raise NotImplementedError

    def classifier(self, which: str) -> nn.Module | None:
        """Normalised views [B,3,V,V] to logits [B,C] by that network; None if it learns no classes."""
        del which
        return None
