"""A search for a network: what is asked of `sit-engine search`, and how it stands; Qt-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.errors import SitError
from sit_engine.paths import unescape_name
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import (
    ANEW,
    SUPERNET,
    NetworkSearch,
    Phase,
    Source,
    is_search,
    read_search,
)
from sit_engine.records.studies.network_search_text import to_text
from sit_engine.records.summary import summarise
from sit_studio.models.comparison_list import read_comparison

State = Literal["preparing", "running", "interrupted", "completed", "unreadable"]


@dataclass(frozen=True)
class NetworkStudy(NetworkRequest):
    """What `sit-engine search` is asked."""

    @property
    def configs(self) -> Mapping[str, RunConfig]:
        """The settings that stand in files."""
        return {"base": self.base}

    def words(self, files: list[Path], out: Path) -> list[str]:
        """The command, with the settings in `files`."""
        words = ["search", self.folder, "--config", str(files[0]), "--out", str(out)]
        words += ["--budget", self.budget, "--minutes", repr(self.minutes)]
        words += ["--sharing", self.sharing, "--objectives", str(self.objectives)]
        words += ["--space", self.space, "--anew", repr(self.anew_minutes)]
        words += ["--seeds", str(self.seeds)]
        words += ["--from-labels"] if self.is_labelled else []
        for flag, value in (
            ("--memory", self.memory_mb), ("--population", self.population),
            ("--generations", self.generations), ("--labels-file", self.labels_file),
        ):  # fmt: skip
            words += [] if value is None else [flag, str(value)]
        return words


def study_of(path: Path) -> NetworkStudy:
    """What a search was asked for; raises KeyError, TypeError, ValueError or SitError."""
    asked = read_search(path).asked
    wanted, file = asked.wanted, asked.wanted["label file"]
    file = None if file is None else unescape_name(file)
    settings = dict(wanted["settings"])
    # Without it labels of a file would be none.
    settings["data"] = settings["data"] | {"folders": [], "labels_file": wanted["label file"]}
    return NetworkStudy(
        folder=asked.folder,
        base=build(settings),
        minutes=wanted["minutes"],
        budget=wanted["budget"],
        sharing=wanted["sharing"],
        objectives=wanted["objectives"],
        is_labelled=wanted["labels"],
        memory_mb=wanted["memory"],
        space=wanted["space"],
        population=wanted["population"],
        generations=wanted["generations"],
        labels_file=file,
        anew_minutes=asked.anew_minutes,
        seeds=asked.seeds,
    )


@dataclass(frozen=True)
class NetworkStanding:
    """How far a search is. `state` is a word of widgets.states."""

    path: Path
    state: State
    phase: Phase | Literal[""] = ""
    share: float = 0.0
    """Of the phase."""
    name: str = ""
    """Of the run that trains anew, or is next."""
    done: int = 0
    total: int = 0
    """Networks that are asked, or runs that train anew."""
    found: NetworkSearch | None = None


def read_network_search(path: Path) -> NetworkStanding:
    """What stands in its files; "unreadable" where they make no sense."""
    is_worked_on = is_running(Run(path))
    if not is_search(path):
        return NetworkStanding(path, "preparing")
    try:
        found = read_search(path)
        # Anyone can write into the folder: what cannot be printed here could not be drawn.
        to_text(found)
        for source in get_args(Source):
            found.best(source)
        if is_worked_on:
            state: State = "running"
        else:
            state = "completed" if found.phase == "done" else "interrupted"
        return _with_progress(NetworkStanding(path, state, found.phase, found=found))
    except (SitError, KeyError, TypeError, ValueError, ArithmeticError, IndexError, OSError):
        return NetworkStanding(path, "unreadable")


def _with_progress(now: NetworkStanding) -> NetworkStanding:
    assert now.found is not None
    if now.phase == "training":
        run = Run(now.path / SUPERNET)
        return replace(now, share=_share(run) if run.config_file.is_file() else 0.0)
    if now.phase == "asking":
        plan, done = now.found.asked.plan, len(now.found.candidates)
        # The uniform one, evolution, and random search with as many.
        total = 1 + 2 * plan.population * plan.generations if plan is not None else 0
        return replace(now, share=min(1.0, done / max(1, total)), done=done, total=total)
    if now.phase == "training anew":
        row = read_comparison(now.path / ANEW)
        if row.next_run is None:
            return replace(now, done=row.done, total=row.total)
        name, seed = row.next_run
        own = _share(Run(now.path / ANEW / "runs" / f"{name}-seed{seed}"))
        share = (row.done + own) / row.total
        return replace(now, share=share, name=name, done=row.done, total=row.total)
    return replace(now, share=1.0)


def _share(run: Run) -> float:
    """The share of a run's steps that are done."""
    part = summarise(run)
    return part.step / max(1, part.total_steps)
