"""What was measured of this machine before, so that the next run need not measure it again.

A small file in the user's cache folder; losing it costs some seconds.
"""

from __future__ import annotations

import hashlib
import json
import platform
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

import torch

from sit_engine.config.tree import ResolvedConfig
from sit_engine.files import cache_root, read_json, write_aside

FILE = "measured.json"
MOST = 50
"""Entries; the oldest go first."""
CPUINFO = Path("/proc/cpuinfo")
MODEL_AND_INSTRUCTIONS = frozenset(
    {"model name", "cpu family", "model", "flags", "cpu implementer", "cpu part", "features", "isa"}
)
"""Lines of CPUINFO that stay while a machine is the same, on x86, Arm and RISC-V."""


def machine() -> str:
    """What a measurement of the processor holds for: it, the threads, and what works them."""
    processor = f"{_processor()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.node()} {processor} {torch.get_num_threads()} {torch.__version__}"


def _processor() -> str:
    """What the system says of it; on Linux, where `platform` says nothing, of model and instructions.

    A virtual machine that moves keeps its name, and bf16 without units for it takes many times as long.
    """
    try:
        with CPUINFO.open(encoding="utf-8", errors="replace") as file:
            # Of the first core alone: there may be hundreds.
            parts = [line.partition(":") for line in takewhile(str.strip, file)]
    except OSError:
        return platform.processor()
    kept = [value for key, _, value in parts if key.strip().lower() in MODEL_AND_INSTRUCTIONS]
    return hashlib.sha256("".join(kept).encode()).hexdigest()[:16]


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
