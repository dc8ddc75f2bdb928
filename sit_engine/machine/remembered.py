"""What was measured of this machine before, so that the next run need not measure it again.

A small file in the user's cache folder; losing it costs some seconds.
"""

from __future__ import annotations

import hashlib
import json
import platform
from contextlib import suppress
from pathlib import Path

import torch

from sit_engine.config.tree import ResolvedConfig
from sit_engine.files import cache_root, read_json, write_aside

FILE = "measured.json"
MOST = 50
"""Entries; the oldest go first."""


def machine() -> str:
    """What a measurement of the processor holds for: it, the threads, and what works them."""
    parts = (platform.node(), platform.processor(), str(torch.get_num_threads()), torch.__version__)
    return " ".join(parts)


def a_step_of(config: ResolvedConfig) -> str:
    """What a step's time and memory hang on, as a name: network, method, batch and device."""
    compute = config.compute.model_dump(mode="json", exclude={"seed"})
    optim = {"batch_size": config.optim.batch_size, "optimiser": config.optim.optimiser}
    parts = [config.model.model_dump(mode="json"), config.method.model_dump(mode="json")]
    text = json.dumps([*parts, compute, optim], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recall(what: str) -> list[float] | None:
    """The numbers remembered of `what` on this machine; None: none that can be read."""
    found = _all().get(f"{what} {machine()}")
    is_good = isinstance(found, list) and all(isinstance(value, float) for value in found)
    return found if is_good else None


def remember(what: str, numbers: list[float]) -> None:
    """Keep them for the next time; where that cannot be, nothing happens."""
    kept = _all()
    kept.pop(f"{what} {machine()}", None)
    kept[f"{what} {machine()}"] = numbers
    newest = dict(list(kept.items())[-MOST:])
    with suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_aside(_file(), json.dumps(newest, indent=1))


def _file() -> Path:
    return cache_root() / FILE


def _all() -> dict[str, list[float]]:
    return read_json(_file())
