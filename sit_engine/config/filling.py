"""One group of settings while its "auto" are filled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sit_engine.config.facts import StartFacts
from sit_engine.config.fields import Options
from sit_engine.errors import ConfigError

AS_START = "as the weights that it starts from"


@dataclass
class Filling:
    """New values of one group of settings, and why."""

    group: str
    options: Options
    autos: dict[str, tuple[object, str]] = field(default_factory=dict)
    """What the method wants for "auto" here, by whole path; it goes before the general rules.

    Settings that a family of backbones does not have are passed over.
    """
    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, (value, why) in self.autos.items():
            group, _, name = path.rpartition(".")
            if group == self.group and name in type(self.options).model_fields:
                self.auto(name, value, why)

    def auto(self, name: str, value: object, why: str) -> None:
        """Set `name` if the user left it to us."""
        if getattr(self.options, name) == "auto" and name not in self.values:
            self.values[name] = value
            self.reasons[f"{self.group}.{name}"] = why

    def take(self, name: str, theirs: object, start: StartFacts) -> None:
        """Set `name` to what the weights that a run starts from have; another word is refused."""
        self.auto(name, theirs, AS_START)
        is_said = name in self.values or name in self.options.model_fields_set
        if is_said and self.get(name) != theirs:
            raise ConfigError(
                "config.weights_size",
                "The setting model.{name} = {value} does not fit the weights {file}: theirs is {theirs}.",
                "Leave model.{name} out, or choose other weights in model.weights.",
                name=name,
                value=self.get(name),
                file=start.name,
                theirs=theirs,
            )
        self.values[name] = theirs

    def get(self, name: str) -> Any:
        """The new value, or the user's."""
        return self.values.get(name, getattr(self.options, name))

    def done(self) -> Any:
        """The group with its new values."""
        return self.options.model_copy(update=self.values)
