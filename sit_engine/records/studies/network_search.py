"""A search for a network as it lies in its folder: what was asked, what was tried, and what is best.

`search.json` holds what was asked and planned, `journal.jsonl` a line for each network that was asked,
`supernet/` the run that all of them share their weights from, `anew/` a comparison of the best trained
by themselves, `network.toml` what was found. Any of it may still be missing. Loads no torch.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from sit_engine.config.families.network_cost import CostUnit
from sit_engine.config.families.network_shape import BlockShape, NetworkShape
from sit_engine.config.families.sharing import Sharing
from sit_engine.config.families.space import Space
from sit_engine.config.fields import FileName
from sit_engine.errors import RunError, SitError
from sit_engine.files import read_json
from sit_engine.own_files import lines, parse_json
from sit_engine.paths import escape_name
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_engine.records.studies.comparison import Comparison
from sit_engine.records.summary import summarise

FORMAT = 1
ASKED, JOURNAL, SUPERNET, ANEW = "search.json", "journal.jsonl", "supernet", "anew"
SUPERNET_SHARE = 2 / 3
"""Of the minutes; in the rest networks are asked."""
MOST_ERROR = 0.1
"""Of a table of times: the median share by which it may miss whole networks."""
NOT_FINITE = -1e3
"""What a figure that is no number counts, in standard deviations."""
Source = Literal["evolution", "random", "uniform"]
Phase = Literal["training", "asking", "training anew", "done"]
SEARCHED, RANDOM, UNIFORM = "searched", "random search", "uniform"
"""What the networks are called that train anew."""


@dataclass(frozen=True)
class AskedNetwork:
    """A network that was asked in the supernet, and its figures on held-out images."""

    patch_size: int
    width: int
    blocks: tuple[tuple[int, int, int], ...]
    """Heads, attention width and MLP width of each."""
    cost: float
    """In the search's unit."""
    multiply_adds: int
    parameters: int
    source: Source
    generation: int
    """Of the evolution; 0 of others."""
    accuracy: float | None
    """Share right: of the classifier where it was trained from labels, else of nearest neighbours."""
    loss: float | None
    """Of pretraining; None where it was trained from labels."""
    rank: float | None
    """Effective rank of features; None where the accuracy is of a classifier."""

    @property
    def shape(self) -> NetworkShape:
        """Its sizes."""
        return NetworkShape(
            self.patch_size, self.width, tuple(BlockShape(*block) for block in self.blocks)
        )


@dataclass(frozen=True)
class Evolution:
    """How many networks are asked, worked out once from the time that one takes."""

    population: int
    generations: int


@dataclass(frozen=True)
class Asked:
    """What a search was asked for, and what was worked out from it; frozen in its folder."""

    folder: FileName
    unit: CostUnit
    low: float
    high: float
    minutes: float
    sharing: Sharing
    objectives: int
    is_labelled: bool
    """Whether the supernet learns from labels."""
    memory_mb: float | None
    space: Space
    plain: tuple[int, int, tuple[tuple[int, int, int], ...]]
    """The uniform network of the budget: patch size, width and blocks."""
    seed: int
    identities: tuple[float, ...] = ()
    """How often a slot is none, by patch size; none: the same for all, as published."""
    times: str | None = None
    """The table of times that costs are read from; None: times are not the budget."""
    time_error: float | None = None
    """Median share by which that table misses whole networks."""
    plan: Evolution | None = None
    """None: not known yet."""
    is_done: bool = False
    """Whether all networks were asked that were to be, or someone ended it."""
    wanted: dict[str, Any] = field(default_factory=dict)
    """The request as it was, to know it again."""
    anew_minutes: float = 0.0
    seeds: int = 3
    """Of training anew, as asked for last."""

    @property
    def uniform(self) -> NetworkShape:
        """The plain network of the same budget."""
        patch, width, blocks = self.plain
        return NetworkShape(patch, width, tuple(BlockShape(*block) for block in blocks))

    @property
    def is_rough(self) -> bool:
        """Whether its table of times misses whole networks by much."""
        return self.time_error is not None and self.time_error > MOST_ERROR

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        space = self.space._asdict()
        return {"format": FORMAT} | asdict(self) | {
            "folder": escape_name(self.folder), "space": space,
        }  # fmt: skip

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Asked:
        """What `to_json` gave, with whatever else stands beside it; ValueError for anything else."""
        found = TypeAdapter(cls).validate_json(json.dumps(record), strict=False)
        try:
            found.space.code(found.uniform)
        except ValueError:
            raise ValueError("its uniform network is none of its space") from None
        return found


@dataclass(frozen=True)
class NetworkSearch:
    """A search so far."""

    asked: Asked
    candidates: tuple[AskedNetwork, ...]
    """In the order they were asked."""
    comparison: Comparison | None
    """Of the best trained anew; None: not begun."""
    phase: Phase
    """What there is of it on disk, also while nobody works on it."""

    @cached_property
    def scores(self) -> tuple[float, ...]:
        """Score of each candidate, the more the better: its accuracy where it comes from a classifier.

        Without labels the mean of how far loss and accuracy (or effective rank) lie from the mean of
        the first generation, each in its standard deviations there.
        """
        return tuple(scores(self.candidates, is_labelled=self.asked.is_labelled))

    def to_json(self) -> dict[str, Any]:
        """Plain values: what was asked, the best, the front, and the comparison."""
        best = {source: self.best(source) for source in get_args(Source)}
        return {
            "format": FORMAT,
            "phase": self.phase,
            "asked": self.asked.to_json(),
            "networks": len(self.candidates),
            "best": {source: asdict(one) for source, one in best.items() if one is not None},
            "front": [asdict(one) for one in self.front],
            "best_by_generation": list(self.best_by_generation()),
            "comparison": None if self.comparison is None else self.comparison.to_json(),
        }

    @property
    def generation(self) -> int:
        """The newest of the evolution; −1 before the first."""
        found = [one.generation for one in self.candidates if one.source == "evolution"]
        return max(found, default=-1)

    def best(self, source: Source = "evolution") -> AskedNetwork | None:
        """The best that was found in that way."""
        own = [
            (score, -number)
            for number, (score, one) in enumerate(zip(self.scores, self.candidates, strict=True))
            if one.source == source
        ]
        return self.candidates[-max(own)[1]] if own else None

    @property
    def front(self) -> tuple[AskedNetwork, ...]:
        """Candidates than which none is both cheaper and better, by rising cost."""
        ranked = sorted(
            zip(self.scores, self.candidates, strict=True),
            key=lambda pair: (pair[1].cost, -pair[0]),
        )
        found: list[AskedNetwork] = []
        highest = float("-inf")
        for score, one in ranked:
            if score > highest:
                highest = score
                found.append(one)
        return tuple(found)

    def best_by_generation(self) -> tuple[float, ...]:
        """The best score up to each generation of the evolution."""
        found: list[float] = []
        for score, one in zip(self.scores, self.candidates, strict=True):
            if one.source != "evolution":
                continue
            while len(found) <= one.generation:
                found.append(found[-1] if found else float("-inf"))
            found[one.generation] = max(found[one.generation], score)
        return tuple(found)


def scores(candidates: Sequence[AskedNetwork], *, is_labelled: bool) -> list[float]:
    """As `NetworkSearch.scores`."""
    if is_labelled:
        return [one.accuracy or 0.0 for one in candidates]
    first = [one for one in candidates if one.source == "evolution" and one.generation == 0]
    first = first or list(candidates)
    parts = (lambda one: -(one.loss or 0.0), _quality)
    found = [0.0] * len(candidates)
    for part in parts:
        known = [value for one in first if math.isfinite(value := part(one))] or [0.0]
        mean, deviation = statistics.fmean(known), statistics.pstdev(known) or 1.0
        for number, one in enumerate(candidates):
            value = part(one)
            share = (value - mean) / deviation if math.isfinite(value) else NOT_FINITE
            found[number] += share / len(parts)
    return found


def _quality(candidate: AskedNetwork) -> float:
    return (candidate.rank or 0.0) if candidate.accuracy is None else candidate.accuracy


def is_search(path: Path) -> bool:
    """Whether a folder holds a search for a network."""
    return (path / ASKED).is_file()


def read_search(path: Path) -> NetworkSearch:
    """A search's folder as it is now, also while it is worked on; a sentence if it holds none."""
    try:
        asked = Asked.from_json(read_json(path / ASKED))
        record = read_json(path / ANEW / "comparison.json")
        comparison = Comparison.from_json(record) if record else None
    except ValueError as error:
        raise RunError(
            "search.unreadable",
            "The search {path} cannot be read: {why}.",
            "Search again with another --out; its supernet is a run that stays.",
            path=path,
            why=str(error).splitlines()[0],
        ) from None
    candidates = tuple(read_journal(path / JOURNAL))
    return NetworkSearch(asked, candidates, comparison, _phase(path, asked, comparison))


def _phase(path: Path, asked: Asked, comparison: Comparison | None) -> Phase:
    if asked.is_done:
        is_whole = not asked.anew_minutes if comparison is None else comparison.is_complete
        return "done" if is_whole else "training anew"
    supernet = Run(path / SUPERNET)
    is_trained = is_run(supernet.path) and summarise(supernet).status == "completed"
    return "asking" if is_trained else "training"


@cache
def _candidate() -> TypeAdapter[AskedNetwork]:
    return TypeAdapter(AskedNetwork)


def read_journal(path: Path) -> Iterable[AskedNetwork]:
    """Networks in the order they were asked; a line that is cut off or no such record is passed over."""
    kind = _candidate()
    try:
        for line in lines(path):
            try:
                yield kind.validate_python(parse_json(line))
            except ValueError:
                continue
    except SitError:
        return
