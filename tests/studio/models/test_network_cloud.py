"""A cloud of networks: its ranges, ticks and orders, also of one point and of what is no number."""

from __future__ import annotations

import math

import pytest

from sit_studio.models.network_cloud import Cloud, ticks


def cloud_of(costs: tuple[float, ...], scores: tuple[float, ...]) -> Cloud:
    return Cloud(costs, scores, (0,) * len(costs), ("evolution",), (0,), 0, "cost", "score")


def test_one_point_has_room_around_it() -> None:
    one = cloud_of((17.6,), (0.0,))
    for low, high in (one.cost_range, one.score_range):
        assert low < high
        assert 3 <= len(ticks(low, high)) <= 8
    assert one.by_cost == one.by_score == [0]


def test_of_many_points_those_far_below_do_not_press_the_others_together() -> None:
    costs = tuple(float(n) for n in range(200))
    cloud = cloud_of(costs, (-1000.0, *(float(n % 10) for n in range(199))))
    low, high = cloud.score_range
    assert -2 < low < 0
    assert 9 < high < 11
    assert cloud.cost_range[0] < 0
    few = cloud_of(costs[:20], cloud.scores_n[:20])
    assert few.score_range[0] < -1000


def test_what_is_no_number_stands_lowest_and_can_be_reached() -> None:
    cloud = cloud_of((3.0, 1.0, 2.0), (0.5, math.nan, 0.7))
    assert cloud.score_n.tolist() == [0.5, 0.5, 0.7]
    assert cloud.by_score == [0, 1, 2]
    assert cloud.by_cost == [1, 2, 0]


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3.1, 7.2, [-2, 0, 2, 4, 6]),
        (95, 103, [96, 98, 100, 102]),
    ],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(found)
