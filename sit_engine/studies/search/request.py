"""What a search for a network is asked for: checked, worked out once, and frozen in its folder.

Called by studies.search.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from sit_engine.config.build import build
from sit_engine.config.families.network_cost import CostTable, Limits, counted_table
from sit_engine.config.resolve import resolve
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.scan.own_images import along, has_moved, look_for_all
from sit_engine.errors import ConfigError, DataError, RunError
from sit_engine.files import disk_error, is_free, write_aside
from sit_engine.machine.device import probe_once
from sit_engine.paths import display_name, escape_name, unescape_name
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import file_along, save
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import ASKED as COMPARED
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.network_request import NetworkRequest, read_budget
from sit_engine.records.studies.network_search import (
    ANEW,
    ASKED,
    SUPERNET,
    Asked,
    is_search,
    read_search,
)
from sit_engine.studies.search.budgeted import budgeted
from sit_engine.training.prepare import list_images
from sit_engine.training.start import check_outside


def carried(request: NetworkRequest, out: Path) -> NetworkRequest:
    """The request with a label file that moved along with the folder of images."""
    old = read_search(out).asked.folder if is_search(out) else request.folder
    if not has_moved(old, request.folder):
        return request
    labels_file = file_along(request.labels_file, [old], [request.folder])
    return replace(request, labels_file=labels_file, base=along(request.base, old, request.folder))


def asked_for(request: NetworkRequest, out: Path, tell: OnProgress) -> Asked:
    """As frozen in `out`; of a new search worked out now and written there."""
    _check(request)
    if is_search(out):
        asked = read_search(out).asked
        is_moved = has_moved(asked.folder, request.folder)
        others = _differing(_along(asked, request) if is_moved else asked.wanted, request.wanted())
        if others:
            raise RunError(
                "search.other",
                "The folder {out} holds a search that was asked for with other {what}.",
                "Choose another --out, or ask for the same again to go on.",
                out=out,
                what=", ".join(others),
            )
        then = asked
        _check_anew(request, out, tell)
        asked = replace(asked, anew_minutes=request.anew_minutes, seeds=request.seeds)
        if is_moved:
            return _moved(asked, request, out, tell)
        if asked != then:
            freeze(asked, out)
        return asked
    if not is_free(out):
        raise RunError(
            "search.exists",
            "{out} exists already and holds no search for a network.",
            "Choose another --out.",
            out=out,
        )
    check_outside(out, [request.folder])
    asked = _worked_out(request, tell)
    freeze(asked, out)
    return asked


def _check_anew(request: NetworkRequest, out: Path, tell: OnProgress) -> None:
    """What has begun to train anew goes on as it began; what has not, needs labels."""
    if not request.anew_minutes:
        return
    if not (out / ANEW / COMPARED).is_file():
        _check_labels(request, facts_of(list_images(request.config, tell)).classes)
        return
    then = CompareRequest.of_folder(out / ANEW).budget.amount
    if then != request.anew_minutes:
        raise RunError(
            "search.other_anew",
            "The networks that {out} found train anew for {minutes} minutes each.",
            "Give --anew {minutes} to go on with that, or leave it out.",
            out=out,
            minutes=f"{then:g}",
        )


def _differing(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Settings are compared as they are read now: one that is new since has its default."""

    def is_same(name: str) -> bool:
        if name == "settings" and isinstance(then.get(name), dict):
            return build(then[name]) == build(now[name])
        return bool(then.get(name) == now[name])

    return [name for name in now if not is_same(name)]


def _along(asked: Asked, request: NetworkRequest) -> dict[str, Any]:
    """What was asked for then, in the folder of now."""
    file = asked.wanted.get("label file")
    if isinstance(file, str):
        file = file_along(unescape_name(file), [asked.folder], [request.folder])
    return asked.wanted | {
        "folder": escape_name(request.folder),
        "label file": None if file is None else escape_name(file),
    }


def _moved(asked: Asked, request: NetworkRequest, out: Path, tell: OnProgress) -> Asked:
    """What was asked, on images that lie elsewhere now, if all that its supernet began with is there."""
    begun = [run for run in (Run(out / SUPERNET),) if run.config_file.is_file()]
    for run, found in look_for_all(begun, request.folder, tell):
        save(run, found)
    asked = replace(asked, folder=request.folder, wanted=request.wanted())
    freeze(asked, out)
    return asked


def freeze(asked: Asked, out: Path) -> None:
    """Write what is known by now."""
    _write(out / ASKED, json.dumps(asked.to_json(), indent=1))


def limits_of(asked: Asked) -> Limits:
    """What a network of the search may cost."""
    table = (
        counted_table(asked.space, asked.unit)
        if asked.times is None
        else CostTable.of_text(asked.times, asked.space)
    )
    return Limits(table, asked.low, asked.high, asked.memory_mb)


def _worked_out(request: NetworkRequest, tell: OnProgress) -> Asked:
    facts = facts_of(list_images(request.config, tell))
    _check_labels(request, facts.classes)
    resolved = resolve(request.config, facts, probe_once(request.config.compute)).config
    found = budgeted(request, resolved, tell)
    return Asked(
        folder=request.folder,
        unit=found.unit,
        low=found.limits.low,
        high=found.limits.high,
        minutes=request.minutes,
        sharing=request.sharing,
        objectives=request.objectives,
        is_labelled=request.is_labelled,
        memory_mb=request.memory_mb,
        space=found.space,
        plain=(found.plain.patch_size, found.plain.width, found.plain.blocks),
        seed=resolved.compute.seed,
        identities=found.identities,
        times=found.limits.table.to_text() if found.unit == "milliseconds" else None,
        time_error=found.time_error,
        wanted=request.wanted(),
        anew_minutes=request.anew_minutes,
        seeds=request.seeds,
    )


def _check_labels(request: NetworkRequest, classes: int) -> None:
    if classes < 2 and (request.is_labelled or request.anew_minutes):
        raise DataError(
            "search.no_labels",
            "The images of {folder} have no labels of two classes to learn from or to compare by.",
            "Leave --from-labels and --anew out, or name labels with --labels-file.",
            folder=display_name(request.folder),
        )


def _check(request: NetworkRequest) -> None:
    for name, value, least in (
        ("minutes", request.minutes, 0.0), ("objectives", request.objectives, 1),
        ("population", request.population, 2), ("generations", request.generations, 1),
        ("memory", request.memory_mb, 0.0), ("seeds", request.seeds, 1),
    ):  # fmt: skip
        if value is not None and not (
            least <= value < float("inf") and value > 0 and (name != "objectives" or value <= 2)
        ):
            raise ConfigError(
                "search.number",
                "The number of {name} cannot be {value}.",
                "Give 1 or 2." if name == "objectives" else "Give a larger one.",
                name=name,
                value=value,
            )
    if not 0 <= request.anew_minutes < math.inf:
        raise ConfigError(
            "search.anew",
            "The minutes to train anew cannot be {value}.",
            "Give a number from 0.",
            value=request.anew_minutes,
        )
    read_budget(request.budget)
    if request.config.method.needs_labels:
        raise ConfigError(
            "search.method",
            "The settings are for {method}, which learns from labels; the networks that are found "
            "pretrain.",
            "Give settings of a method that pretrains, and --from-labels for a search by labels.",
            method=request.config.method.name,
        )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, text)
    except OSError as error:
        raise disk_error(error, path) from None
