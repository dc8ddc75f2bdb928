"""What a step takes in memory, measured on a few images before the run chooses how to work a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from sit_engine import ranks
from sit_engine.config.facts import DeviceFacts, MemoryFacts
from sit_engine.config.resolve import FILLED_SHARE
from sit_engine.config.tree import ComputeOptions, ResolvedConfig
from sit_engine.data.feed.batches import GPU_SHARE
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.machine.device import (
    autocast,
    forget_peak,
    is_out_of_memory,
    peak_memory_bytes,
)
from sit_engine.machine.remembered import a_step_of, recall, remember
from sit_engine.methods.protocol import StepInfo
from sit_engine.training.recovery.out_of_memory import free_memory
from sit_engine.training.stepper import Stepper

FEW, MORE = 4, 8
# Most and used, of a container by both versions of Linux's control groups.
CGROUPS = [
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
]
# On the CPU: what passes between operations, beside what is kept for the backward pass.
PASSING = 1.25


def with_memory(
    device: DeviceFacts,
    options: ComputeOptions,
    config: ResolvedConfig,
    store: PixelStore,
    rows: np.ndarray,
    labels: np.ndarray,
) -> DeviceFacts:
    """The device's facts with those of a step of `config`, which is resolved but for its memory.

    Where the user's `options` say how a batch is worked there is nothing to find out.
    """
    if options.recompute != "auto" and options.parts != "auto":
        return device
    free = _free_bytes(config.compute.device)
    batch = config.optim.batch_size // device.ranks
    kept = batch * _view_bytes(config) + _resident_bytes(device, store, rows, free)
    plain: _Need | None = _Need()
    small: _Need | None = None
    with ranks.alone():
        if options.recompute != "on":
            plain = _known(config, store, rows, labels)
        is_too_large = plain is None or (
            plain.fixed + kept + plain.image * batch > FILLED_SHARE * free
        )
        if options.recompute == "on" or (options.recompute == "auto" and is_too_large):
            small = _known(config, store, rows, labels, recompute=True)
    fixed = max(need.fixed for need in (plain, small, _Need()) if need is not None)
    facts = MemoryFacts(
        free=free,
        fixed=fixed + kept,
        # One that does not fit even with few images is too large by any measure.
        image=free if plain is None else plain.image,
        recomputed_image=0 if small is None else small.image,
    )
    return replace(device, memory=facts)


@dataclass(frozen=True)
class _Need:
    """Bytes that a step needs whatever the batch, and for each image of a pass."""

    fixed: int = 0
    image: int = 0


def _view_bytes(config: ResolvedConfig) -> int:
    """Bytes of an image's views: those of a whole batch, and once more when it is cut."""
    kinds = config.method.view_kinds(config.model.image_size)
    return 2 * sum(kind.view_bytes() for kind in kinds)


def _resident_bytes(device: DeviceFacts, store: PixelStore, rows: np.ndarray, free: int) -> int:
    """Bytes of the training pixels that stay on a GPU (data.feed.batches)."""
    pixels = len(rows) * store.side**2 * 3
    return pixels if device.kind != "cpu" and pixels <= GPU_SHARE * free else 0


def _free_bytes(device: str) -> int:
    """Bytes left for one process: on the GPU, or of this machine's or container's memory."""
    if device != "cpu":
        return int(torch.cuda.mem_get_info(device)[0])
    free: int = psutil.virtual_memory().available
    for most, used in CGROUPS:
        try:
            free = min(free, int(most.read_text("ascii")) - int(used.read_text("ascii")))
        except (OSError, ValueError):  # No such file, or the word "max"
            continue
    return max(0, free) // ranks.on_this_machine()[1]


def _known(
    config: ResolvedConfig,
    store: PixelStore,
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    recompute: bool = False,
) -> _Need | None:
    """The need as measured now, or on this machine before; that not even a few images fit may pass."""
    classes, images = int(labels.max(initial=-1)) + 1, min(MORE, len(rows))
    what = f"memory {a_step_of(config)} {classes} {images} {recompute}"
    if (numbers := recall(what)) is not None and len(numbers) == 2:
        return _Need(int(numbers[0]), int(numbers[1]))
    need = _measure(config, store, rows, labels, recompute=recompute)
    if need is not None:
        remember(what, [float(need.fixed), float(need.image)])
    return need


def _measure(
    config: ResolvedConfig,
    store: PixelStore,
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    recompute: bool = False,
) -> _Need | None:
    """Measure the need from steps of few and of twice as many images; None if not even they fit."""
    found: list[int] = []
    alike = config.model.blocks_alike
    try:
        for batch in (FEW, MORE):
            stepper = _small(config, store, rows[:batch], labels[:batch], recompute=recompute)
            is_cpu = stepper.device.type == "cpu"
            found.append(_kept(stepper, alike if recompute else 0) if is_cpu else _peak(stepper))
            del stepper
            if not is_cpu:
                free_memory()  # The next peak, and what is free for the run, are without this one.
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    image = max(0, found[1] - found[0]) // max(1, min(MORE, len(rows)) - min(FEW, len(rows)))
    return _Need(found[0] - min(FEW, len(rows)) * image, image)


def _small(
    config: ResolvedConfig,
    store: PixelStore,
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    recompute: bool,
) -> Stepper:
    """The run's step for these images, never compiled: that takes longer than the answer is worth."""
    update = {"compile": "off", "parts": 1, "recompute": "on" if recompute else "off"}
    small = config.model_copy(
        update={
            "optim": config.optim.model_copy(update={"batch_size": len(rows)}),
            "compute": config.compute.model_copy(update=update),
        }
    )
    stepper = Stepper(small, store, rows, labels)
    stepper.method.prepare_trial(stepper.batches)
    return stepper


def _peak(stepper: Stepper) -> int:
    """Most bytes on the GPU up to a step's gradients, with the optimiser's state of a step before.

    Not of the update: its own peak, which no batch changes, could hide that of few images.
    """
    stepper.step(StepInfo(stepper.seed, 0, 1000), learning_rate=0.0, weight_decay=0.0)
    forget_peak(stepper.device)
    stepper.learn(StepInfo(stepper.seed, 1, 1000))
    return peak_memory_bytes(stepper.device)


def _kept(stepper: Stepper, recomputed_blocks: float) -> int:
    """Bytes of the weights with all that belongs to them, and of what one pass keeps.

    The CPU's allocator does not tell what it gave, so what autograd keeps is added up instead. With
    gradient checkpointing the largest of the blocks is there in full while it is worked out again.
    """
    weights = list(stepper.method.networks.parameters())
    trained = sum(w.nbytes for w in weights if w.requires_grad)
    fixed = sum(w.nbytes for w in weights) + 3 * trained  # Gradient and AdamW's two moments.
    step_info = StepInfo(stepper.seed, 0, 1000)
    views = stepper.method.make_views(stepper.batches.at(0), step_info)
    kept = 0
    for recomputes in (True, False) if recomputed_blocks else (False,):
        stepper.recompute(on=recomputes)
        with (
            counted_bytes({w.untyped_storage().data_ptr() for w in weights}) as counted,
            autocast(stepper.device, stepper.precision),
        ):
            stepper.learner(views, None)
        is_whole = recomputed_blocks and not recomputes
        kept += int(counted.bytes / recomputed_blocks) if is_whole else counted.bytes
    return fixed + int(PASSING * kept)


@dataclass
class _Count:
    bytes: int = 0


@contextmanager
def counted_bytes(known: set[int]) -> Iterator[_Count]:
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
