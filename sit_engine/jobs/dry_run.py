"""A short measured run before the real one: how fast, how long, how much memory and disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from sit_engine.config.resolve import course_of
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.jobs.dry_steps import DrySteps
from sit_engine.machine.device import find_device, forget_peak, peak_memory_bytes
from sit_engine.records.on_progress import OnProgress
from sit_engine.training.pace import minutes_needed

SAMPLE_EVERY_S = 0.02


@dataclass(frozen=True)
class DryRun:
    """What a run with these settings would take; `seconds_left` is for all its steps."""

    images_per_s: float
    seconds_left: float
    total_steps: int
    steps_per_epoch: int
    minutes_needed: float | None
    """Where the run is too short to learn: how long it should be."""
    batch_size: int
    memory_bytes: int
    device: str
    settings: dict[str, Any]
    reasons: dict[str, str]
    cache_bytes: int
    disk_free_bytes: int


def dry_run(
    config: RunConfig, on_progress: OnProgress, *, cancel: Callable[[], bool] | None = None
) -> DryRun:
    """List all images, decode at most about a thousand, and take some steps with networks of its own."""
    steps = DrySteps.prepare(config, on_progress, cancel=cancel)
    with _peak_memory(steps.first) as peak:
        found, rate = steps.settle()
    course = course_of(found.config, steps.facts)
    batch_size = found.config.optim.batch_size
    is_too_short = course.is_too_short and not config.method.needs_labels
    return DryRun(
        images_per_s=rate,
        seconds_left=course.total_steps * batch_size / rate,
        total_steps=course.total_steps,
        steps_per_epoch=course.steps_per_epoch,
        minutes_needed=minutes_needed(found.config, rate) if is_too_short else None,
        batch_size=batch_size,
        memory_bytes=peak[0],
        device=found.config.compute.device,
        settings=found.config.model_dump(mode="json"),
        reasons=found.reasons,
        cache_bytes=steps.side * steps.side * 3 * len(steps.listed),
        disk_free_bytes=PixelCache().free_bytes(),
    )


@contextmanager
def _peak_memory(config: ResolvedConfig) -> Iterator[list[int]]:
    """Fills in the most memory in use within the block: the GPU's, else this process's."""
    peak = [0]
    device = find_device(config.compute.device)
    if device.type == "cuda":
        forget_peak(device)
        yield peak
        peak[0] = peak_memory_bytes(device)
        return
    process, over = psutil.Process(), threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_EVERY_S):
            peak[0] = max(peak[0], process.memory_info().rss)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
