"""How training with two threads fares beside other work, and what an idle team of OpenMP changes.

Run from the repository root: `python -m benchmarks.beside [--quick] [--json FILE]`. Windows of some
seconds take turns: two threads as they are, two with the idle team that machine.spinning keeps while
others take cores, and one thread. Beside them runs none or one process that takes a core and gives
nothing back. Ratios are to two threads as they are, in the same round. While it trains, the engine has
the first of the three without other work, the second beside it, and from its next checkpoint on, where
the number of threads was left open, the third.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from benchmarks.table import Effort, Row, main, row
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.machine.malloc import tuned_malloc
from sit_engine.machine.spinning import IdleTeam
from sit_engine.methods.protocol import StepInfo
from sit_engine.training.stepper import Stepper

NETWORKS = {"auto, 32 px": 32, "ViT-Ti/16, 128 px": 128}
CPU = build({"compute": {"device": "cpu", "threads": 2, "recompute": "off"}}).compute
BATCH, IMAGES, WINDOW_S = 64, 256, 4.0


def measure(effort: Effort) -> list[Row]:
    """Each network alone and beside one hungry process."""
    rounds = 3 if effort.quick else 11
    return [
        found
        for name, side in NETWORKS.items()
        for hungry in (0, 1)
        for found in _of(name, side, hungry, rounds)
    ]


def _of(network: str, side: int, hungry: int, rounds: int) -> list[Row]:
    ways: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "2 threads": nullcontext,
        "2 threads, idle team": _idle_team,
        "1 thread": _one_thread,
    }
    torch.set_num_threads(2)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    stepper = _stepper(side)
    with tuned_malloc(CPU), _others(hungry):
        for number in range(rounds + 1):
            for name, way in ways.items():
                with way():
                    rates[name].append(_rate(stepper, number))
    first = rates["2 threads"]
    return [
        row(
            network=network,
            beside=f"{hungry} hungry",
            what=name,
            images_per_s=statistics.median(found[1:]),
            ratio=statistics.median(a / b for a, b in zip(found[1:], first[1:], strict=True)),
        )
        for name, found in rates.items()
    ]


def _stepper(side: int) -> Stepper:
    model = {"backbone": "vit_tiny", "image_size": side, "patch_size": 16} if side > 32 else {}
    compute = {"device": "cpu", "threads": 2, "precision": "bf16", "matmul": "medium"}
    effort = build({"model": model, "compute": compute, "optim": {"batch_size": BATCH}})
    config = resolve(effort, DataFacts(5000, 0, side), DeviceFacts(kind="cpu", cores=2)).config
    kept, rows = round(1.15 * side), np.arange(IMAGES)
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, kept, kept, 3), dtype=np.uint8)
    store = PixelStore(kept, pixels, rows, np.ones(IMAGES, dtype=np.float32), None)
    stepper = Stepper(config, store, rows)
    stepper.method.prepare(stepper.batches)
    return stepper


def _rate(stepper: Stepper, number: int) -> float:
    """Images/s over a window of whole steps."""
    began_s, steps = time.perf_counter(), 0
    while time.perf_counter() - began_s < WINDOW_S:
        step_info = StepInfo(stepper.seed, 1000 * number + steps, total_steps=1_000_000)
        float(stepper.step(step_info, learning_rate=0.0, weight_decay=0.0).norm)
        steps += 1
    return steps * BATCH / (time.perf_counter() - began_s)


@contextmanager
def _idle_team() -> Iterator[None]:
    team = IdleTeam()
    try:
        yield
    finally:
        team.leave()


@contextmanager
def _one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(2)


@contextmanager
def _others(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    main("beside", __doc__, measure)
