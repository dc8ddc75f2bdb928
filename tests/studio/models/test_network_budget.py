"""Steps of a budget for a network: what they cost, and that the engine reads them."""

from __future__ import annotations

import pytest

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.vit import VitOptions
from sit_engine.records.studies.network_request import read_budget
from sit_studio.models.network_budget import FACTORS, base_of, budgets

FACTS = DataFacts(images=2000, classes=2, median_side_px=64)


def test_steps_are_around_the_network_that_a_run_would_have() -> None:
    found = budgets(base_of({"preset": "standard"}), FACTS, DeviceFacts())
    assert tuple(each.factor for each in found) == FACTORS
    (own,) = [each for each in found if each.factor == 1]
    for each in found:
        cost = each.shape.multiply_adds(each.image_size)
        assert 0.8 * each.multiply_adds < cost <= each.multiply_adds
        assert each.multiply_adds == each.factor * own.multiply_adds
        read = read_budget(each.text("multiply-adds"))
        assert (read is None) == (each is own)
        if read is not None:
            assert read[0] == pytest.approx(each.multiply_adds, rel=1e-3)
            assert read[1] == "multiply-adds"
        read = read_budget(each.text("parameters"))
        assert read is not None
        assert read[0] == pytest.approx(each.parameters, rel=1e-3)
        assert read[1] == "parameters"
        assert each.text("milliseconds") == ""
        assert read_budget(each.text("milliseconds", 0.0123)) == (0.0123, "milliseconds")


def test_a_network_of_another_kind_is_no_measure_and_keeps_the_views_size() -> None:
    model = {"family": "searched", "image_size": "48", "width": "64", "heads": "2,2"}
    base = base_of({"model": model})
    assert isinstance(base.model, VitOptions)
    assert (base.model.image_size, base.model.width) == (48, "auto")
    own = base_of({"model": {"width": "64", "weights": "/nowhere"}})
    assert isinstance(own.model, VitOptions)
    assert (own.model.width, own.model.weights) == (64, None)
