"""A budget as the length of a run: epochs as asked, images and minutes as epochs exact to a step."""

from __future__ import annotations

from typing import Any

from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts
from sit_engine.config.resolve import resolve, watch_count
from sit_engine.config.tree import RunConfig
from sit_engine.machine.device import probe_once
from sit_engine.records.studies.comparison import Budget, Pace
from sit_engine.training.prepare import with_start


def with_budget(
    config: RunConfig, budget: Budget, pace: Pace | None, facts: DataFacts
) -> RunConfig:
    """The settings with their length; minutes are so many images at the pace that was measured."""
    if budget.unit == "epochs":
        return as_run(config, {"epochs": budget.amount})
    images, sized = budget.amount, config
    if budget.unit == "minutes":
        assert pace is not None
        images = 60 * budget.amount * pace.images_per_s
        # The pace is that of views of this size.
        model = config.model.model_copy(update={"image_size": pace.image_size})
        sized = config.model_copy(update={"model": model})
    begun, start = with_start(sized)
    resolved = resolve(begun, facts, probe_once(begun.compute), start).config
    train = facts.images - watch_count(resolved.data.watch_share, facts)
    batch = resolved.optim.batch_size
    epoch = train // batch * batch
    return as_run(begun, {"epochs": max(images, batch) / epoch})


def as_run(config: RunConfig, length: dict[str, Any]) -> RunConfig:
    """The settings with another length."""
    return build(merge(config.model_dump(), {"optim": {"minutes": None} | length}))
