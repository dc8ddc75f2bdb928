"""A leg's checkpoints: writes them where this process is the run's first, and starts from one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.records.events import CheckpointWritten, Event
from sit_engine.records.run import Run
from sit_engine.training import checkpoint, frozen
from sit_engine.training.progress import Progress
from sit_engine.training.stepper import Stepper
from sit_engine.watching.watcher import Watcher


class CheckpointManager:
    """Knows what was saved last, so that nothing is saved twice."""

    def __init__(
        self,
        run: Run,
        config: ResolvedConfig,
        stepper: Stepper,
        monitor: Watcher,
        emit: Callable[[Event], None],
    ) -> None:
        self.run, self.config, self.stepper = run, config, stepper
        self.monitor, self.emit = monitor, emit
        # As they were when the leg began: what happens to the files meanwhile is not copied.
        self.copies = frozen.read(run) if ranks.is_first() else {}
        self.saved_step = -1
        self.saved_s = time.perf_counter()

    def save(self, progress: Progress, *, again: bool = False, best: bool = False) -> Path:
        """The checkpoint of this step; written unless it is there, `again` and `best` ones anew.

        All ranks have the same weights, so the first one's are everybody's.
        """
        is_known = self.saved_step == progress.step and not (again or best)
        if is_known or not ranks.is_first():
            return checkpoint.folder(self.run, progress.step)
        state = {
            "progress": asdict(progress),
            "optimiser": self.stepper.optimiser.state_dict(),
            "monitor": self.monitor.state(),
        }
        about = {
            "method": self.config.method.name,
            "total_steps": progress.total_steps,
            "best_step": progress.best_step,
            "leg": progress.leg,
            "changes": progress.changes,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        }
        model = self.stepper.method.networks.state_dict()
        path = self.run.written(
            lambda: checkpoint.save(
                self.run, progress.step, model, state, about, copies=self.copies
            )
        )
        self.saved_step, self.saved_s = progress.step, time.perf_counter()
        self.emit(CheckpointWritten(progress.step, f"checkpoints/{path.name}", best))
        checkpoint.prune(
            self.run,
            keep=self.config.watch.keep,
            total_steps=progress.total_steps,
            best_step=progress.best_step,
        )
        return path

    def restore(self, path: Path) -> Progress:
        """Weights, optimiser and monitor from a verified checkpoint; gives where the run stood."""
        state = checkpoint.load_state(path)
        with checkpoint.foreign_errors(path):
            self.stepper.method.networks.load_state_dict(checkpoint.load_model(path))
            self.stepper.optimiser.load_state_dict(state["optimiser"])
            self.monitor.restore(state["monitor"])
            progress = Progress.read(state["progress"])
        self.saved_step = progress.step
        return progress
