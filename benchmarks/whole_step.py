"""Times whole training steps against the slow reference, in every number format.

Run from the repository root: `python -m benchmarks.whole_step [--quick] [--device cuda] [--json
FILE]`. Ours is the engine's own step on a warm cache; the reference (benchmarks.slow_step) makes one
picture and one tensor at a time, in plain fp32. All formats and the reference take turns. On a GPU
eager and compiled steps, and CUDA graphs, take turns as well.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.recipe import (
    HALF,
    MEDIUM,
    PLAIN,
    Case,
    Format,
    config_of,
    pictures,
    stepper_of,
    take_step,
)
from benchmarks.slow_step import SlowStep
from benchmarks.table import Effort, Row, Work, alternate, clock_for, main, ratio, row, wait_for
from sit_engine.machine.malloc import tuned_malloc
from sit_engine.models.backbone import last_alone, pooled
from sit_engine.training.stepper import Stepper

QUICK = [Case("vit_tiny", 32, 16), Case("vit_tiny", 224, 4)]
ON_CPU = [
    *(Case("vit_tiny", 32, batch) for batch in (16, 64)),
    Case("vit_tiny", 128, 16),
    *(Case("vit_tiny", 224, batch) for batch in (4, 16)),
    Case("vit_small", 32, 16),
    Case("vit_small", 128, 16),
    Case("vit_small", 224, 16),
]
# The slow reference takes minutes a step at these, so it goes without (benchmarks.feeding has its rate).
ON_GPU = [Case("vit_tiny", 32, 1024), Case("vit_small", 224, 64), Case("vit_small", 224, 256)]
MOST_REFERENCE_BATCH = 64


def measure(effort: Effort) -> list[Row]:
    """All cases."""
    is_gpu = effort.device.type == "cuda"
    cases = QUICK if effort.quick else ON_GPU if is_gpu else ON_CPU
    repeats = 20 if is_gpu else 3
    # As in a run; the reference gains from it too.
    with tuned_malloc(config_of(cases[0], HALF, effort.device).compute):
        return [row for case in cases for row in time_case(case, repeats, effort.device)]


def time_case(case: Case, repeats: int, device: torch.device) -> list[Row]:
    """One row a way to work the step; ratios are against the reference, or else against eager bf16."""
    ways = dict(_ways(case, device))
    works: dict[str, Work] = {name: _work(stepper, form) for name, (form, stepper) in ways.items()}
    is_small = case.batch <= MOST_REFERENCE_BATCH
    if is_small:
        slow = SlowStep(config_of(case, PLAIN, device), device)
        chosen = pictures(case.size_px, case.batch)
        works["reference"] = lambda _: slow.step(chosen)
    seconds = alternate(works, repeats, after=wait_for(device), clock=clock_for(device))
    base = seconds["reference" if is_small else "bf16"]
    rows: list[Row] = []
    for name, times in seconds.items():
        median_s = statistics.median(times)
        rows.append(
            case.row()
            | row(
                way=name,
                ms_a_step=1000 * median_s,
                images_per_s=case.batch / median_s,
                ratio=ratio(times, base),
            )
        )
    return rows


def _ways(case: Case, device: torch.device) -> list[tuple[str, tuple[Format, Stepper]]]:
    """Names, formats, and steppers with networks of their own."""
    if device.type == "cpu":
        formats = {"fp32 highest": PLAIN, "fp32 medium": MEDIUM, "bf16": HALF}
        return [(name, (form, stepper_of(case, form, device))) for name, form in formats.items()]
    eager = stepper_of(case, HALF, device, compile="off")
    compiled = stepper_of(case, HALF, device, compile="on")
    graphs = stepper_of(case, HALF, device, compile="off")
    use_graphs(graphs)
    made = {"bf16": eager, "bf16, compiled": compiled, "bf16, CUDA graphs": graphs}
    return [(name, (HALF, stepper)) for name, stepper in made.items()]


def use_graphs(stepper: Stepper) -> None:
    """An experiment: the networks' passes compiled into CUDA graphs, which save launches."""
    method = stepper.method
    # The student's pass comes first in a step, and its backward pass last.
    for name, function in (("stages", last_alone), ("pooled", pooled)):
        assert hasattr(method, name)
        replayed = torch.compile(function, mode="reduce-overhead")
        setattr(method, name, _cloned(replayed, begins_step=name == "stages"))


def _cloned(function: Callable[..., Any], *, begins_step: bool) -> Callable[..., Any]:
    """A graph's output lives in memory that its replay in the next step writes."""

    def call(*inputs: object) -> Any:
        if begins_step:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        made = function(*inputs)
        if isinstance(made, tuple):
            (last,) = made
            return (last._replace(tokens=last.tokens.clone(), places=last.places.clone()),)
        return made.clone()

    return call


def _work(stepper: Stepper, form: Format) -> Work:
    return partial(_step, stepper, form)


def _step(stepper: Stepper, form: Format, number: int) -> None:
    torch.set_float32_matmul_precision(form[1])
    take_step(stepper, number)


if __name__ == "__main__":
    main("whole_step", __doc__, measure)
