"""What a comparison was asked for: checked before anything is written, then frozen in its folder.

Called by studies.compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts
from sit_engine.config.resolve import watch_count
from sit_engine.config.tree import RunConfig
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.scan.own_images import along, has_moved, how_read, look_for_all
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import ConfigError, DataError, RunError
from sit_engine.evaluation.measure import check_labelled
from sit_engine.files import disk_error, is_free, read_json, write_aside
from sit_engine.jobs.labelled import numbers_to_ask, only_test
from sit_engine.paths import display_name, escape_name
from sit_engine.records.events import warning
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import Places, file_along, moved_along, save
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import ASKED, CompareRequest
from sit_engine.records.studies.comparison import Pace
from sit_engine.studies.budget import with_budget
from sit_engine.studies.paces import measure_paces
from sit_engine.training.prepare import list_images
from sit_engine.training.start import Emit, check_outside

SHARE = 0.1
"""Of the images, to ask where no test folder is given and the settings leave it to us."""


FROZEN = ("images", "paces")


class Plan(NamedTuple):
    """The settings as they train, but for the seed, and what is frozen beside the request."""

    configs: dict[str, RunConfig]
    frozen: dict[str, Any]
    """A fingerprint of the images' names, and of minutes the paces that were measured."""


def plan(
    request: CompareRequest,
    out: Path,
    emit: Emit,
    tell: OnProgress,
    *,
    is_new: bool,
    least: int = 2,
) -> Plan:
    """Raises before hours are spent.

    Unless a run `is_new` nothing is to start, and the folder of images is not looked into.
    """
    _check(request, least)
    then = _frozen(out)
    begun = [Run(path.parent) for path in sorted(out.glob("runs/*/config.toml"))]
    is_moved = bool(begun) and has_moved(then.get("folder"), request.folder)
    _check_frozen(request, out, _moved(then, request) if is_moved else then)
    places = look_for_all(begun, request.folder, tell) if is_moved else []
    configs = _on_one_folder(request, emit)
    if not is_new:
        _save(places)
        return Plan(configs, {name: then[name] for name in FROZEN if name in then})
    check_outside(out, [request.folder, *request.test])
    first = next(iter(configs.values()))
    listed = list_images(first, tell)
    facts = facts_of(listed)
    tested = _check_labels(request, first, listed, facts, tell)
    names = [found.path(row) for found in (listed, tested) for row in range(len(found))]
    images = _fingerprint(names)
    moves = list(zip(request.test, then.get("test", ()), strict=False))
    moves += [(request.folder, then["folder"])] if is_moved else []
    if any(new != old for new, old in moves):
        names = [_of_before(name, moves) for name in names]
    if then.get("images") not in (None, _fingerprint(names)):
        raise changed(request)
    _save(places)
    frozen: dict[str, Any] = {"images": images}
    paces: dict[str, Pace] = {}
    if request.budget.unit == "minutes":
        paces = read_paces(then)
        if paces.keys() != configs.keys():
            paces = measure_paces(configs, request.budget.amount, tell)
        frozen["paces"] = {name: asdict(pace) for name, pace in paces.items()}
    ready = {
        name: with_budget(config, request.budget, paces.get(name), facts)
        for name, config in configs.items()
    }
    return Plan(ready, frozen)


def read_paces(record: Mapping[str, Any]) -> dict[str, Pace]:
    """Paces by the names of settings; none where the budget is no time, or the file is older."""
    try:
        found = TypeAdapter(dict[str, Pace]).validate_python(record.get("paces", {}))
    except ValueError:
        return {}
    return found if all(0 < pace.images_per_s < float("inf") for pace in found.values()) else {}


def _save(places: Sequence[tuple[Run, Places]]) -> None:
    """Write the plan once all is agreed on: a refusal leaves every run as it was."""
    for run, found in places:
        save(run, found)


def _of_before(path: str, moves: Iterable[tuple[str, str]]) -> str:
    """The path in a folder of now as it was in that of before."""
    for new, old in moves:
        if Path(path).is_relative_to(new):
            return old + path.removeprefix(new)
    return path


def carried(request: CompareRequest, out: Path) -> CompareRequest:
    """The request with label file and test folders that moved along with the folder of images."""
    old = _frozen(out).get("folder")
    if not isinstance(old, str) or not has_moved(old, request.folder):
        return request
    return replace(
        request,
        test=tuple(moved_along(folder, old, request.folder) for folder in request.test),
        labels_file=file_along(request.labels_file, [old], [request.folder]),
        configs={name: along(one, old, request.folder) for name, one in request.configs.items()},
    )


def names_of_before(request: CompareRequest, out: Path, names: Sequence[str]) -> list[str]:
    """Test images as they were called when the comparison began."""
    moves = list(zip(request.test, _frozen(out).get("first_test", ()), strict=False))
    return [_of_before(name, moves) for name in names]


def _fingerprint(names: list[str]) -> str:
    return hashlib.sha256("\0".join(map(escape_name, names)).encode()).hexdigest()


def changed(request: CompareRequest) -> RunError:
    """Runs on other images than the first ones' cannot stand in one table."""
    return RunError(
        "compare.images",
        "Images of {folder}, or of the test folder, came or went since this comparison began.",
        "Put them back to go on, or begin a new comparison with another --out.",
        folder=display_name(request.folder),
    )


def _check(request: CompareRequest, least: int) -> None:
    if len(request.configs) < least:
        raise ConfigError(
            "compare.one",
            "There is nothing to compare: {count} settings were given.",
            "Give two or more files of settings, or of methods.",
            count=len(request.configs),
        )
    for name, config in request.configs.items():
        if config.method.needs_labels:
            raise ConfigError(
                "compare.method",
                "The settings {name} are for {method}, which learns from labels; compare is for "
                "methods that pretrain.",
                "Leave {name} out, or choose another method.name in it.",
                name=name,
                method=config.method.name,
            )
    for name, value in (
        ("seeds", request.seeds), ("shots", request.shots), (request.budget.unit, request.budget.amount),
    ):  # fmt: skip
        if not 0 < value < float("inf"):
            raise ConfigError(
                "compare.number",
                "The number of {name} cannot be {value}.",
                "Give one above 0.",
                name=name,
                value=value,
            )


def _on_one_folder(request: CompareRequest, emit: Emit) -> dict[str, RunConfig]:
    """Every config with the folder, and with the data settings of the first: the same split."""
    first = next(iter(request.configs.values())).data
    update: dict[str, Any] = {"folders": (request.folder,)}
    if request.labels_file is not None:
        update |= {"labels": "csv", "labels_file": request.labels_file}
    elif first.labels == "none":
        update["labels"] = "folders"
    if not request.test and first.watch_share == "auto":
        update["watch_share"] = SHARE
    data = first.model_copy(update=update)
    for name, config in request.configs.items():
        theirs = config.data.model_copy(update={"folders": first.folders})
        if config.data.folders not in ((), data.folders) or theirs != first:
            emit(
                warning(
                    "compare.data",
                    "The settings {name} name other images, or read them otherwise; all train on "
                    "{folder}, with the data settings of {first}.",
                    name=name,
                    folder=display_name(request.folder),
                    first=next(iter(request.configs)),
                )
            )
    return {
        name: config.model_copy(update={"data": data}) for name, config in request.configs.items()
    }


def _check_labels(
    request: CompareRequest,
    config: RunConfig,
    listed: ImageIndex,
    facts: DataFacts,
    tell: OnProgress,
) -> ImageIndex:
    """There are classes to learn, and images of them to ask: those of the test folders, if any."""
    train = listed.labels[listed.labels >= 0]
    if not request.test:
        share = config.data.watch_share
        assert share != "auto"  # _on_one_folder
        check_labelled(train, train)
        if not watch_count(share, facts):
            raise DataError(
                "compare.no_test",
                "There are no images to test on: nothing is held out of training.",
                "Give --test FOLDER, or set data.watch_share above 0 in the first settings.",
            )
        return listed.subset(np.empty(0, dtype=np.int64))
    reading = how_read(config.data)
    reading["layout"] = layout_of_test(request)
    found = only_test(scan(request.test, **reading, on_progress=tell))
    numbers = numbers_to_ask(found, listed.classes)
    check_labelled(train, numbers[numbers >= 0])
    return found


def layout_of_test(request: CompareRequest) -> LayoutChoice:
    """Test folders are laid out in their own way; but where no names mean parts, in none of them."""
    layout = next(iter(request.configs.values())).data.layout
    return layout if layout == "classes" else "auto"


# What was asked, in the folder


@contextmanager
def held(request: CompareRequest, out: Path, frozen: dict[str, Any]) -> Iterator[Run]:
    """The folder of the comparison, written by this process alone until the end."""
    if is_running(Run(out)):
        raise RunError(
            "compare.locked",
            "Another process works on the comparison {out}.",
            "Wait for it, or stop it where it runs.",
            out=out,
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        was = _frozen(out)
        record = request.to_json() | {"images": was.get("images")} | frozen
        first_test = was.get("first_test", was.get("test"))
        if first_test not in (None, record["test"]):
            record["first_test"] = first_test
        if was != record:
            write_aside(_file(out), json.dumps(record, indent=1))
    except OSError as error:
        raise disk_error(error, out) from None
    with RunLock(Run(out)) as folder:
        yield folder


def check_here(folder: Run, out: Path) -> None:
    """Its next run would otherwise make a new folder at the old name."""
    if folder.path != out:
        raise RunError(
            "compare.moved",
            "The comparison {out} was moved to {place} while it worked.",
            "Start it again there; what it has trained so far is kept.",
            out=out,
            place=folder.path,
        )


def _check_frozen(request: CompareRequest, out: Path, then: dict[str, Any]) -> None:
    """The folder is new, or holds a comparison that asked for the same."""
    if not _file(out).exists():
        if not is_free(out):
            raise RunError(
                "compare.exists",
                "{out} exists already and holds no comparison.",
                "Choose another --out.",
                out=out,
            )
        return
    # Comparisons of before have no first seed.
    then, now = {"first_seed": 0} | then, request.to_json()
    names = {"configs": "settings", "labels_file": "label file", "first_seed": "first seed"}
    then["test"] = _test_of(then, request)
    others = [names.get(name, name) for name in now if not _is_same(name, then.get(name), now)]
    if others:
        raise RunError(
            "compare.other",
            "The folder {out} holds a comparison that was asked for with other {what}.",
            "Choose another --out, or ask for the same again to go on.",
            out=out,
            what=", ".join(others),
        )


def _moved(then: dict[str, Any], request: CompareRequest) -> dict[str, Any]:
    """What was asked for then, in the folder of now."""
    old = then["folder"]
    configs = then.get("configs")
    if isinstance(configs, dict):
        read = {name: along(build(values), old, request.folder) for name, values in configs.items()}
        configs = {name: config.model_dump(mode="json") for name, config in read.items()}
    moved = file_along(then.get("labels_file"), [old], [request.folder])
    return then | {"folder": request.folder, "labels_file": moved, "configs": configs}


def _test_of(then: dict[str, Any], request: CompareRequest) -> object:
    """A test folder that is gone may be given anew: the names of its images tell."""
    old = then.get("test")
    if not isinstance(old, list) or len(old) != len(request.test):
        return old
    return [now if has_moved(was, now) else was for was, now in zip(old, request.test, strict=True)]


def _is_same(name: str, then: Any, now: dict[str, Any]) -> bool:
    """Settings are compared as they are read now: one that is new since has its default.

    More seeds may be asked for than before.
    """
    if name == "seeds":
        return isinstance(then, int) and then <= now[name]
    if name != "configs":
        return bool(then == now[name])
    has_same_names = isinstance(then, dict) and list(then) == list(now[name])
    return has_same_names and all(build(then[key]) == build(now[name][key]) for key in then)


def _frozen(out: Path) -> dict[str, Any]:
    return read_json(_file(out)) if _file(out).exists() else {}


def _file(out: Path) -> Path:
    return out / ASKED
