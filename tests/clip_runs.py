"""Runs of clips on made-up films, for the tests of the method, of indexes and of exports."""

from __future__ import annotations

from pathlib import Path

from sit_engine import api
from sit_engine.records.events import Event
from tests.tiny import tiny_config


def learn(films: Path, start: Path, out: Path, *, epochs: float = 2, **how: object) -> list[Event]:
    """A run of clips; gives its events."""
    events: list[Event] = []
    config = tiny_config(
        films,
        method={"name": "svrtn", "clip_width": 32, "copies": 2, "hardest_weight": 0.1},
        model={"weights": str(start)},
        data={"frame_rate": 4},
        optim={"epochs": epochs, "batch_size": 16},
    )
    api.pretrain(config, out, emit=events.append, **how)  # type: ignore[arg-type]
    return events
