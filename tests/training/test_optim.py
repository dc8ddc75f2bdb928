"""AdamW with per-tensor clipping that leaves everything alone on a step that is not finite."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from sit_engine.methods.protocol import Trained
from sit_engine.training.optim import Optimiser
from tests.tiny import learn


def weights() -> list[tuple[str, nn.Parameter]]:
    """A matrix and a bias."""
    generator = torch.Generator().manual_seed(0)
    return [
        ("weight", nn.Parameter(torch.randn(4, 3, generator=generator))),
        ("bias", nn.Parameter(torch.randn(4, generator=generator))),
    ]


def test_it_is_adamw_with_each_tensors_gradient_clipped_by_itself() -> None:
    ours, theirs = weights(), weights()
    optimiser = Optimiser([Trained(*pair) for pair in ours], clip_norm=0.5)
    oracle = torch.optim.AdamW(
        [
            {"params": [theirs[0][1]], "weight_decay": 0.2},
            {"params": [theirs[1][1]], "weight_decay": 0.0},
        ],
        lr=0.01,
    )
    for step in range(5):
        learn(optimiser, loss(ours, step), learning_rate=0.01, weight_decay=0.2)
        oracle.zero_grad()
        loss(theirs, step).backward()  # type: ignore[no-untyped-call]
        for _, parameter in theirs:
            nn.utils.clip_grad_norm_([parameter], 0.5)
        oracle.step()
    for (_, mine), (_, other) in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def loss(parameters: list[tuple[str, nn.Parameter]], step: int) -> torch.Tensor:
    """The matrix's gradient is large in every second step, the bias's is always below 0.5.

    AdamW does not see a factor that stays: clipping shows in it only where what is cut off changes.
    """
    (_, matrix), (_, bias) = parameters
    return (matrix**2).sum() * (100.0 if step % 2 else 0.01) + (bias**2).sum() * 0.05


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_changes_nothing(bad: float) -> None:
    parameters = weights()
    optimiser = Optimiser([Trained(*pair) for pair in parameters], clip_norm=3.0)
    learn(optimiser, loss(parameters, 0), learning_rate=0.1, weight_decay=0.1)
    before = copy.deepcopy([p.detach().clone() for _, p in parameters])
    state = copy.deepcopy(optimiser.adamw.state_dict()["state"])
    finite, _ = learn(optimiser, loss(parameters, 1) * bad, learning_rate=0.1, weight_decay=0.1)
    assert float(finite) == 0.0
    for old, (_, new) in zip(before, parameters, strict=True):
        assert torch.equal(old, new)
    after = optimiser.adamw.state_dict()["state"]
    for number, values in state.items():
        for name, value in values.items():
            assert torch.equal(value, after[number][name]), name
    finite, _ = learn(optimiser, loss(parameters, 1), learning_rate=0.1, weight_decay=0.1)
    assert float(finite) == 1.0
    assert not torch.equal(before[0], parameters[0][1])


def test_only_tensors_of_two_and_more_dimensions_decay() -> None:
    parameters = weights()
    optimiser = Optimiser([Trained(*pair) for pair in parameters], clip_norm=0.0)
    zero = sum((p * 0).sum() for _, p in parameters) + torch.zeros(())
    before = [p.detach().clone() for _, p in parameters]
    learn(optimiser, zero, learning_rate=0.1, weight_decay=0.5)
    torch.testing.assert_close(parameters[0][1].detach(), before[0] * (1 - 0.1 * 0.5))
    assert torch.equal(parameters[1][1], before[1])
