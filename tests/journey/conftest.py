"""The journey uses the window's own fixtures; and names the folder for its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studio.conftest import (  # noqa: F401 - fixtures are found by their names here
    _look,
    _nothing_left,
    open_new,
    places,
    qapp_args,
    window,
)


@pytest.fixture
def measured() -> bytes:
    """Nothing: this is a first start."""
    return b"{}"


@pytest.fixture(autouse=True)
def _real_children(cold_children: None) -> None:
    """All its processes start from nothing."""


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> Path | None:
    """The folder named with --screenshots."""
    found = request.config.getoption("--screenshots")
    return Path(found).absolute() if found else None
