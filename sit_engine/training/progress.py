"""Everything besides tensors that a resumed run must know: all of it goes into `state.pt`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sit_engine.records.events import BEFORE, by_name


@dataclass
class Progress:
    """Where a run stands; resumed runs get the values of the checkpoint."""

    total_steps: int
    step: int = 0
    leg: int = 0
    skipped: int = 0
    """Steps that were not finite, in all, also those that the run went back before."""
    skipped_at: list[int] = field(default_factory=list)
    """Those among the recent steps (training.recovery.steadiness), since the run last went back."""
    spikes: int = 0
    recent_losses: list[float] = field(default_factory=list)
    recent_curves: dict[str, list[float]] = field(default_factory=dict)
    """Of those that are marked where they jump."""
    rollbacks: int = 0
    """How often it went back to an earlier checkpoint, at the present setting of the learning rate."""
    back_at: int = -1
    """The step of the checkpoint that it went back to last."""
    rate_share: float = 1.0
    """Of the learning rate that the settings say; halved each time."""
    is_begun: bool = True
    """Whether all before the first step was done: not of a run that was stopped while it prepared."""
    draws: int = 0
    """Which draws the steps take: another number, another order of images and other views."""
    best_step: int = -1
    curves: dict[str, float] = field(default_factory=dict)
    """As last reported, those that are read with health."""
    changes: list[dict[str, str]] = field(default_factory=list)
    """Settings that differ from config.toml, as ConfigChanged events tell them."""

    @classmethod
    def read(cls, state: dict[str, Any]) -> Progress:
        """The progress that a checkpoint holds."""
        values = {"curves": by_name(state)} | state
        # Of versions before this one.
        gone = ("skipped_in_a_row", *BEFORE)
        return cls(**{name: value for name, value in values.items() if name not in gone})
