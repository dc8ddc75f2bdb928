"""How fast each of several settings works here: measured turn about, so that all meet the same load."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.jobs.dry_steps import DrySteps
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.studies.comparison import Pace
from sit_engine.studies.budget import as_run

ROUNDS = 3
ROUND_S = 1.0
"""So long each is tried in each round; of short runs less, that measuring takes no more than training."""


def measure_paces(
    configs: Mapping[str, RunConfig], minutes: float, tell: OnProgress
) -> dict[str, Pace]:
    """The pace of each, at the view size that a run of so many minutes takes."""
    steps = {
        name: DrySteps.prepare(as_run(config, {"minutes": minutes, "epochs": "auto"}), tell)
        for name, config in configs.items()
    }
    round_s = min(ROUND_S, minutes)
    settled = {name: found.settle(round_s)[0].config for name, found in steps.items()}
    rates: dict[str, list[float]] = {name: [] for name in configs}
    for turn in range(ROUNDS):
        for place, (name, config) in enumerate(settled.items()):
            tell("measuring the speeds", turn * len(settled) + place, ROUNDS * len(settled))
            rates[name].append(steps[name].images_per_s(config, round_s))
    return {
        name: Pace(
            images_per_s=statistics.median(rates[name]),
            memory_bytes=_memory(steps[name], config),
            image_size=config.model.image_size,
        )
        for name, config in settled.items()
    }


def _memory(steps: DrySteps, config: ResolvedConfig) -> int:
    """Bytes of one step as measured before; 0 where the settings left nothing to find out."""
    memory = steps.device.memory
    if memory is None:
        return 0
    image = memory.recomputed_image if config.compute.recompute == "on" else memory.image
    return memory.fixed + image * config.optim.batch_size // config.compute.parts
