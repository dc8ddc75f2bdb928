"""Where the time of a training step goes: views, forward, backward, optimiser, teacher, events.

Run from the repository root: `python -m benchmarks.step_parts [--quick] [--device cuda] [--json
FILE]`. The parts are the engine's own functions, called in the order of its step with the device
waited for between them, in bf16. Shares add up to 100 %; the events' is that of a report every ten steps.
A checkpoint stands for itself, with its share of the minutes between two of them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.recipe import HALF, Case, config_of, stepper_of
from benchmarks.table import Effort, Row, clock_for, main, row, wait_for
from sit_engine.config.tree import WatchOptions
from sit_engine.machine.device import autocast
from sit_engine.machine.malloc import tuned_malloc
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.method import Sit
from sit_engine.records.event_log import EventWriter
from sit_engine.records.events import StepReported
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from sit_engine.training.stepper import Stepper

CASES = {
    "quick": [Case("vit_tiny", 32, 16), Case("vit_tiny", 128, 4)],
    "cpu": [Case("vit_tiny", 32, 64), Case("vit_tiny", 128, 16), Case("vit_tiny", 224, 16),
            Case("vit_small", 32, 16), Case("vit_small", 128, 16), Case("vit_small", 224, 16)],
    "cuda": [Case("vit_tiny", 32, 1024), Case("vit_tiny", 224, 256), Case("vit_small", 128, 256),
             Case("vit_small", 224, 64), Case("vit_small", 224, 256)],
}  # fmt: skip


REPORT_EVERY = 10
MINUTES: float = WatchOptions.model_fields["checkpoint_minutes"].default


@dataclass
class Clock:
    """Seconds of each part, a number a step; `wait` is for the device."""

    wait: Callable[[], object]
    now: Callable[[], float]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Times this block."""
        started_s = self.now()
        yield
        self.wait()
        self.seconds.setdefault(name, []).append(self.now() - started_s)


def measure(effort: Effort) -> list[Row]:
    """All cases."""
    repeats = 3 if effort.quick else 5
    cases = CASES["quick" if effort.quick else effort.device.type]
    rows: list[Row] = []
    for case in cases:
        malloc = tuned_malloc(config_of(case, HALF, effort.device).compute)
        with tempfile.TemporaryDirectory() as name, malloc:
            rows += time_case(case, repeats, effort.device, Run(Path(name)))
    return rows


def time_case(case: Case, repeats: int, device: torch.device, run: Run) -> list[Row]:
    """A row a part: median milliseconds and its share of the step."""
    events = EventWriter(run)
    stepper = stepper_of(case, HALF, device)
    clock = Clock(wait_for(device), clock_for(device))
    torch.set_float32_matmul_precision(HALF[1])
    for number in range(repeats + 1):
        if number == 1:
            clock.seconds.clear()
        take_apart(stepper, number, clock, events)
    events.close()
    median_ms = {name: 1000 * statistics.median(s) for name, s in clock.seconds.items()}
    # The loss runs both networks; the teacher was run once more by itself.
    median_ms["student forward, losses"] -= median_ms["teacher forward"]
    median_ms["events"] /= REPORT_EVERY
    whole_ms = sum(median_ms.values())
    shares = {name: (ms, ms / whole_ms) for name, ms in (median_ms | {"all": whole_ms}).items()}
    saved_ms = time_checkpoint(stepper, run, repeats)
    shares["a checkpoint"] = (saved_ms, saved_ms / (60_000 * MINUTES))
    return [
        case.row() | row(part=name, ms=ms, share_percent=100 * share)
        for name, (ms, share) in shares.items()
    ]


def time_checkpoint(stepper: Stepper, run: Run, repeats: int) -> float:
    """Milliseconds of wall time to write one, in the median."""
    seconds: list[float] = []
    for step in range(repeats):
        model = stepper.method.networks.state_dict()
        state = {"optimiser": stepper.optimiser.state_dict()}
        started_s = time.perf_counter()
        checkpoint.save(run, step, model, state, {})
        seconds.append(time.perf_counter() - started_s)
    return 1000 * statistics.median(seconds)


def take_apart(stepper: Stepper, number: int, clock: Clock, events: EventWriter) -> None:
    """One step of the engine, part by part."""
    step_info = StepInfo(stepper.seed, number, total_steps=1000)
    method, optimiser = stepper.method, stepper.optimiser
    assert isinstance(method, Sit)
    assert method.networks.teacher is not None
    with clock.part("gather the batch"):
        batch = stepper.batches.at(number)
    with clock.part("views and corruption"):
        views = method.make_views(batch, step_info)
    optimiser.clear()
    forward = autocast(stepper.device, stepper.precision)
    with clock.part("teacher forward"), forward, torch.no_grad():
        method.pooled(method.networks.teacher.backbone, views.clean)
    with clock.part("student forward, losses"), forward:
        losses = method.loss(views)
    with clock.part("backward"):
        losses.total.backward()  # type: ignore[no-untyped-call]
    with clock.part("clip and AdamW"):
        finite, norm = optimiser.step(losses.total, learning_rate=1e-4, weight_decay=0.04)
    with clock.part("teacher update"):
        method.after_step(step_info, finite)
    with clock.part("events"):
        events.write(report_of(number, float(losses.total.detach()), float(norm)))


def report_of(step: int, loss: float, norm: float) -> StepReported:
    """What a run tells every ten steps."""
    return StepReported(
        step=step, epoch=0.0, loss=loss, terms={"contrast": loss, "reconstruction": loss},
        curves={"agreement": 0.0, "mask_share": 0.5, "teacher_momentum": 0.996, "bound_reached": 0.0},
        learning_rate=1e-4, weight_decay=0.04, gradient_norm=norm, images_per_s=1.0,
        waiting_share=0.0, skipped_steps=0, memory_bytes=0, seconds_left=None,
    )  # fmt: skip


if __name__ == "__main__":
    main("step_parts", __doc__, measure)
