"""How many threads a run computes with on the CPU: fewer while others take cores for long.

Beside a process that takes a core for itself two threads mostly wait for each other: one alone is up to
twice as fast (`python -m benchmarks.beside`). Another number of threads is another order of sums, so
the number changes only where a checkpoint is written, which holds it: a run that goes on from there
computes as one that was never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Never

import torch

from sit_engine import ranks
from sit_engine.config.toml_file import read_chosen
from sit_engine.config.tree import ComputeOptions
from sit_engine.machine.spinning import Others
from sit_engine.records.run import Run
from sit_engine.training.recovery.out_of_memory import Change

FIELD = "compute.threads"
LATER = "other work takes cores of this machine", "other work no longer takes cores"


class ThreadCount:
    """Follows what others take, where the settings left the number open and one process trains."""

    def __init__(self, run: Run, compute: ComputeOptions[Never], others: Others) -> None:
        self.most = compute.threads
        chosen = read_chosen(run.config_file).get("compute", {}).get("threads", "auto")
        self.others = others if chosen == "auto" and ranks.count() == 1 else Others()

    def change(self, changes: list[dict[str, str]]) -> Change | None:
        """Take as many threads as suit what others took since the last question.

        The change, if that is another number; of `changes` those of before it are no longer true.
        """
        taken = self.others.mean()
        if taken is None:
            return None
        now, wanted = torch.get_num_threads(), beside(self.most, taken)
        if wanted == now:
            return None
        torch.set_num_threads(wanted)
        changes[:] = [change for change in changes if change["field"] != FIELD]
        return Change(FIELD, str(now), str(wanted), LATER[wanted > now])

    def restore(self, changes: Sequence[dict[str, str]]) -> None:
        """The number that a checkpoint was written with, by the changes that it holds."""
        known = [change["new"] for change in changes if change["field"] == FIELD]
        torch.set_num_threads(int(known[-1]) if known else self.most)


def beside(most: int, taken: float) -> int:
    """How many of `most` threads find a core for themselves, where others take so many; 1 at least."""
    return max(1, min(most, math.floor(most - taken + 0.5)))
