"""Does it pay to train in phases: small views before full ones, whole views before corrupted ones?

    python -m benchmarks.phases FOLDER… --out DIR [--minutes 1.5] [--seeds 3]

Each FOLDER has one sub-folder a class. The settings of a first run ("standard") train as they ship
and in other ways, one thread each, for as many steps as each makes in so many minutes: what a step
of each phase takes is measured turn about before the first run of a folder. A quarter of the images
is held out and asked; gaps are paired, with their 95 % intervals. The same command goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.training_folder import set_name, stepper_on
from benchmarks.tuning import TITLES
from sit_engine import api
from sit_engine.config.build import build
from sit_engine.evaluation.measure import MeasuredNetwork
from sit_engine.jobs.labelled import load_held_out
from sit_engine.jobs.networks import load_backbones
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.method import Sit
from sit_engine.records.studies.comparison import MEASURES
from sit_engine.records.studies.tuning import in_points
from sit_engine.studies.cells import Cell, gap, measure
from sit_engine.studies.compare import TRAINED, Place

HELD_OUT = 0.25
TIMED = 40
SKIPPED = 5


@dataclass(frozen=True)
class Phase:
    """How steps differ from those of a run as it ships."""

    side_share: float = 1.0
    is_corrupted: bool = True


@dataclass(frozen=True)
class Way:
    """Phases that share the time evenly."""

    name: str
    phases: tuple[Phase, ...] = (Phase(),)


AS_SHIPPED = Way("as it ships")
WAYS = (
    AS_SHIPPED,
    Way("small views first", (Phase(side_share=0.5), Phase())),
    Way("whole views first", (Phase(is_corrupted=False), Phase())),
)


@contextmanager
def phased(way: Way, shares: list[float]) -> Iterator[None]:
    """Within, steps of SiT are those of the way's phases, which have these shares of them."""
    make_views = Sit.make_views
    ends = np.cumsum(shares)

    def make(method: Sit, batch: Any, step_info: StepInfo) -> Any:
        number = int(np.searchsorted(ends, step_info.step / step_info.total_steps, side="right"))
        with at(method, way.phases[min(number, len(shares) - 1)]):
            return make_views(method, batch, step_info)

    with patch.object(Sit, "make_views", make):
        yield


@contextmanager
def at(method: Sit, phase: Phase) -> Iterator[None]:
    """Within, the method makes the views of the phase."""
    size, options = method.size, method.options
    side = round(size[0] * phase.side_share)
    method.size = (side, side)
    if not phase.is_corrupted:
        whole = options.corruption.model_copy(update={"kind": "none"})
        method.options = options.model_copy(update={"corruption": whole})
    try:
        yield
    finally:
        method.size, method.options = size, options


def step_seconds(folder: Path) -> dict[Phase, float]:
    """Median seconds of a step of each phase, measured turn about."""
    settings = asked(folder, 0, None)
    stepper = stepper_on(folder, settings | {"compute": settings["compute"] | {"parts": 1}})
    phases = list(dict.fromkeys(phase for way in WAYS for phase in way.phases))
    found: dict[Phase, list[float]] = {phase: [] for phase in phases}
    for step in range(TIMED):
        for phase in phases:
            began_s = time.perf_counter()
            with phased(Way("", (phase,)), [1.0]):
                stepper.step(StepInfo(0, step, TIMED), learning_rate=1e-4, weight_decay=0.0)
            found[phase].append(time.perf_counter() - began_s)
    return {phase: statistics.median(seconds[SKIPPED:]) for phase, seconds in found.items()}


def asked(folder: Path, seed: int, epochs: float | None) -> dict[str, Any]:
    """Settings of a run, all others "auto"."""
    return {
        "data": {"folders": [str(folder.absolute())], "watch_share": HELD_OUT},
        "optim": {} if epochs is None else {"epochs": epochs},
        "compute": {"threads": 1, "device": "cpu", "seed": seed},
        "watch": {"readings": 0, "previews": 0},
    }


def plan(out: Path, folder: Path, minutes: float) -> dict[str, list[int]]:
    """Steps of each phase of each way, by its name; worked out once a folder."""
    file = out / "steps.json"
    if not file.is_file():
        seconds = step_seconds(folder)
        steps = {
            way.name: [round(60 * minutes / len(way.phases) / seconds[each]) for each in way.phases]
            for way in WAYS
        }
        file.write_text(json.dumps(steps, indent=1), "utf-8")
    return dict(json.loads(file.read_text("utf-8")))


def train(folder: Path, place: Place, way: Way, steps: list[int]) -> None:
    """One run, or what is missing of it."""
    if place.is_done():
        return
    run = place.run
    with phased(way, [count / sum(steps) for count in steps]):
        if run.config_file.is_file():
            api.resume(run.path, emit=lambda _: None)
            return
        files = sum(path.is_file() for path in folder.rglob("*"))
        a_epoch = round(files * (1 - HELD_OUT)) // 64
        config = build(asked(folder, place.seed, sum(steps) / a_epoch))
        api.pretrain(config, run.path, emit=lambda _: None)


def answered(place: Place) -> Cell:
    """What the run's network answers on the images that it held out."""
    file = place.cell(TRAINED)
    if not place.is_measured():
        loaded, side = load_backbones(place.run), place.run.config().model.image_size
        cells = measure(
            [(MeasuredNetwork(TRAINED, loaded.trained, side), loaded.step)],
            load_held_out(place.run, None), shots=5, seed=place.seed,
            device=torch.device("cpu"), with_raw=False, tell=lambda *_: None,
        )  # fmt: skip
        cells[TRAINED].save(file)
    return Cell.read(file)


def show(name: str, steps: dict[str, list[int]], cells: dict[str, dict[int, Cell]]) -> None:
    """A line a way: its steps, and figures of the first or gaps to it."""
    first = cells[AS_SHIPPED.name]
    print(f"\n| {name} | steps | {' | '.join(TITLES)} |\n|---|---|---|---|---|")
    for way, found in cells.items():
        if found is first:
            means = ([float(getattr(c, key).mean()) for c in first.values()] for key in MEASURES)
            figures = [f"{100 * statistics.mean(values):.1f}" for values in means]
        else:
            gaps = [gap(found, first, key) for key in MEASURES]
            figures = ["–" if each is None else in_points(each) for each in gaps]
        print(f"| {way} | {' + '.join(map(str, steps[way]))} | {' | '.join(figures)} |", flush=True)


def main() -> None:
    """Parse, train, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phases", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for folder in chosen.folders:
        name = set_name(folder)
        out: Path = chosen.out / name
        out.mkdir(parents=True, exist_ok=True)
        steps = plan(out, folder, chosen.minutes)
        cells: dict[str, dict[int, Cell]] = {}
        for seed in range(chosen.seeds):
            for way in WAYS:
                place = Place(out, way.name, seed)
                train(folder, place, way, steps[way.name])
                cells.setdefault(way.name, {})[seed] = answered(place)
        show(name, steps, cells)


if __name__ == "__main__":
    main()
