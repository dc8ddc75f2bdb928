"""The shares of several ranks, put together, are the batch that one process makes."""

from __future__ import annotations

from typing import Never

import numpy as np
import pytest
import torch
from torch import Tensor

from sit_engine.config.views import CorruptionOptions
from sit_engine.views.corrupt import plan
from sit_engine.views.rows import Rows

KINDS: dict[str, CorruptionOptions[Never]] = {
    "gmml": CorruptionOptions(align=4, fills=("zeros", "noise", "elsewhere")),
    "local": CorruptionOptions(kind="local"),
    "none": CorruptionOptions(kind="none"),
}


def views(count: int, side: int) -> Tensor:
    """Normalised pixels."""
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3])
def test_shares_put_together_are_the_whole_batch(kind: str, side: int, count: int) -> None:
    batch = 12
    clean = views(batch, side)
    planned = plan(KINDS[kind], batch, (side, side), seed=3, step=5, view=1)
    whole = planned.carry_out(clean, Rows.all(batch))
    part = batch // count
    for rank in range(count):
        own = slice(rank * part, (rank + 1) * part)
        rows = Rows.of(own, planned.partner_B)
        assert len(rows.others) < batch
        found = planned.carry_out(clean[rows.numbers], rows)
        assert torch.equal(found.mask, whole.mask[own])
        torch.testing.assert_close(found.view, whole.view[own], rtol=0, atol=1e-5)
        into = planned.carry_out(clean[rows.numbers], rows, out=torch.empty(part, 3, side, side))
        assert torch.equal(into.view, found.view)


def test_only_batch_mates_whose_pixels_are_needed_are_asked_for() -> None:
    partner = np.array([5, 1, 2, 3, 0, 5, 2, 7])
    rows = Rows.of(slice(0, 4), partner)
    assert rows.others.tolist() == [5]
    assert rows.numbers.tolist() == [0, 1, 2, 3, 5]
    # The guest's own partner may be missing: it is then its own.
    assert rows.place(np.array([5, 1, 2, 3, 0, 7, 2, 7])).tolist() == [4, 1, 2, 3, 4]
