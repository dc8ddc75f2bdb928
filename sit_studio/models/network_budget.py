"""Budgets for a search for a network: steps around what a run would choose by itself; Qt-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sit_engine import api
from sit_engine.config.backbones import DEFAULT_FAMILY
from sit_engine.config.build import build, family_of
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.network_cost import CostUnit
from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError
from sit_engine.records.studies.network_request import AUTO

FACTORS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
"""Of the multiply-adds of the network that "auto" chooses."""
SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class NetworkBudget:
    """A step: what it costs by the formula, and the plain network of about that cost."""

    factor: float
    multiply_adds: float
    shape: NetworkShape
    image_size: int

    @property
    def parameters(self) -> int:
        """Parameters of the plain network, with one token."""
        return self.shape.parameters(self.image_size)

    def text(self, unit: CostUnit, milliseconds: float | None = None) -> str:
        """As the engine reads it; empty where the time of that network is not known yet."""
        if unit == "milliseconds":
            return f"{milliseconds:.6f}ms" if milliseconds else ""
        if unit == "parameters":
            return f"{_scaled(self.parameters)}-parameters"
        return AUTO if self.factor == 1 else _scaled(self.multiply_adds)


def base_of(values: Mapping[str, Any]) -> RunConfig:
    """Settings for the networks of a search: without a network of their own, but for the views' size.

    A plain vision transformer keeps its sizes: they are the budget's measure.
    """
    model = dict(values.get("model", {}))
    model.pop("weights", None)
    if family_of(model) != DEFAULT_FAMILY:
        model = {name: value for name, value in model.items() if name == "image_size"}
    return build(dict(values) | {"model": model})


def budgets(base: RunConfig, facts: DataFacts, device: DeviceFacts) -> tuple[NetworkBudget, ...]:
    """The steps that have a network, by rising cost; raises ConfigError for settings that cannot be."""
    model = resolve(base, facts, device).config.model
    own = model.shape
    assert own is not None
    side, cost = model.image_size, own.multiply_adds(model.image_size)
    found = []
    for factor in FACTORS:
        try:
            plain = own if factor == 1 else api.plain_network(model.stride, side, factor * cost)
        except ConfigError:
            continue
        found.append(NetworkBudget(factor, factor * cost, plain, side))
    return tuple(found)


def _scaled(value: float) -> str:
    scale, word = next(((scale, word) for scale, word in SCALES if value >= scale), (1.0, ""))
    return f"{value / scale:.3f}".rstrip("0").rstrip(".") + word
