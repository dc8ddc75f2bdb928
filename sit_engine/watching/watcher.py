"""Who looks at a run while it trains, as the training loop sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch

from sit_engine.config.course import Course
from sit_engine.config.methods import MethodOptions
from sit_engine.methods.protocol import Method
from sit_engine.records.events import Event, PreviewWritten
from sit_engine.records.run import Run
from sit_engine.watching.pretraining import Monitor, Watched
from sit_engine.watching.retrieval import Retrieval
from sit_engine.watching.validation import Validator


class Watcher(Protocol):
    """Measures and shows; changes no weight."""

    @property
    def is_over(self) -> bool:
        """Whether its readings end the run."""

    @property
    def is_spare(self) -> bool:
        """Whether a run of few steps has fewer readings."""

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's `state`."""

    def read(
        self, step: int, course: Course, curves: Mapping[str, float]
    ) -> tuple[list[Event], bool]:
        """The events of a reading, and whether it is the best so far.

        `curves` are those of the method's own that it reads with health, as last reported.
        """

    def preview(self, step: int) -> PreviewWritten:
        """Pictures into the run folder."""


def make_watcher(
    run: Run, method: Method, watched: Watched, device: torch.device, options: MethodOptions
) -> Watcher:
    """The watcher that the method asks for."""
    kinds = {"pretraining": Monitor, "validation": Validator, "retrieval": Retrieval}
    made: Watcher = kinds[options.watch](run, method, watched, device, options)
    return made
