"""What a budget comes to on some images: a space of networks, what each costs, and the uniform one."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch

from sit_engine.config.families.network_cost import (
    LEAST_SHARE,
    CostUnit,
    Limits,
    counted_table,
    out_of_reach,
)
from sit_engine.config.families.network_shape import NetworkShape, uniform
from sit_engine.config.families.space import PUBLISHED, PUBLISHED_LARGE, Space
from sit_engine.config.tree import ResolvedConfig
from sit_engine.errors import ConfigError
from sit_engine.machine.device import apply_settings
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.studies.network_request import ChosenSpace, NetworkRequest, read_budget
from sit_engine.studies.search.latency import checked, measured_table, of_network
from sit_engine.studies.search.space import Cost, plain_in, plain_under, space_around

LEAST_OF_FRONT = 0.3
"""Of the budget, where cost is an objective too."""
FEWEST_KEPT = 20
"""Of the draws of Limits.kept_by_patch: with fewer, some day none is drawn."""
SPACES: dict[ChosenSpace, Space] = {"published": PUBLISHED, "published-large": PUBLISHED_LARGE}


class Budgeted(NamedTuple):
    """What is searched, and the plain network of the same budget beside it."""

    space: Space
    plain: NetworkShape
    unit: CostUnit
    limits: Limits
    identities: tuple[float, ...]
    """How often a slot is none, by patch size; none: as published, one for all."""
    time_error: float | None
    """Of the table of times, where time is the budget."""


def budgeted(request: NetworkRequest, resolved: ResolvedConfig, tell: OnProgress) -> Budgeted:
    """What a budget comes to, worked out once a search; of a budget of time it is measured."""
    device = apply_settings(resolved.compute, or_cpu=True)
    high, unit = read_budget(request.budget) or (
        float(shape_of(resolved).multiply_adds(resolved.model.image_size)),
        "multiply-adds",
    )
    space, plain = _space_and_plain(request, resolved, _cost(unit, device), high)
    table, error = counted_table(space, unit), None
    if unit == "milliseconds":
        table, error = checked(space, measured_table(space, device, tell), high, device, tell)
        in_table = _bounded(partial(table.cost, space), space.image_size, request.memory_mb)
        plain = plain_in(space, plain.patch_size, in_table, high)
    low = high * (LEAST_OF_FRONT if request.objectives == 2 else LEAST_SHARE)
    limits = Limits(table, low, high, request.memory_mb)
    # Before hours are spent: there are such networks.
    if request.space != "auto":
        if limits.kept_by_patch(space, limits.calibrate(space)).sum() < FEWEST_KEPT:
            raise out_of_reach(limits)
        return Budgeted(space, plain, unit, limits, (), error)
    return _reached(Budgeted(space, plain, unit, limits, limits.calibrate_each(space), error))


def _reached(found: Budgeted) -> Budgeted:
    """Leave out patch sizes of which hardly any network keeps the limits; the plain one's stays."""
    kept_p = found.limits.kept_by_patch(found.space, found.identities)
    is_left = (kept_p >= FEWEST_KEPT) | (np.array(found.space.patches) == found.plain.patch_size)
    # As many as if all had been drawn of those that are left.
    if kept_p[is_left].sum() < FEWEST_KEPT * is_left.mean():
        raise out_of_reach(found.limits)
    numbers = np.flatnonzero(is_left).tolist()
    space, limits = found.limits.of_patches(found.space, numbers)
    identities = tuple(found.identities[number] for number in numbers)
    return found._replace(space=space, limits=limits, identities=identities)


def _bounded(cost: Cost, side: int, memory_mb: float | None) -> Cost:
    """The cost of a network; without end where an answer takes more memory than may be."""
    if memory_mb is None:
        return cost
    return lambda shape: cost(shape) if shape.answer_bytes(side) <= 1e6 * memory_mb else math.inf


def _space_and_plain(
    request: NetworkRequest,
    resolved: ResolvedConfig,
    cost_on: Callable[[int], Cost],
    high: float,
) -> tuple[Space, NetworkShape]:
    """What networks are chosen from, and the uniform one of the budget."""
    if request.space == "auto":
        side = resolved.model.image_size
        cost = _bounded(cost_on(side), side, request.memory_mb)
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
    cost = _bounded(cost_on(space.image_size), space.image_size, request.memory_mb)
    return space, plain_in(space, space.patches[len(space.patches) // 2], cost, high)


def shape_of(config: ResolvedConfig) -> NetworkShape:
    """The network that the settings name, block by block; ConfigError for a family that has no blocks."""
    shape = config.model.shape
    if shape is None:
        raise ConfigError(
            "search.no_cost",
            "What a network costs is known of vision transformers, and the settings name one of the "
            "family {family}.",
            "Choose a vision transformer; or, for a search, give --budget.",
            family=config.model.family,
        )
    return shape


def _cost(unit: CostUnit, device: torch.device) -> Callable[[int], Cost]:
    """Cost of whole networks on views of a side; a time is by multiply-adds, from one measured once."""

    def of(side: int, shape: NetworkShape) -> float:
        if unit == "parameters":
            return float(shape.parameters(side))
        if unit == "multiply-adds":
            return float(shape.multiply_adds(side))
        return shape.multiply_adds(side) * rate(side, shape.patch_size)

    @lru_cache
    def rate(side: int, patch: int) -> float:
        usual = uniform(patch, 96, depth=4, heads=3, mlp=384)
        return of_network(usual, side, device) / usual.multiply_adds(side)

    return lambda side: partial(of, side)
