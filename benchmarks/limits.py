"""How far a training step is from the machine's limit, and what holds it: operations by kind.

Run from the repository root: `python -m benchmarks.limits [--quick] [--device cuda] [--json FILE]`. The
limit is a large square product in the same number format, measured in the same run (its best of a
few). Operations of the networks' passes are counted by torch's counter, their time by its profiler, which
slows small ones a little; on a GPU it is the time of the kernels. Kinds go by words in names, so that a
few small operations of the views stand with the norms or the teacher.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.recipe import (
    HALF,
    PLAIN,
    Case,
    Format,
    config_of,
    learn,
    stepper_of,
    take_step,
    views_of,
)
from benchmarks.table import Effort, Row, main, row, wait_for
from sit_engine.machine.malloc import tuned_malloc
from sit_engine.training.stepper import Stepper

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # The profiler's own log.
CASES = {
    "quick": [Case("vit_tiny", 32, 16)],
    "cpu": [Case("vit_tiny", 32, 64), Case("vit_tiny", 224, 16), Case("vit_small", 224, 16)],
    "cuda": [Case("vit_tiny", 32, 1024), Case("vit_small", 224, 64), Case("vit_small", 224, 256)],
}
SIDE = {"cpu": 2048, "cuda": 8192}
PRODUCTS = "matrix products"
# The first kind whose words stand in an operation's name.
KINDS = {
    "attention, fused": ("attention", "flash"),
    PRODUCTS: ("mm", "linear", "matmul", "conv"),
    "softmax": ("softmax",),
    "GELU": ("gelu",),
    "norms": ("norm",),
    "AdamW and teacher": ("adamw", "foreach", "lerp"),
    "copies and casts": ("copy", "clone", "cat", "stack", "contiguous"),
    "sums, products, fills": ("add", "mul", "sub", "div", "sum", "mean", "fill", "zero"),
}


def measure(effort: Effort) -> list[Row]:
    """All cases, in bf16 and on the CPU in plain fp32."""
    kind = effort.device.type
    formats = {"bf16": HALF} | ({"fp32": PLAIN} if kind == "cpu" else {})
    cases = CASES["quick" if effort.quick else kind]
    with tuned_malloc(config_of(cases[0], HALF, effort.device).compute):
        return [
            row
            for case in cases
            for name, form in formats.items()
            for row in take_apart(case, name, form, effort.device)
        ]


def take_apart(case: Case, name: str, form: Format, device: torch.device) -> list[Row]:
    """The whole step against the limit, then a row for each kind of operation."""
    torch.set_float32_matmul_precision(form[1])
    stepper = stepper_of(case, form, device)
    wait = wait_for(device)
    limit = _products_per_s(form, device)
    counted = _operations(stepper)
    seconds: list[float] = []
    for number in range(4):
        started_s = time.perf_counter()
        take_step(stepper, number)
        wait()
        seconds.append(time.perf_counter() - started_s)
    step_s = statistics.median(seconds[1:])
    head = case.row() | row(format=name)
    whole = sum(counted.values())
    rows = [
        head
        | row(part="a large product")
        | _rate(2.0 * SIDE[device.type] ** 3, None, limit, limit),
        head | row(part="whole step") | _rate(whole, step_s, whole / step_s, limit),
    ]
    kinds = _time_by_kind(stepper)
    all_s = sum(kinds.values())
    for kind, spent_s in kinds.most_common():
        # The profiler's seconds, brought to those of a step without it.
        kind_s = step_s * spent_s / all_s
        flop = counted.get(kind, 0)
        rate = _rate(flop, kind_s, flop / kind_s, limit) if flop else row(ms=1000 * kind_s)
        rows.append(head | row(part=kind) | rate | row(share_percent=100 * spent_s / all_s))
    return rows


def _rate(flop: float, seconds: float | None, rate: float, limit: float) -> Row:
    return row(
        ms=None if seconds is None else 1000 * seconds,
        gflop=flop / 1e9,
        gflop_a_s=rate / 1e9,
        percent_of_limit=100 * rate / limit,
    )


def _products_per_s(form: Format, device: torch.device) -> float:
    """Operations a second of a large square product: the best of a few."""
    side = SIDE[device.type]
    left, right = (torch.randn(side, side, device=device) for _ in range(2))
    if form[0] == "bf16":
        left, right = left.bfloat16(), right.bfloat16()
    wait, seconds = wait_for(device), []
    for _ in range(10):
        started_s = time.perf_counter()
        left @ right
        wait()
        seconds.append(time.perf_counter() - started_s)
    return 2.0 * side**3 / min(seconds)


def _operations(stepper: Stepper) -> Counter[str]:
    """Floating-point operations of one step by kind, a product and a sum as two."""
    counter = FlopCounterMode(display=False)
    with counter:
        learn(stepper, views_of(stepper, 0))
    found: Counter[str] = Counter()
    for operation, count in counter.get_flop_counts()["Global"].items():
        found[_kind(str(operation))] += count
    return found


def _time_by_kind(stepper: Stepper) -> Counter[str]:
    """Seconds of two steps."""
    is_gpu = stepper.device.type == "cuda"
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if is_gpu else [])
    with profile(activities=activities) as profiled:
        for number in range(2):
            take_step(stepper, number)
    found: Counter[str] = Counter()
    for event in profiled.key_averages():
        # Kernels and named ranges stand beside the operations, which hold the same time.
        if event.device_type.name != "CPU" or event.is_user_annotation:
            continue
        spent: Any = event.self_device_time_total if is_gpu else event.self_cpu_time_total
        found[_kind(event.key)] += spent / 1e6
    return Counter({kind: spent for kind, spent in found.items() if spent})


def _kind(operation: str) -> str:
    name = operation.lower()
    for kind, words in KINDS.items():
        if any(word in name for word in words):
            return kind
    return "everything else"


if __name__ == "__main__":
    main("limits", __doc__, measure)
