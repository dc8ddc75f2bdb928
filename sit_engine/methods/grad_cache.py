"""A contrast over parts of a batch that pass the network one after the other, its loss unchanged.

The gradient of the loss to the tokens is worked out first, from passes that keep nothing; then each part
passes once more and its tokens get their share of it: cached gradients (Gao et al. 2021, GradCache,
arXiv 2101.06983). It costs one more forward pass of the student.
Shapes: B images of all parts, b of one; D width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Contrast = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""Tokens [2B,D] of the student and, if there is one, of the teacher, to loss and agreement."""


class Embedded(NamedTuple):
    """Of one part: the student's tokens [2b,D], and the teacher's."""

    token: Tensor
    key: Tensor | None


@dataclass(frozen=True)
class Gathered:
    """The loss of all parts, and its gradient to the tokens [2b,D] of one of them."""

    loss: Tensor
    agreement: Tensor
    gradient: Tensor
    parts: int
    again: Callable[[], Tensor] | None
    """In one part: the loss anew, as a function of the head's weights."""

    def of(self, token: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and agreement, so made that the mean over parts has the whole loss's gradient."""
        loss = self.loss + self.parts * ((token - token.detach()) * self.gradient).sum()
        if self.again is not None:
            found = self.again()
            loss = loss + self.parts * (found - found.detach())
        return loss, self.agreement


def gather(parts: list[Embedded], contrast: Contrast) -> list[Gathered]:
    """The contrast of all parts together, and for each part its share.

    The last part carries the head: where several ranks average gradients they do so in the pass of
    the last part, which must therefore meet every weight.
    """
    tokens = _stacked([part.token for part in parts]).requires_grad_()
    keys = (
        None
        if parts[0].key is None
        else _stacked([part.key for part in parts if part.key is not None])
    )
    loss, agreement = contrast(tokens, keys)
    with torch.autocast(tokens.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(loss, tokens)
    count = len(parts)
    first, second = (half.chunk(count) for half in gradient.chunk(2))
    fixed = tokens.detach()
    return [
        Gathered(
            loss.detach(), agreement, torch.cat([first[i], second[i]]), count,
            again=(lambda: contrast(fixed, keys)[0]) if i == count - 1 else None,
        )
        for i in range(count)
    ]  # fmt: skip


def _stacked(parts: list[Tensor]) -> Tensor:
    """Both views of each part [2b,D] as both views of all parts [2B,D]."""
    halves = [part.chunk(2) for part in parts]
    return torch.cat([half[view] for view in range(2) for half in halves])
