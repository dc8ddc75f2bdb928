"""How fast a run's steps are here: tried on networks of their own, which nothing is kept of."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.machine.spinning import courteous
from sit_engine.methods.protocol import StepInfo
from sit_engine.training.recovery.out_of_memory import is_from_compiler
from sit_engine.training.stepper import Stepper

DRY_RUN_S = 3.0
FEWEST_STEPS, NOT_COUNTED = 5, 2


def measure_images_per_s(
    config: ResolvedConfig,
    store: PixelStore,
    rows: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    seconds: float = DRY_RUN_S,
) -> float:
    """A dry run of so many seconds; images/s by the median over its steps.

    Where passes cannot be compiled it is that of plain ones, with which a run would go on too. Beside
    other work threads wait for each other as they do while a run trains.
    """
    with courteous(config.compute):
        rate = _images_per_s(Stepper(config, store, rows, labels), seconds)
    if config.compute.device == "cuda":
        torch.cuda.empty_cache()  # Of the networks that are gone.
    return rate


def _images_per_s(stepper: Stepper, seconds: float) -> float:
    stepper.method.prepare_trial(stepper.batches)
    took_s: list[float] = []
    started_s = time.perf_counter()
    while len(took_s) < FEWEST_STEPS or time.perf_counter() - started_s < seconds:
        try:
            took_s.append(_step_s(stepper, len(took_s)))
        except Exception as error:
            if not (is_from_compiler(error) and stepper.interpret()):
                raise
            stepper.optimiser.clear()
            took_s.clear()
            started_s = time.perf_counter()
    return stepper.batches.batch_size / statistics.median(took_s[NOT_COUNTED:])


def _step_s(stepper: Stepper, number: int) -> float:
    """Seconds of one step that changes no weight."""
    started_s = time.perf_counter()
    step_info = StepInfo(stepper.seed, number, 1000, stepper.batches.steps_per_epoch)
    done = stepper.step(step_info, learning_rate=0.0, weight_decay=0.0)
    float(done.norm)  # Waits for the device.
    return time.perf_counter() - started_s
