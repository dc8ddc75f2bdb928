"""End to end: images a second of whole runs' steps, and what feeding them takes of it.

Run from the repository root: `python -m benchmarks.feeding [--quick] [--device cuda] [--json FILE]`.
Ways: from pixels on the device; streamed (on a GPU from pinned buffers, on the CPU from the mapped
cache); one batch seen again and again, which is what the networks alone could do; and the slow
reference's input path with loader processes, without any network. The ratio of our input path is
against that loader.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.recipe import HALF, Case, learn, pictures, stepper_of, take_step, views_of
from benchmarks.slow_reference import (
    Sample,
    Transform,
    reference_collate,
    reference_sample,
    view_transforms,
)
from benchmarks.table import Effort, Row, main, row, wait_for
from sit_engine.data.feed import batches
from sit_engine.training.stepper import Stepper

CASES = {
    "quick": [Case("vit_tiny", 32, 8)],
    "cpu": [Case("vit_tiny", 32, 64), Case("vit_tiny", 224, 16)],
    "cuda": [Case("vit_tiny", 32, 1024), Case("vit_small", 224, 256)],
}
MOST_WORKERS = 16
ROUNDS = 3
INPUT = "input path alone"


class Files(Dataset[Sample]):
    """JPEG files as the slow reference reads them."""

    def __init__(self, files: list[Path], transforms: tuple[Transform, Transform]) -> None:
        self.files, self.transforms = files, transforms

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> Sample:
        picture = Image.open(self.files[number]).convert("RGB")
        return reference_sample(picture, self.transforms)


def measure(effort: Effort) -> list[Row]:
    """All cases."""
    steps = 2 if effort.quick else 50 if effort.device.type == "cuda" else 5
    cases = CASES["quick" if effort.quick else effort.device.type]
    return [found for case in cases for found in time_case(case, steps, effort.device)]


def time_case(case: Case, steps: int, device: torch.device) -> list[Row]:
    """A row a way; the ways take turns, a few steps at a time, since a device works ahead."""
    resident = stepper_of(case, HALF, device)
    ways: dict[str, Callable[[], int]] = {
        "networks alone, one batch again": _again(resident, steps),
        "from the cache": _steps(resident, steps),
        INPUT: _views(stepper_of(case, HALF, device), steps),
    }
    if device.type == "cuda":
        ways["streamed from pinned memory"] = _steps(_streaming(case, device), steps)
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    loader_name = f"slow reference's loader, {workers} workers"
    with tempfile.TemporaryDirectory() as name:
        ways[loader_name] = _loader(case, Path(name), workers, steps)
        rates = _rates(ways, wait_for(device))
    slow = rates[loader_name]
    alone = statistics.median(rates["networks alone, one batch again"])
    return [
        case.row()
        | row(
            way=name,
            images_per_s=statistics.median(found),
            share_of_networks_percent=100 * statistics.median(found) / alone,
            ratio=statistics.median(a / b for a, b in zip(found, slow, strict=True))
            if name == INPUT
            else None,
        )
        for name, found in rates.items()
    ]


def _rates(
    ways: dict[str, Callable[[], int]], wait: Callable[[], object]
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, work in ways.items():
            wait()
            started_s = time.perf_counter()
            images = work()
            wait()
            if turn > 0:
                rates[name].append(images / (time.perf_counter() - started_s))
    return rates


def _steps(stepper: Stepper, steps: int) -> Callable[[], int]:
    """Steps as a run takes them; nothing is read back."""
    numbers = iter(range(1_000_000))

    def work() -> int:
        for _ in range(steps):
            take_step(stepper, next(numbers))
        return steps * stepper.batches.batch_size

    return work


def _views(stepper: Stepper, steps: int) -> Callable[[], int]:
    """Batches with their views and corruption, and no network."""
    numbers = iter(range(1_000_000))

    def work() -> int:
        for _ in range(steps):
            views_of(stepper, next(numbers))
        return steps * stepper.batches.batch_size

    return work


def _again(stepper: Stepper, steps: int) -> Callable[[], int]:
    """The networks' part of a step on views that are ready."""
    views = views_of(stepper, 0)

    def work() -> int:
        for _ in range(steps):
            learn(stepper, views)
        return steps * stepper.batches.batch_size

    return work


def _streaming(case: Case, device: torch.device) -> Stepper:
    """A stepper that thinks the GPU has no room for the cache."""
    kept, batches.GPU_SHARE = batches.GPU_SHARE, 0.0
    try:
        return stepper_of(case, HALF, device)
    finally:
        batches.GPU_SHARE = kept


def _loader(case: Case, folder: Path, workers: int, steps: int) -> Callable[[], int]:
    """Reads JPEG files, makes views and masks, and stacks them."""
    files = [folder / f"{i}.jpg" for i in range(min(256, 2 * case.batch))]
    for picture, file in zip(pictures(case.size_px, len(files)), files, strict=True):
        picture.save(file, quality=90)
    count = min(steps, 5) * case.batch
    many = [files[i % len(files)] for i in range(count)]
    loader = DataLoader(
        Files(many, view_transforms(case.size_px)), case.batch, num_workers=workers,
        collate_fn=reference_collate, persistent_workers=True,
        multiprocessing_context="fork" if hasattr(os, "fork") else None,
    )  # fmt: skip

    def work() -> int:
        for _ in loader:
            pass
        return count

    return work


if __name__ == "__main__":
    main("feeding", __doc__, measure)
