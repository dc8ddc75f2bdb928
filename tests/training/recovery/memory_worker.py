"""A run whose memory is cut short once it trains: what test_out_of_memory starts.

`python -m tests.training.recovery.memory_worker FOLDER OUT MEGABYTES`: from the first step on, the
process may take so much more than it has; prints the losses, and what the run changed.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import psutil
import torch

from sit_engine import api
from sit_engine.records.events import ConfigChanged, Event, PhaseChanged, StepReported
from tests.tiny import tiny_config


def train(folder: str, out: str, megabytes: int) -> dict[str, Any]:
    """Two steps, with so much more memory from the first on; 0: no limit."""
    if megabytes:
        # A limit that is far away for now: the heap of a run without any is kept (machine.malloc).
        resource.setrlimit(resource.RLIMIT_AS, (1 << 46, resource.RLIM_INFINITY))
    losses, changes = [], []

    def hear(event: Event) -> None:
        if isinstance(event, PhaseChanged) and event.phase == "training" and megabytes:
            limit = psutil.Process().memory_info().vms + megabytes * 10**6
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        if isinstance(event, StepReported):
            losses.append(event.loss)
        if isinstance(event, ConfigChanged):
            changes.append([event.step, event.field, event.old, event.new])

    config = tiny_config(
        Path(folder),
        model={"width": 96, "depth": 4, "heads": 3, "patch_size": 2, "drop_path": 0.0},
        optim={"batch_size": 32, "epochs": 0.4},
        watch={"readings": 0, "previews": 0},
    )
    api.pretrain(config, Path(out), emit=hear)
    return {"losses": losses, "changes": changes}


def main(folder: str, out: str, megabytes: str) -> None:
    """Train, and tell."""
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(train(folder, out, int(megabytes))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
