"""Runs of clips on made-up films, for the tests of the method, of indexes and of exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sit_engine import api
from sit_engine.config.tree import RunConfig
from sit_engine.records.events import Event
from tests.tiny import tiny_config


def clip_config(films: Path, start: Path, *, epochs: float = 2, **method: Any) -> RunConfig:
    """Settings of a tiny run of clips."""
    small = {"name": "svrtn", "clip_width": 32, "copies": 2, "hardest_weight": 0.1}
    return tiny_config(
        films,
        method=small | method,
        model={"weights": str(start)},
        data={"frame_rate": 4},
        optim={"epochs": epochs, "batch_size": 16},
    )


def learn(
    films: Path,
    start: Path,
    out: Path,
    *,
    epochs: float = 2,
    trained_blocks: int = 0,
    **how: object,
) -> list[Event]:
    """A run of clips; gives its events."""
    events: list[Event] = []
    config = clip_config(films, start, epochs=epochs, trained_blocks=trained_blocks)
    api.pretrain(config, out, emit=events.append, **how)  # type: ignore[arg-type]
    return events
