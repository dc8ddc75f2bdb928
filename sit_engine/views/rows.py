"""Which samples of a batch are worked out here: all, or a per-rank batch and its partners.

Everything is drawn for the whole batch, so that any number of ranks makes the same views of it.
Shapes: N samples in the whole batch, B of them here, C colours, Y X pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Numbers of the samples, the rank's own first, then others whose pixels it needs."""

    count: int
    """N"""
    own: slice
    others: Numbers

    @classmethod
    def all(cls, count: int) -> Rows:
        """All rows: one process has the whole batch."""
        return cls(count, slice(0, count), np.empty(0, dtype=np.int64))

    @classmethod
    def of(cls, own: slice, *partners_N: Numbers) -> Rows:
        """A rank's own samples and those of their partners that are not among them."""
        needed = np.unique(np.concatenate([partner_N[own] for partner_N in partners_N]))
        is_own = (needed >= own.start) & (needed < own.stop)
        return cls(len(partners_N[0]), own, needed[~is_own])

    @property
    def is_all(self) -> bool:
        """Whether the whole batch is here."""
        return self.own == slice(0, self.count)

    @property
    def numbers(self) -> Numbers:
        """Numbers of all samples here, [B]."""
        return np.concatenate([np.arange(self.own.start, self.own.stop), self.others])

    def place(self, partner_N: Numbers) -> Numbers:
        """The row here of each sample's partner; itself where that is not here."""
        row_N = np.full(self.count, -1)
        row_N[self.numbers] = np.arange(len(self.numbers))
        row_B = row_N[partner_N[self.numbers]]
        return np.where(row_B < 0, np.arange(len(row_B)), row_B)

    def noise_like(self, view_BCYX: Tensor, generator: torch.Generator) -> Tensor:
        """N(0, 1) for the first samples here, as many as there are views, drawn for all N."""
        if self.is_all:
            return torch.empty_like(view_BCYX).normal_(generator=generator)
        noise_NCYX = view_BCYX.new_empty(self.count, *view_BCYX.shape[1:])
        noise_NCYX.normal_(generator=generator)
        chosen = torch.from_numpy(self.numbers[: len(view_BCYX)])
        return noise_NCYX[chosen.to(view_BCYX.device, non_blocking=True)]

    def noise_of(
        self, noisy: Sequence[int], view_BCYX: Tensor, generator: torch.Generator
    ) -> Iterator[Tensor]:
        """N(0, 1) [C,Y,X] for each own sample among the `noisy` ones of the whole batch, in order."""
        for number in noisy:
            noise_CYX = torch.empty_like(view_BCYX[0]).normal_(generator=generator)
            if self.own.start <= number < self.own.stop:
                yield noise_CYX
