"""How often a training step makes the host wait for its device.

Run from the repository root: `python -m benchmarks.waits [--quick] [--device cuda] [--json FILE]`.
Reads of single numbers (`.item()`) and copies from the device are counted as torch dispatches them, on
any device: on the CPU they cost nothing, but the same code would wait on a GPU. Views are counted on a
GPU only, since their parameters are drawn on the host on purpose. There torch's own warnings about
synchronisation are counted as well. The slow reference reads one number a weight.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.recipe import HALF, PLAIN, Case, config_of, learn, pictures, stepper_of, views_of
from benchmarks.slow_step import SlowStep
from benchmarks.table import Effort, Row, Work, main, row

aten = torch.ops.aten
READS = (aten._local_scalar_dense.default, aten.nonzero.default)
COPIES = (aten._to_copy.default, aten.copy_.default)


class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what would make the host wait for a device: numbers read, sizes asked, copies back."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device, self.reads, self.copies = device, 0, 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Called for each operation."""
        made = function(*args, **(kwargs or {}))
        if function in READS:
            self.reads += args[0].device.type == self.device.type
        elif function in COPIES and self.device.type != "cpu":
            source = args[1] if function is COPIES[1] else args[0]
            self.copies += source.device.type == self.device.type and made.device.type == "cpu"
        return made


def measure(effort: Effort) -> list[Row]:
    """Ours and the reference on the smallest network: the number hangs on no size."""
    case = Case("vit_tiny", 32, 8)
    stepper = stepper_of(case, HALF, effort.device)
    slow = SlowStep(config_of(case, PLAIN, effort.device), effort.device)
    chosen = pictures(case.size_px, case.batch)
    views, slow_views = views_of(stepper, 0), slow.batch(chosen)
    works: dict[str, Work] = {
        "ours, networks": lambda _: learn(stepper, views),
        "slow reference, networks": lambda _: slow.learn(*slow_views),
    }
    if effort.device.type == "cuda":
        works |= {
            "ours, views": lambda number: views_of(stepper, number),
            "slow reference, views": lambda _: slow.batch(chosen),
        }
    return [count(name, work, effort.device) for name, work in works.items()]


def count(name: str, work: Work, device: torch.device) -> Row:
    """Of one call after two that warm up."""
    work(0), work(1)
    with Reads(device) as seen:
        work(2)
    return row(
        what=name,
        numbers_read=seen.reads,
        copies_back=None if device.type == "cpu" else seen.copies,
        torch_warnings=_warnings(work) if device.type == "cuda" else None,
    )


def _warnings(work: Work) -> int:
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work(3)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message) for one in caught)


if __name__ == "__main__":
    main("waits", __doc__, measure)
