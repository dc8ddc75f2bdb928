"""How long a run of some minutes becomes, by what was measured; and the word where it is too short."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.presets import QUICK_MINUTES
from sit_engine.config.resolve import Resolved, course_of, course_on, resolve
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.counted import Sentence
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.errors import ConfigError
from sit_engine.machine.remembered import a_step_of, recall, remember
from sit_engine.machine.spinning import is_crowded
from sit_engine.records.events import Event, warning

QUICK_VIEW_PX = 32
MOST_QUICK_MINUTES = 10.0
"""So long the preset quick may become; what learns nothing in them is no quick look."""
SPEED_HOLDS_S = 3600.0
"""What was measured longer ago may have been of other pixels or another clock of the processor."""


def at_speed(
    config: RunConfig,
    facts: DataFacts,
    device: DeviceFacts,
    start: StartFacts | None,
    measure: Callable[[ResolvedConfig], float],
) -> tuple[Resolved, float]:
    """The settings at the speed, in images/s, that `measure` finds for them, and that speed.

    Where it could learn nothing within its minutes, the preset quick takes smaller views, then more
    minutes. Where even the most would not do they stay as they are.
    """

    def planned(asked: RunConfig) -> Resolved:
        return resolve(asked, facts, replace(device, images_per_s=rate), start)

    first = resolve(config, facts, device, start)
    rate = measure(first.config)
    found = planned(config)
    is_planned = config.optim.minutes is not None and config.optim.epochs == "auto"
    is_quick = config.preset == "quick" and is_planned
    if not (is_quick and course_of(found.config, facts).is_too_short):
        return found, rate
    small = replace(device, largest_view=QUICK_VIEW_PX)
    smaller = resolve(config, facts, small, start).config
    if smaller.model.image_size < first.config.model.image_size:
        device, rate = small, measure(smaller)
        found = planned(config)
    minutes = minutes_needed(found.config, rate)
    is_short = course_of(found.config, facts).is_too_short
    if is_short and is_own_quick(config) and minutes <= MOST_QUICK_MINUTES:
        optim = config.optim.model_copy(update={"minutes": minutes})
        found = planned(config.model_copy(update={"optim": optim}))
        words = "{why}: {usual} minutes would be too short to learn from"
        why = Sentence(words, why=found.reasons["optim.epochs"], usual=f"{QUICK_MINUTES:g}")
        found = replace(found, reasons=found.reasons | {"optim.epochs": why})
    return found, rate


def is_own_quick(config: RunConfig) -> bool:
    """Whether it is the preset quick that is to learn from nothing; who gives its minutes wants them."""
    begins = config.model.weights is None and not config.method.needs_labels
    return config.preset == "quick" and config.optim.minutes == QUICK_MINUTES and begins


def known_speed(config: ResolvedConfig, store: PixelStore) -> float | None:
    """Images/s of such steps on such squares, if they were measured lately, as alone or beside other
    work as the machine is now.
    """
    found = recall(_speed(config, store))
    if found is None or len(found) != 3:
        return None
    told_s, rate, was_crowded = found
    if not 0 <= time.time() - told_s < SPEED_HOLDS_S:
        return None
    return rate if bool(was_crowded) == is_crowded(config.compute) else None


def note_speed(config: ResolvedConfig, store: PixelStore, rate: float) -> float:
    """Remember it, so that a run that was measured before its start begins at once."""
    remember(_speed(config, store), [time.time(), rate, float(is_crowded(config.compute))])
    return rate


def _speed(config: ResolvedConfig, store: PixelStore) -> str:
    kind = "cached" if store.files is None else "streamed"
    return f"images/s {a_step_of(config)} {kind} {store.side}"


def minutes_needed(config: ResolvedConfig, rate: float) -> float:
    """Minutes until a run can be judged, at `rate` images/s."""
    return math.ceil(config.method.steps_to_learn * config.optim.batch_size / rate / 6) / 10


def check_length(
    asked: RunConfig,
    config: ResolvedConfig,
    train_images: int,
    rate: float,
    emit: Callable[[Event], None],
) -> None:
    """Say before the first step that a pretraining run will not have learnt when it ends.

    Raises ConfigError where nobody `asked` for its minutes: the preset quick begins no such run.
    """
    course = course_on(config, train_images)
    if not course.is_too_short or config.method.needs_labels:
        return
    minutes = f"{minutes_needed(config, rate):g}"
    if is_own_quick(asked):
        raise ConfigError(
            "config.quick",
            "A quick look would learn nothing: at {rate} images/s this network needs {minutes} minutes, "
            "and a quick look takes {most} at most.",
            "Set optim.minutes = {minutes}, or choose a smaller network or smaller views.",
            rate=f"{rate:.3g}",
            minutes=minutes,
            most=f"{MOST_QUICK_MINUTES:g}",
        )
    emit(
        warning(
            "run.too_short",
            "{steps} steps are too few to learn from: {minutes} minutes (optim.minutes) would give "
            "{enough}, the least that can be judged.",
            steps=course.total_steps,
            minutes=minutes,
            enough=course.steps_to_learn,
        )
    )
