"""What it takes to try steps of a run before it begins: some of its images, decoded, and its facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.resolve import FEWEST_IMAGES, Resolved, resolve
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.data.decode.decode_pool import shared_decoders
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.cache import PixelCache, cache_side
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.quick_scan import require_images
from sit_engine.evaluation.cues import sample
from sit_engine.machine.device import memory_errors, probe_once
from sit_engine.records.on_progress import OnProgress
from sit_engine.training.memory import with_memory
from sit_engine.training.pace import at_speed, note_speed
from sit_engine.training.prepare import list_images, with_cues, with_start
from sit_engine.training.speed import DRY_RUN_S, measure_images_per_s

MOST_IMAGES = 1000


@dataclass(frozen=True)
class DrySteps:
    """Steps of one run's settings, with networks of their own, on at most about a thousand images."""

    config: RunConfig
    listed: ImageIndex
    """All images of the folder; only some are decoded."""
    facts: DataFacts
    device: DeviceFacts
    start: StartFacts | None
    first: ResolvedConfig
    """Before speed and memory are known."""
    side: int
    """Of the squares in the cache, in px."""
    store: PixelStore
    labels: np.ndarray

    @classmethod
    @shared_decoders()
    def prepare(
        cls,
        config: RunConfig,
        on_progress: OnProgress,
        *,
        cancel: Callable[[], bool] | None = None,
    ) -> DrySteps:
        """List all images of `config` and decode some; what is decoded stays in the cache."""
        config, start = with_start(config)
        listed = list_images(config, on_progress, cancel=cancel)
        facts = facts_of(listed)
        on_progress("probing the device", 0, 0)
        device = probe_once(config.compute)
        first = resolve(config, facts, device, start).config
        side = cache_side(first.model.image_size, listed, first.data.cache_factor)
        decode = partial(_decode, config=first, side=side, on_progress=on_progress, cancel=cancel)
        index, store = decode(listed.subset(_some(listed, first)))
        if config.method.reads_cues and facts.has_cues:
            shown = decode(listed.subset(sample(listed.labels)))
            facts = with_cues(facts, config, *shown, on_progress)
        on_progress("measuring the speed", 0, 0)
        rows = np.arange(len(store))
        with memory_errors(first):
            device = with_memory(device, config.compute, first, store, rows, index.labels)
        return cls(config, listed, facts, device, start, first, side, store, index.labels)

    def settle(self, seconds: float = DRY_RUN_S) -> tuple[Resolved, float]:
        """The settings at the speed of this machine, and that speed in images/s, remembered."""

        def measure(settled: ResolvedConfig) -> float:
            return note_speed(settled, self.store, self.images_per_s(settled, seconds))

        return at_speed(self.config, self.facts, self.device, self.start, measure)

    def images_per_s(self, settled: ResolvedConfig, seconds: float = DRY_RUN_S) -> float:
        """Images/s of its steps, tried for about so many seconds."""
        rows = np.arange(len(self.store))
        with memory_errors(settled):
            return measure_images_per_s(settled, self.store, rows, self.labels, seconds=seconds)


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
    """The images that can be read; what is decoded here stays in the cache."""
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
