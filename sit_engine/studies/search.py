"""The right network for a folder, under a budget: a supernet is trained, and networks in it are asked.

ViTAS (arXiv 2106.13700) by the user's own way to pretrain: random networks of the budget take turns in
one with shared weights; then evolution asks networks about held-out images, random search asks as many,
and so is the uniform network of the same budget. Found again after a kill: every answer is a line of
`journal.jsonl`, and the same command asks on from there. records.network_search reads the folder.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from sit_engine.config.build import build, merge
from sit_engine.config.found_network import NETWORK, network_text
from sit_engine.config.methods import LABELLED_METHOD
from sit_engine.config.network_shape import NetworkShape
from sit_engine.config.searched import as_settings, listed
from sit_engine.config.supernet import SupernetOptions
from sit_engine.config.tree import RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import RunError
from sit_engine.files import disk_error, write_aside
from sit_engine.records.commands import take_commands
from sit_engine.records.compare_request import CompareRequest
from sit_engine.records.comparison import Budget
from sit_engine.records.events import Outcome
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.network_request import NetworkRequest
from sit_engine.records.network_search import (
    ANEW,
    JOURNAL,
    RANDOM,
    SEARCHED,
    SUPERNET,
    UNIFORM,
    Asked,
    Candidate,
    NetworkSearch,
    Plan,
    Source,
    read_journal,
    read_search,
    scores,
)
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_engine.records.summary import summarise
from sit_engine.studies.compare import OnRun, compare
from sit_engine.studies.evolution import check_pymoo, evolve, first_generation
from sit_engine.studies.search_request import asked_for, freeze, limits_of
from sit_engine.studies.search_score import Parts, Scorer
from sit_engine.training.control import Control, FolderControl
from sit_engine.training.start import Emit, MakeControl, resume, start

OnGeneration = Callable[[NetworkSearch, int], None]

SUPERNET_SHARE = 2 / 3
"""Of the minutes; in the rest networks are asked."""
POPULATION, GENERATIONS, FEWEST = 50, 40, 4
"""As published; smaller where there is no time for so many."""
WIDE = 1.25
"""Population over generations, as published."""
FILES: dict[Source, str] = {
    "evolution": NETWORK, "random": "random.toml", "uniform": "uniform.toml",
}  # fmt: skip


class _Left(Exception):
    """Someone wants the search to rest (or, `for_good`, to end with what it has)."""

    def __init__(self, *, for_good: bool) -> None:
        super().__init__()
        self.for_good = for_good


def search(
    request: NetworkRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    on_generation: OnGeneration,
    tell: OnProgress,
) -> NetworkSearch:
    """Train, ask, and train the best anew, whatever is missing of it; who ends a run ends it for now."""
    check_pymoo()
    if is_running(Run(out)):
        raise RunError(
            "search.locked",
            "Another process works on {out}.",
            "Wait for it, or stop it where it runs.",
            out=out,
        )
    asked = asked_for(request, out, tell)
    _make_control(Run(out))
    with RunLock(Run(out)):
        if not asked.is_done:
            if _train(request, asked, out, emit, make_control, on_run) != "completed":
                return read_search(out)
            take_commands(Run(out))  # Whatever was said to a search that had ended.
            control = (make_control or FolderControl)(Run(out))
            try:
                asking = _Asking(request, asked, out, emit, tell, control)
                asking.work(on_generation)
            except _Left as left:
                if not left.for_good:
                    return read_search(out)
            freeze(replace(read_search(out).asked, is_done=True), out)
        _write_networks(out)
        if request.anew_minutes > 0:
            _train_anew(request, out, emit, make_control, on_run, tell)
    return read_search(out)


def _make_control(run: Run) -> None:
    """The folder for commands from elsewhere."""
    try:
        run.control.mkdir(exist_ok=True)
    except OSError as error:
        raise disk_error(error, run.control) from None


# The supernet


def supernet_config(request: NetworkRequest, asked: Asked) -> RunConfig:
    """The user's settings, or those of learning from labels, on the space of the search."""
    space = asked.space
    model = {
        "family": "supernet",
        "image_size": space.image_size,
        "patches": listed(list(space.patches)),
        "widths": listed(list(space.widths)),
        "least_depth": space.least_depth,
        "slots": space.slots,
        "heads": listed(list(space.heads)),
        "attentions": listed(list(space.attentions)),
        "mlps": listed(list(space.mlps)),
        "sharing": asked.sharing,
        "unit": asked.unit,
        "low": asked.low,
        "high": asked.high,
        "memory_mb": asked.memory_mb,
        "times": asked.times,
    }
    base = request.config
    values = base.model_dump() | {"model": model}
    if asked.is_labelled:
        # Weak changes of the images, as published: crop, mirror, erasing, CutMix, smoothing.
        method = {
            "name": LABELLED_METHOD, "head": "linear", "randaugment": 0, "mixup": 0, "cutmix": 1.0,
            "random_erasing": 0.25, "label_smoothing": 0.1, "patience": 0,
        }  # fmt: skip
        kept = {name: values[name] for name in ("data", "compute", "watch")}
        values = kept | {"model": model, "method": method}
    length = {"minutes": SUPERNET_SHARE * request.minutes, "epochs": "auto"}
    # AdamW as published; a network that was not drawn has no gradient to make orthogonal.
    optim = {"optimiser": "adamw", **length}
    return build(merge(values, {"optim": optim, "compute": {"compile": "off"}}))


def _train(
    request: NetworkRequest,
    asked: Asked,
    out: Path,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
) -> Outcome:
    """The supernet's run, begun or gone on with."""
    run = Run(out / SUPERNET)
    if is_run(run.path) and summarise(run).status == "completed":
        return "completed"
    on_run(SUPERNET, 1, 1)
    if is_run(run.path):
        return resume(run.path, emit=emit, make_control=make_control).outcome
    config = supernet_config(request, asked)
    return start(config, run.path, emit=emit, make_control=make_control).outcome


# Asking networks


class _Asking:
    """The questions in their order, and the answers that there are already."""

    def __init__(
        self,
        request: NetworkRequest,
        asked: Asked,
        out: Path,
        emit: Emit,
        tell: OnProgress,
        control: Control,
    ) -> None:
        self.request, self.asked, self.out = request, asked, out
        self.emit, self.tell, self.control = emit, tell, control
        self.space, self.limits = asked.space, limits_of(asked)
        self.journal = out / JOURNAL
        _end_line(self.journal)
        self.found = list(read_journal(self.journal))
        self.known = {(one.source, one.shape): one for one in self.found}
        self.figures = {one.shape: _parts_of(one) for one in self.found}
        self.run = Run(out / SUPERNET)
        self.identity = _identity(self.run)
        self.scorer: Scorer | None = None

    def work(self, on_generation: OnGeneration) -> None:
        """The uniform network, evolution, and random search with as many."""
        self._ask(self.asked.uniform, "uniform", 0)
        if self.asked.plan is None:
            scorer = self._ready()
            began_s = time.perf_counter()
            scorer.parts(self.asked.uniform)
            self._plan(time.perf_counter() - began_s)
        assert self.asked.plan is not None
        plan = self.asked.plan
        first = first_generation(
            self.space, self.limits, self.identity, plan.population, self.asked.seed
        )
        evolve(
            self.space, self.limits, self.identity, first,
            generations=plan.generations,
            objectives=self.asked.objectives,
            seed=self.asked.seed,
            score=lambda codes, number: self._generation(codes, number, on_generation),
        )  # fmt: skip
        count = sum(one.source == "evolution" for one in self.found)
        drawn = first_generation(self.space, self.limits, self.identity, count, self.asked.seed + 1)
        for number, code in enumerate(drawn):
            self.tell("random search", number, len(drawn))
            self._ask(self.space.shape(code), "random", 0)

    def _plan(self, each_s: float) -> None:
        """How many networks there is time for, half of them for random search; frozen from here on."""
        left_s = 60 * (1 - SUPERNET_SHARE) * self.request.minutes
        count = left_s / each_s / 2
        population = min(POPULATION, max(FEWEST, round(math.sqrt(WIDE * count))))
        generations = min(GENERATIONS, max(2, round(count / population)))
        plan = Plan(self.request.population or population, self.request.generations or generations)
        self.asked = replace(self.asked, plan=plan)
        freeze(self.asked, self.out)

    def _generation(
        self, codes: list[np.ndarray], number: int, on_generation: OnGeneration
    ) -> list[float]:
        assert self.asked.plan is not None
        own: list[Candidate] = []
        phase = Sentence(
            "generation {number} of {all}", number=number + 1, all=self.asked.plan.generations
        )
        for done, code in enumerate(codes):
            self.tell(phase, done, len(codes))
            own.append(self._ask(self.space.shape(code), "evolution", number))
        on_generation(NetworkSearch(self.asked, tuple(self.found), None, "asking"), number)
        evolved = [one for one in self.found if one.source == "evolution"]
        by_shape = dict(
            zip(
                (one.shape for one in evolved),
                scores(evolved, is_labelled=self.asked.is_labelled),
                strict=True,
            )
        )
        return [by_shape[one.shape] for one in own]

    def _ask(self, shape: NetworkShape, source: Source, generation: int) -> Candidate:
        """From the journal, or measured now and written there."""
        if (known := self.known.get((source, shape))) is not None:
            return known
        self._obey()
        parts = self._parts(shape)
        candidate = Candidate(
            patch_size=shape.patch_size,
            width=shape.width,
            blocks=shape.blocks,
            cost=self._cost(shape),
            multiply_adds=shape.multiply_adds(self.space.image_size),
            parameters=shape.parameters(self.space.image_size),
            source=source,
            generation=generation,
            accuracy=parts.accuracy,
            loss=parts.loss,
            rank=parts.rank,
        )
        self.found.append(candidate)
        self.known[(source, shape)] = candidate
        _append(self.journal, candidate)
        return candidate

    def _parts(self, shape: NetworkShape) -> Parts:
        """Measured once, whoever asks."""
        if shape not in self.figures:
            self.figures[shape] = self._ready().parts(shape)
        return self.figures[shape]

    def _ready(self) -> Scorer:
        """Loaded when the first answer is missing."""
        if self.scorer is None:
            self.scorer = Scorer(self.run, self.emit)
        return self.scorer

    def _cost(self, shape: NetworkShape) -> float:
        return float(self.limits.table.costs(self.space, self.space.code(shape)[None])[0])

    def _obey(self) -> None:
        """Between two networks."""
        for command in self.control.poll():
            if command.command in ("finish", "stop", "pause"):
                raise _Left(for_good=command.command == "finish")


def _parts_of(candidate: Candidate) -> Parts:
    return Parts(candidate.accuracy, candidate.loss, candidate.rank)


def _identity(run: Run) -> float:
    """The probability that the supernet was trained with."""
    model = run.config().model
    assert isinstance(model, SupernetOptions)
    return float(model.identity)


def _end_line(path: Path) -> None:
    """A line that a kill cut off must not swallow the next one."""
    try:
        with path.open("a+b") as file:
            if file.tell() and file.seek(-1, 2) is not None and file.read(1) != b"\n":
                file.write(b"\n")
    except OSError as error:
        raise disk_error(error, path) from None


def _append(path: Path, candidate: Candidate) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(candidate)) + "\n")
    except OSError as error:
        raise disk_error(error, path) from None


# What comes of it


def _write_networks(out: Path) -> None:
    """The best of each kind as files of settings; nothing where none was asked."""
    found = read_search(out)
    for source, name in FILES.items():
        best = found.best(source)
        if best is not None:
            text = network_text(best.shape, found.asked.space.image_size)
            try:
                write_aside(out / name, text)
            except OSError as error:
                raise disk_error(error, out) from None


def _train_anew(
    request: NetworkRequest,
    out: Path,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    tell: OnProgress,
) -> None:
    """The uniform network, the one that was found, and that of random search, by the user's method."""
    found = read_search(out)
    sources: dict[str, Source] = {UNIFORM: "uniform", SEARCHED: "evolution", RANDOM: "random"}
    best = {name: found.best(source) for name, source in sources.items()}
    side = found.asked.space.image_size
    values = request.config.model_dump()
    configs = {
        name: build(values | {"model": as_settings(one.shape, side)})
        for name, one in best.items()
        if one is not None
    }
    compare(
        CompareRequest(
            request.folder, configs, Budget("minutes", request.anew_minutes), seeds=request.seeds,
            labels_file=request.labels_file,
        ),
        out / ANEW, emit=emit, make_control=make_control, on_run=on_run, tell=tell,
    )  # fmt: skip
