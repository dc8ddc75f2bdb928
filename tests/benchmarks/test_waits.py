"""A training step's networks never make the host wait: no number is read, nothing asks for a size."""

from __future__ import annotations

import torch

from benchmarks.recipe import HALF, Case, learn, stepper_of, views_of
from benchmarks.waits import count


def test_the_networks_of_a_step_read_no_number() -> None:
    cpu = torch.device("cpu")
    stepper = stepper_of(Case("vit_tiny", 32, 2), HALF, cpu)
    views = views_of(stepper, 0)
    assert count("step", lambda _: learn(stepper, views), cpu)["numbers_read"] == 0


def test_a_number_that_is_read_is_counted() -> None:
    ones = torch.ones(2)
    assert count("sum", lambda _: ones.sum().item(), torch.device("cpu"))["numbers_read"] == 1
