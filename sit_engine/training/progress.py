"""Everything besides tensors that a resumed run must know: all of it goes into `state.pt`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """Where a run stands; resumed runs get the values of the checkpoint."""

    total_steps: int
    step: int = 0
    leg: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    best_step: int = -1
    agreement: float = float("nan")
    mask_share: float = float("nan")
    changes: list[dict[str, str]] = field(default_factory=list)
    """Settings that differ from config.toml, as ConfigChanged events tell them."""
