"""Which settings suit a folder: many in short runs, the best of them in longer ones, the best against the
default with fresh seeds.

Each rung is a comparison in a folder of its own (`rung-1` …) beside `tune.json` (what was asked, and who
takes part in each rung, frozen), `tuning.json` (the tables and the choice so far) and `tuned.toml`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

from sit_engine.config.build import build, merge
from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.scan.own_images import along, has_moved, look_for_all, without_options
from sit_engine.errors import ConfigError, DataError, RunError
from sit_engine.files import disk_error, is_free, read_json, write_aside
from sit_engine.jobs.dry_steps import DrySteps
from sit_engine.paths import display_name, escape_name, unescape_name
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import file_along, save
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget, Comparison
from sit_engine.records.studies.tuning import (
    DEFAULT,
    JOIN,
    RUNGS,
    Candidate,
    Tuning,
    above,
    best_of_factors,
    ranked,
)
from sit_engine.studies.candidates import candidates
from sit_engine.studies.compare import compare
from sit_engine.training.prepare import list_images
from sit_engine.training.start import Emit, MakeControl, check_outside

FORMAT = 1
SHORTEST_MINUTES = 0.75
"""Of a run in the first rung: where there is time for fewer, fewer candidates are tried."""
FEWEST = 2
"""Candidates that are tried however short the time."""
KEPT = 3
"""One in so many goes on from the first rung."""
FINAL_SEEDS = 2
WATCHED = 300
WATCHED_SHARES = (0.1, 0.25)
"""Images to ask, wanted and within shares of those with a label: intervals of fewer are wide."""

OnRun = Callable[[int, str, int, int], None]


@dataclass(frozen=True)
class TuneRequest:
    """A folder with labels, the settings to start from, and the time for all runs together."""

    folder: str
    base: RunConfig
    minutes: float
    labels_file: str | None = None


@dataclass(frozen=True)
class Rung:
    """One round of a search: who takes part, and how long each of its runs trains."""

    names: tuple[str, ...]
    minutes: float
    seeds: int
    first_seed: int


class _Book:
    """The files of a search: what is frozen, what was found, and the time that it took."""

    def __init__(self, request: TuneRequest, out: Path, tell: OnProgress) -> None:
        self.request, self.out = request, out
        self.tried, self.watch_share = _tried(request, out, tell)
        self.rungs = [
            Rung(tuple(rung["names"]), rung["minutes"], rung["seeds"], rung["first_seed"])
            for rung in _frozen(out).get("rungs", [])
        ]
        self.spent_before = float(read_json(out / "tuning.json").get("spent_minutes", 0.0))
        self.began_s = time.monotonic()

    def config(self, name: str) -> RunConfig:
        """The settings of that name, as the user would take them."""
        values = merge(self.request.base.model_dump(), {"data": {"folders": ()}})
        for one in self.tried:
            if one.name in name.split(JOIN):
                values = merge(values, one.change)
        return build(values)

    def add(self, rung: Rung) -> None:
        """Freeze a setting of the search, whatever is found when the command is given again."""
        self.rungs.append(rung)
        self.freeze()

    def freeze(self) -> None:
        record = _record(self.request) | {
            "watch_share": self.watch_share,
            "candidates": [vars(candidate) for candidate in self.tried],
            "rungs": [asdict(rung) for rung in self.rungs],
        }
        _write(_file(self.out), json.dumps(record, indent=1))

    @property
    def spent(self) -> float:
        """Minutes spent so far."""
        return self.spent_before + (time.monotonic() - self.began_s) / 60

    def found(self, rungs: list[Comparison], *, is_complete: bool = False) -> Tuning:
        """What the rungs say so far."""
        return Tuning(
            folder=self.request.folder,
            minutes=self.request.minutes,
            candidates=self.tried,
            rungs=tuple(rungs),
            is_complete=is_complete,
            spent_minutes=self.spent,
        )

    def tell(self, tuning: Tuning) -> Tuning:
        """Write what was found so far."""
        _write(self.out / "tuning.json", json.dumps(tuning.to_json(), indent=1))
        return tuning


@without_options()
def tune(
    request: TuneRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    tell: OnProgress,
) -> Tuning:
    """Train and measure what is missing; a run that someone ends ends the search for now.

    `on_run` is told the rung, the name of a run that begins, its number in the rung and their count.
    """
    _check(request)
    request = _carried(request, out)
    _check_frozen(request, out, tell)
    was = read_json(out / "tuning.json")
    if was.get("is_complete"):
        return Tuning.from_json(was)
    book = _Book(request, out, tell)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, out) from None
    book.freeze()
    with RunLock(Run(out)):
        found: list[Comparison] = []
        while len(found) < RUNGS:
            if len(book.rungs) == len(found):
                # Far from the largest: every rung has seeds of its own behind it.
                first = request.base.compute.seed % (1 << 30)
                rung = next_rung(book.tried, found, request.minutes, book.spent, first)
                if rung is None:
                    break
                book.add(rung)
            said = partial(_on_run, book, found, on_run)
            one = _work(
                book, len(found), emit=emit, make_control=make_control, on_run=said, tell=tell
            )
            found.append(one)
            if not one.is_complete:
                return book.tell(book.found(found))
        tuning = book.found(found, is_complete=True)
        # First: who reads that the search is complete looks for its settings.
        _write(out / "tuned.toml", _tuned(book, tuning))
        return book.tell(tuning)


def next_rung(
    tried: tuple[Candidate, ...],
    found: list[Comparison],
    minutes: float,
    spent: float,
    first_seed: int,
) -> Rung | None:
    """The settings that meet the default next; None where nothing did better than it.

    A rung has its share of the minutes that are left, but no less than half of its third: starting
    and measuring take time too. Its seeds are new ones: who won by chance has to win again.
    """
    if not found:
        most = max(FEWEST, int(minutes / RUNGS / SHORTEST_MINUTES) - 1)
        names = [one.name for one in tried[:most]]
    elif len(found) == 1:
        names = ranked(found[0])[: ceil(len(ranked(found[0])) / KEPT)]
        winners = [name for name in names if name in above(found[0])]
        joined = best_of_factors(winners, tried)
        if len(joined) > 1:
            names.append(JOIN.join(one.name for one in joined))
    else:
        names = above(found[1])[:1]
    if not names:
        return None
    seeds = FINAL_SEEDS if len(found) == RUNGS - 1 else 1
    left = max(minutes - spent, 0) / (RUNGS - len(found))
    share = max(left, minutes / RUNGS / 2)
    each = round(share / seeds / (len(names) + 1), 3)
    return Rung((DEFAULT, *names), each, seeds, first_seed + len(found))


def _work(
    book: _Book,
    number: int,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: Callable[[str, int, int], None],
    tell: OnProgress,
) -> Comparison:
    rung = book.rungs[number]
    request = CompareRequest(
        folder=book.request.folder,
        configs={name: _of_rung(book.config(name), book.watch_share) for name in rung.names},
        budget=Budget("minutes", rung.minutes),
        seeds=rung.seeds,
        labels_file=book.request.labels_file,
        first_seed=rung.first_seed,
    )
    place = book.out / f"rung-{number + 1}"
    return compare(request, place, emit=emit, make_control=make_control, on_run=on_run, tell=tell)


def _of_rung(config: RunConfig, watch_share: float) -> RunConfig:
    """The settings for a rung; in runs of seconds readings and previews would take much of the time."""
    watch = config.watch.model_copy(update={"readings": 0, "previews": 0})
    data = config.data.model_copy(update={"watch_share": watch_share})
    return config.model_copy(update={"watch": watch, "data": data})


def _on_run(
    book: _Book, found: list[Comparison], on_run: OnRun, name: str, number: int, total: int
) -> None:
    so_far = read_json(book.out / f"rung-{len(found) + 1}" / "comparison.json")
    book.tell(book.found([*found, *([Comparison.from_json(so_far)] if so_far else [])]))
    settings, _, seed = name.rpartition("-seed")
    on_run(len(found) + 1, f"{settings}, seed {seed}", number, total)


def _tried(
    request: TuneRequest, out: Path, tell: OnProgress
) -> tuple[tuple[Candidate, ...], float]:
    """The candidates and the share of images to ask, worked out once; without labels a sentence."""
    if frozen := _frozen(out):
        return tuple(Candidate(**one) for one in frozen["candidates"]), frozen["watch_share"]
    check_outside(out, [request.folder])
    data = request.base.data.model_copy(update=_data_of(request))
    base = request.base.model_copy(update={"data": data})
    facts = facts_of(list_images(base, tell))
    if facts.classes < 2:
        raise DataError(
            "tune.no_labels",
            "The images of {folder} have no labels, so nothing can tell which settings suit them.",
            "Put some images of each class into sub-folders, or name them in a CSV file "
            "(--labels-file).",
            folder=display_name(request.folder),
        )
    few, many = (share * facts.labelled for share in WATCHED_SHARES)
    wanted = round(min(max(WATCHED, few), many) / facts.images, 5)
    given = base.data.watch_share
    # They know what the labels live on, by which the default differs from folder to folder.
    steps = DrySteps.prepare(base, tell)
    return candidates(base, steps.facts, steps.device), wanted if given == "auto" else given


def _data_of(request: TuneRequest) -> dict[str, Any]:
    update: dict[str, Any] = {"folders": (request.folder,)}
    if request.labels_file is not None:
        update |= {"labels": "csv", "labels_file": request.labels_file}
    elif request.base.data.labels == "none":
        update["labels"] = "folders"
    return update


def _tuned(book: _Book, tuning: Tuning) -> str:
    """The chosen settings as a file for --config, with the reason and the tables it rests on."""
    reasons = {
        path: f"tuned: {one.name}"
        for one in book.tried
        if one.name in tuning.chosen.split(JOIN)
        for path in _paths(one.change)
    }
    folder = display_name(book.request.folder)
    asked = f"sit-engine tune {folder} --minutes {book.request.minutes:g}"
    head = "\n".join(f"# {line}".rstrip() for line in (asked, *tuning.to_text().splitlines()))
    return f"{head}\n" + to_toml(book.config(tuning.chosen), reasons)


def _paths(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in tree.items():
        path = f"{prefix}{name}"
        found += _paths(value, f"{path}.") if isinstance(value, Mapping) else [path]
    return found


def _check(request: TuneRequest) -> None:
    if not 0 < request.minutes < float("inf"):
        raise ConfigError(
            "tune.minutes",
            "The number of minutes cannot be {value}.",
            "Give one above 0; 20 are usual.",
            value=request.minutes,
        )


def _check_frozen(request: TuneRequest, out: Path, tell: OnProgress) -> None:
    """The folder is new, or holds a search that asked for the same, and nobody works on it.

    Of images that moved it is asked whether the new folder has those of its runs.
    """
    if is_running(Run(out)):
        raise RunError(
            "tune.locked",
            "Another process works on {out}.",
            "Wait for it, or stop it where it runs.",
            out=out,
        )
    if not _file(out).exists():
        if not is_free(out):
            raise RunError(
                "tune.exists",
                "{out} exists already and holds no search for settings.",
                "Choose another --out.",
                out=out,
            )
        return
    then, now = _frozen(out), _record(request)
    begun = [Run(path.parent) for path in sorted(out.glob("rung-*/runs/*/config.toml"))]
    old = unescape_name(str(then.get("folder")))
    if begun and has_moved(old, request.folder):
        base = along(build(then["base"]), old, request.folder)
        then |= {"folder": now["folder"], "base": base.model_dump(mode="json")}
        then["labels_file"] = file_along(then.get("labels_file"), [old], [request.folder])
    others = [name for name in now if name != "base" and then.get(name) != now[name]]
    if others or build(then["base"]) != request.base:
        raise RunError(
            "tune.other",
            "The folder {out} holds a search that was asked for with other {what}.",
            "Choose another --out, or ask for the same again to go on.",
            out=out,
            what=", ".join(others).replace("labels_file", "label file") or "settings",
        )
    if begun and has_moved(old, request.folder):
        for run, found in look_for_all(begun, request.folder, tell):
            save(run, found)


def _carried(request: TuneRequest, out: Path) -> TuneRequest:
    """The request with a label file that moved along with the folder of images."""
    old = unescape_name(str(_frozen(out).get("folder")))
    if not _frozen(out) or not has_moved(old, request.folder):
        return request
    labels_file = file_along(request.labels_file, [old], [request.folder])
    return replace(request, labels_file=labels_file, base=along(request.base, old, request.folder))


def _record(request: TuneRequest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "folder": escape_name(request.folder),
        "minutes": request.minutes,
        "labels_file": request.labels_file,
        "base": request.base.model_dump(mode="json"),
    }


def _frozen(out: Path) -> dict[str, Any]:
    return read_json(_file(out)) if _file(out).exists() else {}


def _file(out: Path) -> Path:
    return out / "tune.json"


def _write(path: Path, text: str) -> None:
    try:
        write_aside(path, text)
    except OSError as error:
        raise disk_error(error, path) from None
