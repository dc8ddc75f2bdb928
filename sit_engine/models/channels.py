"""Some channels of a shared tensor, which follow each other and may go on round its end."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Channels(NamedTuple):
    """`number` of `total` channels, from `first` on; behind the last comes channel 0."""

    first: int
    number: int
    total: int

    def of(self, shared: Tensor, dim: int) -> Tensor:
        """Those channels of a tensor that has all, in their own order; a view where they do not wrap."""
        before_end = self.total - self.first
        if self.number <= before_end:
            return shared.narrow(dim, self.first, self.number)
        rest = shared.narrow(dim, 0, self.number - before_end)
        return torch.cat([shared.narrow(dim, self.first, before_end), rest], dim)

    def spread(self, own: Tensor) -> Tensor:
        """The last dimension at its places among all channels, with 0 elsewhere."""
        before_end = self.total - self.first
        if self.number <= before_end:
            return functional.pad(own, (self.first, before_end - self.number))
        head, tail = torch.split(own, [before_end, self.number - before_end], dim=-1)
        between = self.total - self.number
        return torch.cat([functional.pad(tail, (0, between)), head], dim=-1)
