"""Works the step of a bundle again and says where it stops being finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.config.build import build
from sit_engine.config.resolved import as_frozen, as_resolved
from sit_engine.config.toml_file import read_values
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.machine.device import apply_settings
from sit_engine.methods.protocol import Losses
from sit_engine.training.checkpoint import foreign_errors
from sit_engine.training.frozen import CONFIG
from sit_engine.training.recovery import bundle
from sit_engine.training.stepper import Stepper


@dataclass(frozen=True)
class Replayed:
    """What a step gave: its losses and the norm of its gradients, not finite as they are."""

    step: int
    images: int
    loss: float
    terms: dict[str, float]
    norm: float
    where: str
    """What is not finite first, in words and by the module's name; empty: everything is finite."""
    is_reproduced: bool
    is_same: bool
    """Whether the run itself found the step not finite with these weights."""
    processes: int
    """So many shared the step; here it is one."""


def replay(path: Path) -> Replayed:
    """The step of the bundle in `path`, from its seed, pixels, weights and optimiser."""
    found = bundle.read(path)
    stepper = _stepper(found)
    weight = _first_weight(stepper.method.networks)
    with _watched(stepper.method.networks) as seen:
        batch = stepper.batches.some(np.arange(len(found.batch["images_NSSC"])))
        losses = stepper.losses_of(batch, found.step_info)
    norm = float(stepper.optimiser.norm())
    is_finite = bundle.is_finite(stepper, losses)
    return Replayed(
        step=found.step_info.step,
        images=len(batch.images_BSSC),
        loss=float(losses.total),
        terms={name: float(value) for name, value in losses.terms.items()},
        norm=norm,
        where="" if is_finite else weight or _where(stepper, seen, losses),
        is_reproduced=not is_finite,
        is_same=bool(found.about.get("is_same")),
        processes=int(found.about.get("processes", 1)),
    )


def _stepper(found: bundle.Bundle) -> Stepper:
    """Networks and optimiser as before the step; the images of the batch are all its images."""
    batch = found.batch
    pixels = batch["images_NSSC"].numpy()
    rows = np.arange(len(pixels))
    items = batch["items_N"].numpy() if "items_N" in batch else None
    aspect = batch["aspect_N"].numpy()
    store = PixelStore(pixels.shape[1], pixels, rows, aspect, None, items=items)
    with foreign_errors(found.path):
        stepper = Stepper(_config(found), store, rows, batch["labels_N"].numpy())
        stepper.method.networks.load_state_dict(found.model)
        stepper.method.for_positions(torch.tensor(found.about["positions"]))
        stepper.optimiser.load_state_dict(found.optimiser)
        stepper.cut(int(found.about["parts"]))
        stepper.recompute(on=bool(found.about["recompute"]))
        stepper.interpret()  # Names of modules are lost in compiled passes.
        # Weights of classes follow how many training images each has, not how many of the batch.
        stepper.batches.labels = batch["train_labels"].numpy()
        stepper.method.prepare(stepper.batches)
        stepper.batches.labels = batch["labels_N"].numpy()
    return stepper


def _config(found: bundle.Bundle) -> ResolvedConfig:
    """The run's, on this machine's device where it has none such."""
    config = as_resolved(as_frozen(build(read_values(found.path / CONFIG))))
    device = apply_settings(config.compute, or_cpu=True)
    changes = {"device": device.type, "compile": "off"}
    return config.model_copy(update={"compute": config.compute.model_copy(update=changes)})


# Where it begins


@dataclass
class _Seen:
    """Modules in the order in which their passes ended, inner ones first."""

    order: list[str] = field(default_factory=list)
    first: str = ""


@contextmanager
def _watched(networks: nn.Module) -> Iterator[_Seen]:
    seen = _Seen()
    hooks = [
        module.register_forward_hook(_hook(seen, name))
        for name, module in networks.named_modules()
        if name
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _hook(seen: _Seen, name: str) -> Callable[[nn.Module, Any, Any], None]:
    def look(_: nn.Module, __: Any, output: Any) -> None:
        seen.order.append(name)
        if not seen.first and not _is_finite(output):
            seen.first = name

    return look


def _is_finite(output: Any) -> bool:
    if isinstance(output, Tensor):
        return bool(torch.isfinite(output).all())
    return all(map(_is_finite, output)) if isinstance(output, tuple | list) else True


def _first_weight(networks: nn.Module) -> str:
    for name, tensor in networks.state_dict().items():
        if not _is_finite(tensor):
            return f"the weight {name}"
    return ""


def _where(stepper: Stepper, seen: _Seen, losses: Losses) -> str:
    if seen.first:
        return f"the output of {seen.first}"
    terms = [name for name, value in losses.terms.items() if not _is_finite(value)]
    if terms:
        return f"the loss {terms[0]}"
    if not _is_finite(losses.total):
        return "the sum of the losses"
    # The backward pass goes the other way: the module that worked last is met first.
    place = {name: number for number, name in enumerate(seen.order)}
    bad = [
        name
        for name, parameter in stepper.method.networks.named_parameters()
        if parameter.grad is not None and not _is_finite(parameter.grad)
    ]
    if bad:
        return (
            f"the gradient of {max(bad, key=lambda name: place.get(name.rpartition('.')[0], -1))}"
        )
    return "the norm of the gradients"
