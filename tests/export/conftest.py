"""What is exported here runs in processes that start from nothing."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _real_children(cold_children: None) -> None:
    """They are what is tested; of fixtures for a whole file they are forks."""
