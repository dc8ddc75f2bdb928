"""The benchmark of checksums measures what it says."""

from __future__ import annotations

import torch

from benchmarks.checksums import measure
from benchmarks.table import Effort


def test_a_check_is_measured_beside_a_step() -> None:
    (found,) = measure(Effort(quick=True, device=torch.device("cpu")))
    assert float(found["step_ms"] or 0) > 0
    assert float(found["read_and_check_ms"] or 0) > 0
