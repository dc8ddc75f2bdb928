"""The toy space of benchmarks.ranking, and the rank correlation it tells."""

from __future__ import annotations

import pytest

from benchmarks.ranking import SPACE, networks, tau


def test_the_toy_space_has_64_networks_each_once() -> None:
    found = networks(SPACE)
    assert len(found) == len(set(found)) == SPACE.networks == 64


def test_equal_orders_correlate_fully_and_the_interval_holds_the_figure() -> None:
    alone = [0.1, 0.2, 0.3, 0.5, 0.9]
    assert tau(alone, [1.0, 2.0, 3.0, 4.0, 5.0])[0] == pytest.approx(1)
    assert tau(alone, [5.0, 4.0, 3.0, 2.0, 1.0])[0] == pytest.approx(-1)
    found, low, high = tau(alone * 4, [1.0, 3.0, 2.0, 4.0, 5.0] * 4)
    assert low < found < high
