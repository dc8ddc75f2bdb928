"""Networks of a trained supernet are asked: the uniform one, evolution, and random search with as many.

Every answer is a line of the search's journal; asked again, the journal answers. Called by
studies.search.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.families.space import Identity
from sit_engine.config.families.supernet import SupernetOptions
from sit_engine.counted import Sentence
from sit_engine.files import disk_error
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import (
    JOURNAL,
    SUPERNET,
    SUPERNET_SHARE,
    Asked,
    AskedNetwork,
    Evolution,
    NetworkSearch,
    Source,
    read_journal,
    scores,
)
from sit_engine.studies.search.evolution import evolve, first_generation
from sit_engine.studies.search.request import freeze, limits_of
from sit_engine.studies.search.score import Parts, Scorer
from sit_engine.training.control import Control
from sit_engine.training.start import Emit

OnGeneration = Callable[[NetworkSearch, int], None]

POPULATION, GENERATIONS, FEWEST = 50, 40, 4
"""As published; smaller where there is no time for so many."""
WIDE = 1.25
"""Population over generations, as published."""


class AskedToEnd(Exception):
    """Someone wants the search to rest or, `for_good`, to end with what it has."""

    def __init__(self, *, for_good: bool) -> None:
        super().__init__()
        self.for_good = for_good


class Asking:
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
        plan = Evolution(
            self.request.population or population, self.request.generations or generations
        )
        self.asked = replace(self.asked, plan=plan)
        freeze(self.asked, self.out)

    def _generation(
        self, codes: list[np.ndarray], number: int, on_generation: OnGeneration
    ) -> list[float]:
        assert self.asked.plan is not None
        own: list[AskedNetwork] = []
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

    def _ask(self, shape: NetworkShape, source: Source, generation: int) -> AskedNetwork:
        """The answer for a network: from the journal, or measured now and written there."""
        if (known := self.known.get((source, shape))) is not None:
            return known
        obey(self.control)
        parts = self._parts(shape)
        candidate = AskedNetwork(
            patch_size=shape.patch_size,
            width=shape.width,
            blocks=shape.blocks,
            cost=self.limits.table.cost(self.space, shape),
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
        """Figures of a network, measured once, whoever asks."""
        if shape not in self.figures:
            self.figures[shape] = self._ready().parts(shape)
        return self.figures[shape]

    def _ready(self) -> Scorer:
        """Loaded when the first answer is missing."""
        if self.scorer is None:
            self.scorer = Scorer(self.run, self.emit)
        return self.scorer


def obey(control: Control) -> None:
    """Between two answers: AskedToEnd where somebody said so."""
    for command in control.poll():
        if command.command in ("finish", "stop", "pause"):
            raise AskedToEnd(for_good=command.command == "finish")


def _parts_of(candidate: AskedNetwork) -> Parts:
    return Parts(candidate.accuracy, candidate.loss, candidate.rank)


def _identity(run: Run) -> Identity:
    """The probabilities that the supernet was trained with."""
    model = run.config().model
    assert isinstance(model, SupernetOptions)
    return model.identity_each


def _end_line(path: Path) -> None:
    """A line that a kill cut off must not swallow the next one."""
    try:
        with path.open("a+b") as file:
            if file.tell() and file.seek(-1, 2) is not None and file.read(1) != b"\n":
                file.write(b"\n")
    except OSError as error:
        raise disk_error(error, path) from None


def _append(path: Path, candidate: AskedNetwork) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(candidate)) + "\n")
    except OSError as error:
        raise disk_error(error, path) from None
