"""How many inputs a reader gets: a small slice that is always the same, or 20,000 with `make fuzz`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz.counts import COUNTS, MOST, table

_SHARED: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
settings.register_profile("slice", max_examples=25, derandomize=True, **_SHARED)
settings.register_profile("fuzz", max_examples=MOST, **_SHARED)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table for docs/reliability.md."""
    if COUNTS and config.getoption("hypothesis_profile") == "fuzz":
        terminalreporter.write_line("\n" + table())
