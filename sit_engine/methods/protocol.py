"""What the training loop asks of a method; the method owns networks, views, losses and teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn


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


@dataclass(frozen=True)
class Repair:
    """What a method made of views it had corrupted itself: [B,3,Y,X] each, mask [B,Y,X]."""

    corrupted: Tensor
    output: Tensor
    mask: Tensor


class Method(Protocol):
    """A self-supervised method as the loop sees it."""

    @property
    def networks(self) -> nn.Module:
        """Everything whose tensors a checkpoint holds."""

    def make_views(self, images_BYXC: Tensor, aspect_B: Tensor, moment: Moment) -> Any:
        """Views and corruption of uint8 images [B,S,S,3]; `aspect_B` is width / height."""

    def loss(self, views: Any) -> Losses:
        """The losses of one batch of views."""

    def after_step(self, moment: Moment, finite: Tensor) -> dict[str, float]:
        """Update the teacher (not where `finite` is 0); gives the method's schedules as curves."""

    def trained_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Names and parameters for the optimiser."""

    def repair(self, views_BCYX: Tensor, seed: int) -> Repair | None:
        """Corrupt views and repair them, for people to look at; None if it reconstructs nothing."""

    def backbone(self, which: str) -> nn.Module:
        """The backbone of the "student" or the "teacher"."""

    def classifier(self, which: str) -> nn.Module | None:
        """Normalised views [B,3,V,V] to logits [B,C] by that network; None if it learns no classes."""
