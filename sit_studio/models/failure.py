"""What went wrong, as plain values for people; Qt-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sit_engine.counted import unpacked
from sit_engine.errors import SitError


@dataclass(frozen=True)
class Failure:
    """What happened and what to do: sentences, or text as it stands; `details` for a bug report."""

    code: str
    message: str
    hint: str = ""
    values: dict[str, str] = field(default_factory=dict)
    details: str = ""


def failure_of(error: SitError) -> Failure:
    """The plain values of an engine error."""
    return Failure(error.code, error.message, error.hint, dict(error.values))


def failure_from(record: dict[str, Any], details: str = "") -> Failure:
    """An error that a child wrote as JSON (sit_engine.cli.faults)."""
    told = unpacked(record)
    return Failure(told["code"], told["message"], told["hint"], record.get("values", {}), details)
