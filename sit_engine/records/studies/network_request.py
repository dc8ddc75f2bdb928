"""What a search for a network is asked for; loads no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sit_engine.config.families.network_cost import CostUnit
from sit_engine.config.families.sharing import Sharing
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError
from sit_engine.paths import escape_name

ChosenSpace: TypeAlias = Literal["auto", "published", "published-large"]
AUTO = "auto"
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)(ms|-parameters)?")
_SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_UNITS: dict[str | None, CostUnit] = {
    None: "multiply-adds", "-parameters": "parameters", "ms": "milliseconds",
}  # fmt: skip


@dataclass(frozen=True)
class NetworkRequest:
    """A folder, the user's way to pretrain, and a budget for the network."""

    folder: str
    base: RunConfig
    minutes: float
    budget: str = AUTO
    """Such as 300M (multiply-adds), 5M-parameters or 20ms; auto: the cost of the network of "auto"."""
    sharing: Sharing = "ring"
    objectives: int = 1
    is_labelled: bool = False
    memory_mb: float | None = None
    space: ChosenSpace = "auto"
    population: int | None = None
    generations: int | None = None
    labels_file: str | None = None
    anew_minutes: float = 0.0
    """Of each run that trains a found network by itself; 0: none does."""
    seeds: int = 3

    @property
    def config(self) -> RunConfig:
        """The user's settings on the folder."""
        update: dict[str, Any] = {"folders": (self.folder,)}
        if self.labels_file is not None:
            update |= {"labels": "csv", "labels_file": self.labels_file}
        data = self.base.data.model_copy(update=update)
        return self.base.model_copy(update={"data": data})

    def wanted(self) -> dict[str, Any]:
        """All that the networks which are found depend on, as plain values."""
        settings = self.base.model_dump(mode="json")
        for name in ("folders", "labels_file"):
            # Of the images themselves the folder and the file of labels tell below.
            settings["data"].pop(name)
        file = self.config.data.labels_file
        return {
            "folder": escape_name(self.folder),
            "settings": settings,
            "minutes": self.minutes,
            "budget": self.budget,
            "sharing": self.sharing,
            "objectives": self.objectives,
            "labels": self.is_labelled,
            "memory": self.memory_mb,
            "space": self.space,
            "population": self.population,
            "generations": self.generations,
            "label file": None if file is None else escape_name(file),
        }


def read_budget(text: str) -> tuple[float, CostUnit] | None:
    """The number and its unit; None for auto."""
    if text == AUTO:
        return None
    found = _BUDGET.fullmatch(text)
    if found is None or float(found[1]) == 0:
        raise ConfigError(
            "search.budget",
            "The budget cannot be {value}.",
            "Give multiply-adds such as 300M or 1.3G, parameters such as 5M-parameters, milliseconds an "
            "image on this machine such as 20ms, or auto.",
            value=text,
        )
    return float(found[1]) * _SCALES[found[2]], _UNITS[found[3]]
