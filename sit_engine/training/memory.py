"""What a step takes in memory, measured on a few images before the run chooses how to work a batch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import psutil
import torch
from torch import Tensor

from sit_engine import ranks
from sit_engine.config.facts import DeviceFacts, MemoryFacts
from sit_engine.config.fields import no_auto
from sit_engine.config.resolve import FILLED_SHARE
from sit_engine.config.tree import RunConfig
from sit_engine.data.cache import PixelStore
from sit_engine.methods.protocol import Moment
from sit_engine.training.stepper import Stepper

FEW, MORE = 4, 8
# On the CPU: what passes between operations, beside what is kept for the backward pass.
PASSING = 1.25


def with_memory(
    device: DeviceFacts, config: RunConfig, store: PixelStore, rows: np.ndarray, labels: np.ndarray
) -> DeviceFacts:
    """The device's facts with those of a step of `config`, which is resolved but for its memory."""
    with ranks.alone():
        plain = _measure(config, store, rows, labels, recompute=False)
        batch = no_auto(config.optim.batch_size) // device.ranks
        if plain.fixed + plain.image * batch > FILLED_SHARE * plain.free:
            small = _measure(config, store, rows, labels, recompute=True)
            plain = replace(plain, recomputed_image=small.image)
    return replace(device, memory=plain)


def _measure(
    config: RunConfig, store: PixelStore, rows: np.ndarray, labels: np.ndarray, *, recompute: bool
) -> MemoryFacts:
    few = min(FEW, len(rows))
    if no_auto(config.compute.device) == "cpu":
        free = psutil.virtual_memory().available
        fixed, kept = _kept(_small(config, store, rows, labels, few, recompute=recompute))
        return MemoryFacts(free, fixed, int(PASSING * kept / few), 0)
    free, _ = torch.cuda.mem_get_info(no_auto(config.compute.device))
    more = min(MORE, len(rows))
    first, second = (
        _peak(_small(config, store, rows, labels, batch, recompute=recompute))
        for batch in (few, more)
    )
    image = max(0, second - first) // max(1, more - few)
    return MemoryFacts(free, first - few * image, image, 0)


def _small(
    config: RunConfig,
    store: PixelStore,
    rows: np.ndarray,
    labels: np.ndarray,
    batch: int,
    *,
    recompute: bool,
) -> Stepper:
    """The run's step for a few images, never compiled: that would take longer than the answer's worth."""
    update = {"compile": "off", "parts": 1, "recompute": "on" if recompute else "off"}
    small = config.model_copy(
        update={
            "optim": config.optim.model_copy(update={"batch_size": batch}),
            "compute": config.compute.model_copy(update=update),
        }
    )
    stepper = Stepper(small, store, rows, labels)
    stepper.method.prepare(stepper.batches)
    return stepper


def _peak(stepper: Stepper) -> int:
    """Most bytes on the GPU in two whole steps."""
    gc.collect()
    torch.cuda.reset_peak_memory_stats(stepper.device)
    for number in range(2):
        stepper.step(Moment(stepper.seed, number, 1000), learning_rate=0.0, weight_decay=0.0)
    return torch.cuda.max_memory_allocated(stepper.device)


def _kept(stepper: Stepper) -> tuple[int, int]:
    """Bytes of weights with all that belongs to them, and bytes that one pass keeps.

    The CPU's allocator does not tell what it gave, so what autograd keeps is added up instead.
    """
    weights = list(stepper.method.networks.parameters())
    trained = sum(w.nbytes for w in weights if w.requires_grad)
    fixed = sum(w.nbytes for w in weights) + 3 * trained  # Gradient and AdamW's two moments.
    moment = Moment(stepper.seed, 0, 1000)
    views = stepper.method.make_views(stepper.batches.at(0), moment)
    with _counted({w.untyped_storage().data_ptr() for w in weights}) as counted:
        stepper.learner(views, None)
    return fixed, counted.bytes


@dataclass
class _Count:
    bytes: int = 0


@contextmanager
def _counted(known: set[int]) -> Iterator[_Count]:
    """Add up what is kept for a backward pass in this block, each piece of memory once."""
    count = _Count()

    def keep(kept: Tensor) -> Tensor:
        storage = kept.untyped_storage()
        if storage.data_ptr() not in known:
            known.add(storage.data_ptr())
            count.bytes += storage.nbytes()
        return kept

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
        yield count
