"""What follows from settings on this machine: every "auto", the device, and what a run would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sit_engine.config.facts import DataFacts
from sit_engine.config.tree import ComputeOptions, RunConfig
from sit_engine.counted import templates_of
from sit_engine.records.on_progress import OnProgress

if TYPE_CHECKING:
    from sit_engine.config.resolve import Resolved
    from sit_engine.jobs.dry_run import DryRun


def resolve(config: RunConfig, facts: DataFacts, *, images_per_s: float | None = None) -> Resolved:
    """Every "auto" of `config` for such images on this machine's device."""
    from sit_engine.config.resolve import resolve as fill
    from sit_engine.machine.device import probe_once
    from sit_engine.training.prepare import with_start

    config, start = with_start(config)
    device = replace(probe_once(config.compute), images_per_s=images_per_s)
    return fill(config, facts, device, start)


def describe_device(compute: ComputeOptions) -> dict[str, Any]:
    """Facts about the device, in plain values."""
    import torch

    from sit_engine.export.able import can_onnx, can_torchscript
    from sit_engine.machine.device import probe_once, why_no_gpu

    facts = asdict(probe_once(compute))
    return {
        "facts": facts,
        "templates": templates_of(facts),
        "torch": torch.__version__,
        "why_no_gpu": why_no_gpu(),
        "torchscript": can_torchscript(),
        "onnx": can_onnx(),
    }


def dry_run(
    config: RunConfig, *, on_progress: OnProgress, cancel: Callable[[], bool] | None = None
) -> DryRun:
    """Measure for some seconds what a run with this config would take."""
    from sit_engine.jobs.dry_run import dry_run as measure
    from sit_engine.training.start import with_absolute_paths

    return measure(with_absolute_paths(config), on_progress, cancel=cancel)
