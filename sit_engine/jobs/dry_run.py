"""A short measured run before the real one: how fast, how long, how much memory and disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import psutil
import torch

from sit_engine.config.resolve import FEWEST_IMAGES, Resolved, resolve
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.data.decode.decode_pool import shared_decoders
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.cache import PixelCache, cache_side
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.quick_scan import require_images
from sit_engine.evaluation.cues import sample
from sit_engine.machine.device import find_device, memory_errors, probe_once
from sit_engine.records.on_progress import OnProgress
from sit_engine.training.memory import with_memory
from sit_engine.training.pace import at_speed, course_of, minutes_needed, note_speed
from sit_engine.training.prepare import list_images, with_cues, with_start
from sit_engine.training.stepper import measure_images_per_s

MOST_IMAGES = 1000
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


@shared_decoders()
def dry_run(
    config: RunConfig, on_progress: OnProgress, *, cancel: Callable[[], bool] | None = None
) -> DryRun:
    """List all images, decode at most about a thousand, and take some steps with networks of its own."""
    config, start = with_start(config)
    listed = list_images(config, on_progress, cancel=cancel)
    facts = facts_of(listed)
    on_progress("probing the device", 0, 0)
    device = probe_once(config.compute)
    first = resolve(config, facts, device, start)
    side = cache_side(first.config.model.image_size, listed, first.config.data.cache_factor)
    decode = partial(
        _decode, config=first.config, side=side, on_progress=on_progress, cancel=cancel
    )
    index, store = decode(listed.subset(_some(listed, first.config)))
    labels = index.labels
    if config.method.reads_cues and facts.has_cues:
        facts = with_cues(facts, config, *decode(listed.subset(sample(listed.labels))), on_progress)
    on_progress("measuring the speed", 0, 0)
    rows = np.arange(len(store))
    with memory_errors(first.config):
        device = with_memory(device, config.compute, first.config, store, rows, labels)

    def measure(settled: ResolvedConfig) -> float:
        with memory_errors(settled):
            return note_speed(settled, store, measure_images_per_s(settled, store, rows, labels))

    with _peak_memory(first.config) as peak:
        found, rate = at_speed(config, facts, device, start, measure)
    course = course_of(found.config, facts)
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
        **_plain(found),
        cache_bytes=side * side * 3 * len(listed),
        disk_free_bytes=PixelCache().free_bytes(),
    )


def _plain(found: Resolved) -> dict[str, Any]:
    return {"settings": found.config.model_dump(mode="json"), "reasons": found.reasons}


def _some(listed: ImageIndex, config: ResolvedConfig) -> np.ndarray:
    """Enough images for two batches at least."""
    most = max(MOST_IMAGES, 2 * config.optim.batch_size)
    return np.sort(np.random.default_rng([config.compute.seed, 3]).permutation(len(listed))[:most])


def _decode(
    some: ImageIndex,
    *,
    config: ResolvedConfig,
    side: int,
    on_progress: OnProgress,
    cancel: Callable[[], bool] | None,
) -> tuple[ImageIndex, PixelStore]:
    """Those of the images that can be read; what is decoded here stays in the cache."""
    index, store = PixelCache().fill(
        some,
        side=side,
        sharp=config.data.is_sharp,
        # A few images do not tell the folder's percentiles, and speed does not depend on them.
        value_range="full",
        on_progress=on_progress,
        cancel=cancel,
        budget_bytes=int(config.data.cache_gb * 1e9),
        streaming="allowed",
    )
    require_images(index, 1 if config.method.needs_labels else FEWEST_IMAGES)
    return index, store


@contextmanager
def _peak_memory(config: ResolvedConfig) -> Iterator[list[int]]:
    """Fills in the most memory in use within the block: the GPU's, else this process's."""
    peak = [0]
    device = find_device(config.compute.device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak[0] = torch.cuda.max_memory_allocated(device)
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
