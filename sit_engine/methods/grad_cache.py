"""A contrast over micro-batches that pass the network one after the other, its loss unchanged.

The gradient of the loss to the tokens is worked out first, from passes that keep nothing; then each
micro-batch passes once more and its tokens get their share of it: cached gradients (Gao et al. 2021,
GradCache, arXiv 2101.06983). It costs one more forward pass of the student.
Shapes: B images of all micro-batches, b of one; D width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Contrast = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""Tokens [2B,D] of the student and, if there is one, of the teacher, to loss and agreement."""


class EmbeddedTokens(NamedTuple):
    """Tokens of a micro-batch: the student's [2b,D], and the teacher's."""

    token: Tensor
    key: Tensor | None


@dataclass(frozen=True)
class Gathered:
    """The loss of all micro-batches, and its gradient to the tokens [2b,D] of one of them."""

    loss: Tensor
    agreement: Tensor
    gradient: Tensor
    micro_batches: int
    again: Callable[[], Tensor] | None
    """In one of them: the loss anew, as a function of the head's weights."""

    def of(self, token: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and agreement, so made that the mean over micro-batches has the whole loss's gradient."""
        loss = self.loss + self.micro_batches * ((token - token.detach()) * self.gradient).sum()
        if self.again is not None:
            found = self.again()
            loss = loss + self.micro_batches * (found - found.detach())
        return loss, self.agreement


def gather(embedded: list[EmbeddedTokens], contrast: Contrast) -> list[Gathered]:
    """The contrast of all micro-batches together, and for each its share.

    The last one carries the head: where several ranks average gradients they do so in its pass,
    which must therefore meet every weight.
    """
    tokens = _stacked([one.token for one in embedded]).requires_grad_()
    keys = (
        None
        if embedded[0].key is None
        else _stacked([one.key for one in embedded if one.key is not None])
    )
    loss, agreement = contrast(tokens, keys)
    with torch.autocast(tokens.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(loss, tokens)
    count = len(embedded)
    first, second = (half.chunk(count) for half in gradient.chunk(2))
    fixed = tokens.detach()
    return [
        Gathered(
            loss.detach(), agreement, torch.cat([first[i], second[i]]), count,
            again=(lambda: contrast(fixed, keys)[0]) if i == count - 1 else None,
        )
        for i in range(count)
    ]  # fmt: skip


def _stacked(each: list[Tensor]) -> Tensor:
    """Both views of each micro-batch [2b,D] as both views of all of them [2B,D]."""
    halves = [one.chunk(2) for one in each]
    return torch.cat([half[view] for view in range(2) for half in halves])
