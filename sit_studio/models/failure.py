"""What went wrong, as plain values for people; Qt-free."""

from __future__ import annotations

from dataclasses import dataclass, field

from sit_engine.errors import SitError


@dataclass(frozen=True)
class Failure:
    """A sentence with its code: what happened and what to do; `details` for a bug report."""

    code: str
    message: str
    hint: str = ""
    values: dict[str, str] = field(default_factory=dict)
    details: str = ""


def failure_of(error: SitError) -> Failure:
    """The plain values of an engine error."""
    return Failure(error.code, error.message, error.hint, dict(error.values))
