"""Frees and clears what a process that is gone left in a run folder, and brings back settings and split.

Deletes nothing that was told of; what is damaged is put aside.
"""

from __future__ import annotations

from pathlib import Path

from sit_engine import runs
from sit_engine.training import checkpoint, frozen


def repair(path: Path) -> list[str]:
    """What was done, a sentence each; refused while a process writes the run."""
    run = runs.open_run(path, prepared=False)
    done = []
    had_lock = run.lock_file.exists()
    with runs.Lock(run) as run:
        if had_lock:
            done.append("The lock of a process that is gone was removed.")
        cleared = checkpoint.recover(run)
        if cleared:
            done.append(f"{cleared} checkpoints that it was writing were cleared or put back.")
        done += [told.message.strip() for told in frozen.mend(run)]
    return done
