"""What a search for a network is asked for: checked, worked out once, and frozen in its folder.

Called by studies.search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from sit_engine.config.build import build
from sit_engine.config.families.network_cost import (
    LEAST_SHARE,
    CostTable,
    CostUnit,
    Limits,
    counted_table,
    out_of_reach,
)
from sit_engine.config.families.network_shape import NetworkShape, uniform
from sit_engine.config.families.space import PUBLISHED, PUBLISHED_LARGE, Identity, Space
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.scan.own_images import along, has_moved, look_for_all
from sit_engine.errors import ConfigError, DataError, RunError
from sit_engine.files import disk_error, is_free, write_aside
from sit_engine.machine.device import apply_settings, probe_once
from sit_engine.paths import display_name, escape_name, unescape_name
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import file_along, save
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import ASKED as COMPARED
from sit_engine.records.studies.network_request import ChosenSpace, NetworkRequest, read_budget
from sit_engine.records.studies.network_search import (
    ANEW,
    ASKED,
    SUPERNET,
    Asked,
    is_search,
    read_search,
)
from sit_engine.studies.search.latency import checked, measured_table, of_network
from sit_engine.studies.search.space import Cost, plain_in, plain_under, space_around
from sit_engine.training.prepare import list_images
from sit_engine.training.start import check_outside

FEWEST_KEPT = 20
"""Of the draws of Limits.kept_of."""
LEAST_OF_FRONT = 0.3
"""Of the budget, where cost is an objective too."""
SPACES: dict[ChosenSpace, Space] = {"published": PUBLISHED, "published-large": PUBLISHED_LARGE}


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
        if (out / ANEW / COMPARED).is_file() and request.anew_minutes not in (0, then.anew_minutes):
            raise RunError(
                "search.other_anew",
                "The networks that {out} found train anew for {minutes} minutes each.",
                "Give --anew {minutes} to go on with that, or 0.",
                out=out,
                minutes=f"{then.anew_minutes:g}",
            )
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
    """The same on images that lie elsewhere now, once all that its supernet began with is there."""
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
    memory = None if asked.memory_mb is None else 1e6 * asked.memory_mb
    table = (
        counted_table(asked.space, asked.unit)
        if asked.times is None
        else CostTable.of_text(asked.times, asked.space)
    )
    return Limits(table, asked.low, asked.high, memory)


def _worked_out(request: NetworkRequest, tell: OnProgress) -> Asked:
    resolved, classes = _resolved(request, tell)
    if classes < 2 and (request.is_labelled or request.anew_minutes):
        raise DataError(
            "search.no_labels",
            "The images of {folder} have no labels of two classes to learn from or to compare by.",
            "Leave --from-labels and --anew out, or name labels with --labels-file.",
            folder=display_name(request.folder),
        )
    device = apply_settings(resolved.compute, or_cpu=True)
    high, unit = read_budget(request.budget) or (
        float(_own_network(resolved).multiply_adds(resolved.model.image_size)),
        "multiply-adds",
    )
    space, plain = _space_and_plain(request, resolved, unit, high, device)
    table, error = counted_table(space, unit), None
    low = high * (LEAST_OF_FRONT if request.objectives == 2 else LEAST_SHARE)
    if unit == "milliseconds":
        table, error = checked(space, measured_table(space, device, tell), high, device, tell)
        in_table = _bounded(request, space.image_size, partial(_in_table, table, space))
        plain = plain_in(space, plain.patch_size, in_table, high)
    if request.space == "auto":
        space, table = _reached(Limits(table, low, high, _bytes(request)), space, plain)
    asked = Asked(
        folder=request.folder,
        unit=unit,
        low=low,
        high=high,
        minutes=request.minutes,
        sharing=request.sharing,
        objectives=request.objectives,
        is_labelled=request.is_labelled,
        memory_mb=request.memory_mb,
        space=space,
        plain=(plain.patch_size, plain.width, plain.blocks),
        seed=resolved.compute.seed,
        times=table.to_text() if unit == "milliseconds" else None,
        time_error=error,
        wanted=request.wanted(),
        anew_minutes=request.anew_minutes,
        seeds=request.seeds,
    )
    limits = limits_of(asked)
    # Before hours are spent: there are such networks, and not so few that none is drawn some day.
    if limits.kept_of(space, identity_of(asked)).sum() < FEWEST_KEPT:
        raise out_of_reach(limits)
    return asked


def identity_of(asked: Asked) -> Identity:
    """How often a slot is none: as published, or by patch size in a space around a budget."""
    limits = limits_of(asked)
    is_around = asked.wanted["space"] == "auto"
    return limits.calibrate_each(asked.space) if is_around else limits.calibrate(asked.space)


def _reached(limits: Limits, space: Space, plain: NetworkShape) -> tuple[Space, CostTable]:
    """The space and its costs without patch sizes of which no network keeps the limits."""
    kept_p = limits.kept_of(space, limits.calibrate_each(space))
    numbers = [
        number
        for number, patch in enumerate(space.patches)
        if kept_p[number] >= FEWEST_KEPT or patch == plain.patch_size
    ]
    left = space._replace(patches=tuple(space.patches[number] for number in numbers))
    return left, limits.table.of_patches(numbers)


def _bytes(request: NetworkRequest) -> float | None:
    return None if request.memory_mb is None else 1e6 * request.memory_mb


def _bounded(request: NetworkRequest, side: int, cost: Cost) -> Cost:
    """The cost of a network; without end where an answer takes more memory than may be."""
    most = _bytes(request)
    if most is None:
        return cost
    return lambda shape: cost(shape) if shape.answer_bytes(side) <= most else math.inf


def _space_and_plain(
    request: NetworkRequest,
    resolved: ResolvedConfig,
    unit: CostUnit,
    high: float,
    device: torch.device,
) -> tuple[Space, NetworkShape]:
    """What networks are chosen from, and the uniform one of the budget."""
    if request.space == "auto":
        side = resolved.model.image_size
        cost = _bounded(request, side, _cost(unit, side, device))
        plain = plain_under(resolved.model.stride, cost, high)
        return space_around(plain, side), plain
    space = SPACES[request.space]
    if not request.is_labelled and any(patch % min(space.patches) for patch in space.patches):
        raise ConfigError(
            "search.patches",
            "The patch sizes of the space {space} are no multiples of each other, which learning "
            "without labels needs here.",
            "Give --from-labels, or leave --space out.",
            space=request.space,
        )
    cost = _bounded(request, space.image_size, _cost(unit, space.image_size, device))
    return space, plain_in(space, space.patches[len(space.patches) // 2], cost, high)


def _resolved(request: NetworkRequest, tell: OnProgress) -> tuple[ResolvedConfig, int]:
    """The user's settings on these images, and how many classes there are."""
    listed = list_images(request.config, tell)
    facts = facts_of(listed)
    device = probe_once(request.config.compute)
    return resolve(request.config, facts, device).config, facts.classes


def _own_network(config: ResolvedConfig) -> NetworkShape:
    """The plain network that the user's settings name, whose cost is the budget."""
    model = config.model
    if not isinstance(model, VitOptions):
        raise ConfigError(
            "search.no_cost",
            "Without a budget the network's cost is that of a plain vision transformer, and the "
            "settings name one of the family {family}.",
            "Give --budget.",
            family=model.family,
        )
    return uniform(
        model.patch_size, model.width, depth=model.depth, heads=model.heads, mlp=4 * model.width
    )


def _in_table(table: CostTable, space: Space, shape: NetworkShape) -> float:
    return float(table.costs(space, space.code(shape)[None])[0])


def _cost(unit: CostUnit, side: int, device: torch.device) -> Callable[[NetworkShape], float]:
    """Of whole networks; a time is that of the multiply-adds of a network that is measured once."""
    if unit == "parameters":
        return lambda shape: float(shape.parameters(side))
    if unit == "multiply-adds":
        return lambda shape: float(shape.multiply_adds(side))

    @lru_cache
    def rate(patch: int) -> float:
        usual = uniform(patch, 96, depth=4, heads=3, mlp=384)
        return of_network(usual, side, device) / usual.multiply_adds(side)

    return lambda shape: shape.multiply_adds(side) * rate(shape.patch_size)


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
