"""One group of settings while its "auto" are filled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sit_engine.config.fields import Options


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

    def get(self, name: str) -> Any:
        """The new value, or the user's."""
        return self.values.get(name, getattr(self.options, name))

    def done(self) -> Any:
        """The group with its new values."""
        return self.options.model_copy(update=self.values)
