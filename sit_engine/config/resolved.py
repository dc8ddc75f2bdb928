"""Where a config becomes one without "auto": from here on its values are numbers to the type checker."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from sit_engine.config.fields import Auto, Options
from sit_engine.config.tree import ResolvedConfig, RunConfig


def as_resolved(config: RunConfig) -> ResolvedConfig:
    """Type a config as resolved: no "auto" is left in it; one that is would be our own mistake."""
    left = list(open_settings(config))
    assert not left, f"not resolved: {', '.join(left)}"
    return cast("ResolvedConfig", config)


def as_frozen(config: RunConfig) -> RunConfig:
    """Settings of a run from before there was a choice, with what they meant."""
    return cast("RunConfig", _as_frozen(config))


def open_settings(group: Options, prefix: str = "") -> Iterator[str]:
    """The dotted paths of all settings that are still "auto"."""
    for name, value in group:
        if isinstance(value, Options):
            yield from open_settings(value, f"{prefix}{name}.")
        elif value == "auto" and name in _before(type(group)):
            yield prefix + name


def _as_frozen(group: Options) -> Options:
    before = _before(type(group))
    values = {}
    for name, value in group:
        if isinstance(value, Options):
            found: Any = _as_frozen(value)
        else:
            found = before[name] if value == "auto" and before.get(name) is not None else value
        if found is not value:
            values[name] = found
    return group.model_copy(update=values) if values else group


@lru_cache
def _before(group: type[Options]) -> dict[str, Any]:
    """The settings of a group that can be "auto", and what each was before there was a choice."""
    return {
        name: info.json_schema_extra["before"]
        for name, info in group.model_fields.items()
        if isinstance(info.json_schema_extra, dict)
        and (info.default == "auto" or Auto in (info.annotation, *typing.get_args(info.annotation)))
    }
