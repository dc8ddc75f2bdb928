"""Before the first step of a leg: its first weights, and what its method works out, told and ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batches
from sit_engine.methods.protocol import Method
from sit_engine.models.weights import load_heads, load_weights, read_heads, read_weights
from sit_engine.records.commands import ANY_LEG, Command
from sit_engine.records.events import Event, Outcome, PhaseChanged, RunStarted, warning
from sit_engine.records.run import Run
from sit_engine.training.control import Control
from sit_engine.training.progress import Progress
from sit_engine.training.stepper import Stepper

ENDS: Mapping[str, Outcome] = MappingProxyType(
    {"stop": "stopped", "pause": "paused", "finish": "completed"}
)
"""Commands that end a leg, and how."""

OTHER_HEADS = (
    "The heads of the weights do not fit these settings of the method: its heads begin anew, and only "
    "the backbone goes on."
)


def start_from_weights(
    method: Method, config: ResolvedConfig, emit: Callable[[Event], None]
) -> None:
    """Load the start's backbone into all of the method's, and its heads if it has such."""
    if config.model.weights is None:
        return
    path = Path(config.model.weights)
    weights = read_weights(path)
    for backbone in method.backbones:
        load_weights(backbone, weights)
    if weights.facts.method == config.method.name and not load_heads(
        method.head_modules(), read_heads(path)
    ):
        emit(warning("start.heads", OTHER_HEADS))


def started(run: Run, config: ResolvedConfig, stepper: Stepper, progress: Progress) -> RunStarted:
    """The first event of a run's first leg."""
    return RunStarted(
        run=run.path.name,
        method=config.method.name,
        device=str(stepper.device),
        images=len(stepper.batches.rows),
        total_steps=progress.total_steps,
        steps_per_epoch=stepper.batches.steps_per_epoch,
        batch_size=stepper.batches.batch_size,
        pid=os.getpid(),
        leg=progress.leg,
        processes=ranks.count(),
    )


class _EndedError(Exception):
    """Raised by a listener to end what it listens to."""


class BeforeSteps:
    """Tells progress as events and hears commands meanwhile.

    Those that end nothing wait for the first step, as do those for another leg.
    """

    def __init__(self, control: Control, emit: Callable[[Event], None], leg: int) -> None:
        self.control, self.emit, self.leg = control, emit, leg
        self.others: list[Command] = []
        self.ended: list[Command] = []

    def prepare(self, method: Method, batches: Batches) -> bool:
        """What the method works out, or as much as there is until a command ends it: `ended`.

        Where ranks share what is made, the first one of a machine makes it: gives False in the others,
        which call for it when that one has ended.
        """
        if method.shares_preparation and ranks.on_this_machine()[0] > 0:
            return False
        with suppress(_EndedError):
            method.prepare(batches, self.told)
        return True

    def told(self, phase: str, done: int, total: int) -> None:
        """The listener for the work."""
        self.emit(PhaseChanged(phase, done, total))
        for command in self.control.poll():
            is_end = command.command in ENDS and command.leg in (ANY_LEG, self.leg)
            (self.ended if is_end else self.others).append(command)
        if self.ended:
            raise _EndedError
