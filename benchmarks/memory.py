"""Peak memory, time and page faults of a training step against the batch, each in a fresh process.

Run from the repository root: `python -m benchmarks.memory [--quick] [--device cuda] [--json FILE]`.
On the CPU it is the process's peak less what it had after its imports; on a GPU what torch allocated
at most. The ratio is plain fp32's memory to this way's, at the same batch. A run on the CPU keeps what
a step frees for the next step, unless it recomputes (machine.malloc); "usual heap" is without that.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import astuple

import torch

from benchmarks.recipe import HALF, PLAIN, Case, config_of, stepper_of, take_step
from benchmarks.table import Effort, Row, main, row, wait_for
from sit_engine.machine.malloc import tuned_malloc

WAYS = {
    "fp32": (PLAIN, "off"),
    "bf16": (HALF, "off"),
    "bf16, recomputed": (HALF, "on"),
    "bf16, usual heap": (HALF, "off"),
}
WARM, TIMED = 2, 3
CASES = {
    "quick": [Case("vit_tiny", 32, 8)],
    "cpu": [
        *(Case("vit_tiny", 32, batch) for batch in (16, 64)),
        *(Case("vit_tiny", 224, batch) for batch in (4, 16, 64)),
        *(Case("vit_small", 224, batch) for batch in (4, 16)),
    ],
    "cuda": [
        Case(name, side, batch)
        for name, side in (("vit_tiny", 32), ("vit_small", 224))
        for batch in (64, 256, 1024)
    ],
}


def measure(effort: Effort) -> list[Row]:
    """All ways of each case; what does not fit has no figure."""
    return [
        row
        for case in CASES["quick" if effort.quick else effort.device.type]
        for row in time_case(case, effort.device)
    ]


def time_case(case: Case, device: torch.device) -> list[Row]:
    """A row a way."""
    rows: list[Row] = []
    plain = None
    for way in WAYS if device.type == "cpu" else list(WAYS)[:-1]:
        words = [way, device.type, str(torch.get_num_threads()), json.dumps(astuple(case))]
        command = [sys.executable, "-m", "benchmarks.memory", "--child", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        known = json.loads(done.stdout) if done.returncode == 0 else {}
        mb = known.get("peak_mb")
        plain = mb if way == "fp32" else plain
        rows.append(
            case.row()
            | row(
                way=way,
                peak_mb=mb,
                mb_an_image=mb and mb / case.batch,
                ratio=plain / mb if plain and mb else None,
                ms_a_step=known.get("ms_a_step"),
                page_faults_a_step=known.get("page_faults_a_step"),
            )
        )
    return rows


def child(way: str, device: str, threads: str, case: str) -> None:
    """Some steps; prints their peak in MB, and of the later ones the median time and page faults."""
    torch.set_num_threads(int(threads))
    form, recompute = WAYS[way]
    before = _peak_mb(device)
    place, of = torch.device(device), Case(*json.loads(case))
    wait = wait_for(place)
    stepper = stepper_of(of, form, place, recompute=recompute)
    effort = config_of(of, form, place, recompute=recompute).compute
    seconds: list[float] = []
    faults = 0
    with tuned_malloc(effort) if way != "bf16, usual heap" else nullcontext():
        for number in range(WARM + TIMED):
            if number == WARM:
                faults = _page_faults()
            started_s = time.perf_counter()
            take_step(stepper, number)
            wait()
            seconds.append(time.perf_counter() - started_s)
        found = {
            "peak_mb": _peak_mb(device) - before,
            "ms_a_step": 1000 * statistics.median(seconds[WARM:]),
            "page_faults_a_step": (_page_faults() - faults) / TIMED,
        }
    print(json.dumps(found))


def _page_faults() -> int:
    import resource  # Not on Windows.

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _peak_mb(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    import resource  # Not on Windows.

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main("memory", __doc__, measure)
