"""Which settings suit these images: each trained and measured with each seed, side by side.

The folder of a comparison holds `compare.json` (what was asked, frozen), `runs/` (run folders like
any other), `cells/` (right or wrong on each test image), `comparison.json` (the table so far) and
`accuracy.png` (k-NN over minutes).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sit_engine.config.tree import RunConfig
from sit_engine.data.scan.own_images import without_options
from sit_engine.data.scan.split import PARTS
from sit_engine.errors import NotFiniteError, OutOfMemoryError
from sit_engine.evaluation.measure import MeasuredNetwork
from sit_engine.files import disk_error, write_aside
from sit_engine.jobs.labelled import load_held_out, load_labelled
from sit_engine.jobs.networks import load_backbones
from sit_engine.machine.device import apply_settings
from sit_engine.records.events import Outcome
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import Places, places_of
from sit_engine.records.report import RAW_PIXELS, UNTRAINED
from sit_engine.records.run import Run
from sit_engine.records.run_folder import discard_unstarted, is_run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Best, ComparedRun, Comparison, Kind, Line, Pace
from sit_engine.records.summary import summarise
from sit_engine.studies.cells import Cell, figures, gap, measure
from sit_engine.studies.curves import curve_of, told
from sit_engine.studies.figure import write_figure
from sit_engine.studies.plan import (
    carried,
    changed,
    check_here,
    held,
    layout_of_test,
    names_of_before,
    plan,
    read_paces,
)
from sit_engine.training import checkpoint
from sit_engine.training.recovery.rollback import NOT_FINITE
from sit_engine.training.start import Emit, GoingOn, MakeControl, resume, start

OnRun = Callable[[str, int, int], None]
TRAINED = "trained"


@dataclass(frozen=True)
class Place:
    """One run of the comparison and the files of its cells."""

    out: Path
    config: str
    seed: int

    @property
    def run(self) -> Run:
        """Its run folder."""
        return Run(self.out / "runs" / f"{self.config}-seed{self.seed}")

    def cell(self, kind: str, side: int = 0) -> Path:
        """The file of a cell; that of raw pixels is shared by all runs with views of `side`."""
        name = f"{side}px" if kind == RAW_PIXELS else self.config
        return self.out / "cells" / kind.replace(" ", "-") / f"{name}-seed{self.seed}.npz"

    def is_done(self) -> bool:
        """Whether nothing is left to train: it is complete, or its loss did not stay finite."""
        found = summarise(self.run)
        was_not_finite = found.outcome is not None and found.outcome.code == NOT_FINITE
        return found.status == "completed" or (was_not_finite and self.is_measured())

    def has_checkpoint(self) -> bool:
        """Whether there is a network to measure."""
        return bool(checkpoint.all_steps(self.run))

    def is_measured(self) -> bool:
        """Whether the cell there is that of the run's last step."""
        path = self.cell(TRAINED)
        return path.is_file() and int(Cell.read(path).step) == summarise(self.run).step


@without_options()
def compare(
    request: CompareRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    tell: OnProgress,
    least: int = 2,
) -> Comparison:
    """Train and measure what is missing, seed by seed; a run that someone ends ends it for now.

    Fewer settings than the `least` are refused.

    A run whose loss does not stay finite is measured as it stands, once, and the others go on; so is
    one for which memory is short, which the next call tries again. Of one that memory was short for
    before its first checkpoint there is nothing to measure.
    """
    request = carried(request, out)
    seeds = range(request.first_seed, request.first_seed + request.seeds)
    places = [Place(out, name, seed) for seed in seeds for name in request.configs]
    is_new = any(not place.run.config_file.is_file() for place in places)
    configs, frozen = plan(request, out, emit, tell, is_new=is_new, least=least)
    paces = read_paces(frozen)
    with held(request, out, frozen) as folder:
        for number, place in enumerate(places, 1):
            check_here(folder, out)
            if not place.is_done():
                on_run(place.run.path.name, number, len(places))
                outcome = _train(place, configs[place.config], emit, make_control)
                if outcome in ("paused", "stopped"):
                    break
                check_here(folder, out)
            if place.has_checkpoint() and not place.is_measured():
                _measure(place, request, tell)
                _check_images(place, request)
                _write(_table(request, places, paces), out)
        found = _table(request, places, paces)
        _write(found, out)
        write_figure(found, out)
    return found


def _first(place: Place, request: CompareRequest) -> Place:
    """The seed's first run that has a network, at most this one."""
    named = (Place(place.out, name, place.seed) for name in request.configs)
    return next(each for each in named if each == place or each.has_checkpoint())


def _check_images(place: Place, request: CompareRequest) -> None:
    """Refuse a run that learnt from, or was asked about, other images than the seed's first run."""
    first = _first(place, request)
    splits = [
        (record["train"], record["watch"]) for record in (p.run.split() for p in (first, place))
    ]
    asked_about = [Cell.read(p.cell(TRAINED)).images.tolist() for p in (first, place)]
    if splits[0] != splits[1] or asked_about[0] != asked_about[1]:
        place.cell(TRAINED).unlink()
        raise changed(request)


def _write(found: Comparison, out: Path) -> None:
    try:
        write_aside(out / "comparison.json", json.dumps(found.to_json(), indent=1))
    except OSError as error:
        raise disk_error(error, out) from None


def _train(
    place: Place, config: RunConfig, emit: Emit, make_control: MakeControl | None
) -> Outcome:
    """A new run, or the next leg of one."""
    run = place.run
    try:
        if is_run(run.path):
            # One that never began may have been asked to on a folder that has moved since.
            folders = () if run.config_file.is_file() else config.data.folders
            how = GoingOn(folders=folders)
            return resume(run.path, emit=emit, make_control=make_control, how=how).outcome
        # Of a version that did not write first what was asked for, and killed before its settings.
        discard_unstarted(run)
        compute = config.compute.model_copy(update={"seed": place.seed})
        config = config.model_copy(update={"compute": compute})
        return start(config, run.path, emit=emit, make_control=make_control).outcome
    except (NotFiniteError, OutOfMemoryError):
        return "failed"


def _measure(place: Place, request: CompareRequest, tell: OnProgress) -> None:
    """The cells of a run, of its network untrained, and of raw pixels where they are not there."""
    config = place.run.config()
    device = apply_settings(config.compute, or_cpu=True)
    loaded, side = load_backbones(place.run), config.model.image_size
    if request.test:
        given = load_labelled(
            place.run,
            [request.folder],
            request.test,
            tell,
            labels_file=places_of(place.run).labels_file,
            layout=layout_of_test(request),
            train_layout=config.data.layout,
        )
    else:
        given = load_held_out(place.run, tell)
    networks = [
        (MeasuredNetwork(UNTRAINED, loaded.untrained, side), 0),
        (MeasuredNetwork(TRAINED, loaded.trained, side), loaded.step),
    ]
    cells = measure(
        networks,
        given,
        shots=request.shots,
        seed=place.seed,
        device=device,
        with_raw=not place.cell(RAW_PIXELS, side).is_file(),
        tell=tell,
    )
    # The run's own is the last: where it stands, the others stand too.
    for kind in (RAW_PIXELS, UNTRAINED, TRAINED):
        if kind in cells:
            _as_begun(place, request, cells[kind]).save(place.cell(kind, side))


def _as_begun(place: Place, request: CompareRequest, cell: Cell) -> Cell:
    """A cell whose images are called as the seed's first run began with them, wherever they are now."""
    first = _first(place, request).run
    now, then = places_of(place.run), Places(first.config().data.folders)
    images = names_of_before(request, place.out, cell.images.tolist())
    if now.folders != then.folders:
        record = place.run.split()
        names = [name for part in PARTS for name in record[part]]
        called = {now.path(name): then.path(name) for name in names}
        images = [called.get(path, path) for path in images]
    return replace(cell, images=np.array(images))


# The table


def _table(request: CompareRequest, places: Sequence[Place], paces: dict[str, Pace]) -> Comparison:
    """What is trained and measured so far."""
    begun = [place for place in places if place.run.config_file.is_file()]
    measured = [place for place in begun if place.cell(TRAINED).is_file()]
    rows = _rows(request, measured)
    first = rows[0][2]
    lines = [Line(name, kind, figures(cells, first)) for name, kind, cells in rows if cells]
    one = next(iter(first.values()), None)
    compared = tuple(_about(place) for place in measured)
    return Comparison(
        folder=request.folder,
        test=tuple(request.test),
        budget=request.budget,
        seeds=request.seeds,
        shots=request.shots,
        lines=tuple(lines),
        runs=compared,
        train_images=int(one.train_images) if one else 0,
        test_images=len(one.images) if one else 0,
        left_out=str(one.left_out) if one else "",
        is_complete=len(measured) == len(places)
        and all(run.status in ("completed", "failed") for run in compared),
        paces=paces,
        curves=tuple(
            curve
            for name in request.configs
            if (
                curve := curve_of(
                    [p.run for p in measured if p.config == name], name, paces.get(name)
                )
            )
        ),
        best=best_of(rows),
    )


def best_of(rows: Sequence[tuple[str, Kind, dict[int, Cell]]]) -> Best | None:
    """The settings that answer most by neighbours, over the seeds that all have so far.

    It is the best of several on the same images, and the intervals of its gaps allow for that: over
    other settings they are of so many pairs (Bonferroni), over the rest of so many settings.
    """
    ours = {name: cells for name, kind, cells in rows if kind == "config" and cells}
    seeds = set.intersection(*map(set, ours.values())) if ours else set[int]()
    if not seeds or len(ours) < 2:
        return None
    whole = {name: {seed: cells[seed] for seed in seeds} for name, cells in ours.items()}
    right = {
        name: np.mean([cell.knn.mean() for cell in cells.values()]) for name, cells in whole.items()
    }
    name = max(right, key=lambda one: right[one])
    pairs = math.comb(len(ours), 2)
    gaps = {
        other: found
        for other, _, cells in rows
        if other != name
        and (found := gap(whole[name], cells, "knn", among=pairs if other in ours else len(ours)))
        is not None
    }
    return Best(name, float(right[name]), gaps)


def _rows(
    request: CompareRequest, measured: Sequence[Place]
) -> list[tuple[str, Kind, dict[int, Cell]]]:
    """Name, kind and cells by seed: the settings, their networks untrained, raw pixels."""
    rows: list[tuple[str, Kind, dict[int, Cell]]] = []
    kinds: tuple[tuple[str, Kind, str], ...] = (
        (TRAINED, "config", ""), (UNTRAINED, "untrained", f"{UNTRAINED} "),
    )  # fmt: skip
    for kind, of, before in kinds:
        for config in request.configs:
            ours = [place for place in measured if place.config == config]
            cells = {place.seed: Cell.read(place.cell(kind)) for place in ours}
            rows.append((before + config, of, cells))
    by_side: dict[int, dict[int, Cell]] = {}
    for place in measured:
        side = place.run.config().model.image_size
        by_side.setdefault(side, {})[place.seed] = Cell.read(place.cell(RAW_PIXELS, side))
    for side, cells in by_side.items():
        name = RAW_PIXELS if len(by_side) == 1 else f"{RAW_PIXELS} {side} px"
        rows.append((name, "raw pixels", cells))
    return rows


def _about(place: Place) -> ComparedRun:
    found, trained = summarise(place.run), told(place.run)
    return ComparedRun(
        config=place.config,
        seed=place.seed,
        run=f"runs/{place.run.path.name}",
        status=found.status,
        step=found.step,
        total_steps=found.total_steps,
        images=found.step * place.run.config().optim.batch_size,
        minutes=trained.seconds / 60,
        images_per_s=trained.images_per_s,
        memory_bytes=trained.memory_bytes,
    )
