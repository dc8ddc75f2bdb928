"""Muon against torch's own, and that a step that is not finite leaves its momentum alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from sit_engine.methods.protocol import Trained
from sit_engine.training.muon import Muon, orthogonal
from sit_engine.training.optim import Optimiser
from tests.tiny import learn


def weights() -> list[tuple[str, nn.Parameter]]:
    """Matrices of three shapes, two alike, a bias and a table."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "blocks.0.fc": (8, 5),
        "blocks.1.fc": (8, 5),
        "head": (5, 8),
        "square": (6, 6),
        "bias": (4,),
        "pos_embed": (1, 3, 4),
    }
    return [
        (name, nn.Parameter(torch.randn(shape, generator=generator)))
        for name, shape in shapes.items()
    ]


def loss(parameters: list[tuple[str, nn.Parameter]], step: int) -> torch.Tensor:
    """Something whose gradients change."""
    return sum((torch.sin(p * (step + 1))).sum() for _, p in parameters) + torch.zeros(())


def muon(parameters: list[tuple[str, nn.Parameter]]) -> Optimiser:
    trained = [Trained(*pair) for pair in parameters]
    return Optimiser(trained, clip_norm=0.0, kind="muon", dtype=torch.bfloat16)


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 4, 9), (2, 30, 7)])
def test_an_update_has_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    found = orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(2)))
    assert found.shape == shape
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_matrices_move_as_by_torchs_muon_and_all_else_by_adamw() -> None:
    ours, theirs = weights(), weights()
    optimiser = muon(ours)
    matrices = [p for _, p in theirs if p.ndim == 2]
    oracle = torch.optim.Muon(matrices, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    rest = torch.optim.AdamW(
        [
            {"params": [p for _, p in theirs if p.ndim == 3], "weight_decay": 0.1},
            {"params": [p for _, p in theirs if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=0.02,
    )
    for step in range(4):
        learn(optimiser, loss(ours, step), learning_rate=0.02, weight_decay=0.1)
        for one in (oracle, rest):
            one.zero_grad()
        loss(theirs, step).backward()  # type: ignore[no-untyped-call]
        for one in (oracle, rest):
            one.step()  # type: ignore[no-untyped-call]
    for (name, mine), (_, other) in zip(ours, theirs, strict=True):
        # Both work in bf16, ours many matrices at once.
        gap = float((mine - other).detach().abs().max())
        assert gap < (2e-3 if mine.ndim == 2 else 1e-6), name


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_changes_nothing(bad: float) -> None:
    parameters = weights()
    optimiser = muon(parameters)
    learn(optimiser, loss(parameters, 0), learning_rate=0.1, weight_decay=0.1)
    before = [p.detach().clone() for _, p in parameters]
    state = copy.deepcopy(optimiser.state_dict()["muon"]["momenta"])
    finite, _ = learn(optimiser, loss(parameters, 1) * bad, learning_rate=0.1, weight_decay=0.1)
    assert float(finite) == 0.0
    after = optimiser.state_dict()["muon"]["momenta"]
    assert all(torch.equal(*pair) for pair in zip(state, after, strict=True))
    assert all(torch.equal(old, p) for old, (_, p) in zip(before, parameters, strict=True))


def test_it_goes_on_from_its_state() -> None:
    one, other = weights(), weights()
    first, second = muon(one), muon(other)
    for step in range(3):
        learn(first, loss(one, step), learning_rate=0.1, weight_decay=0.1)
    for (_, mine), (_, theirs) in zip(other, one, strict=True):
        mine.data.copy_(theirs)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    learn(first, loss(one, 3), learning_rate=0.1, weight_decay=0.1)
    learn(second, loss(other, 3), learning_rate=0.1, weight_decay=0.1)
    for (name, mine), (_, theirs) in zip(other, one, strict=True):
        assert torch.equal(mine, theirs), name
    with pytest.raises(ValueError, match="other shapes"):
        Muon([nn.Parameter(torch.zeros(2, 2))], dtype=torch.float32).load_state_dict(
            first.state_dict()["muon"]
        )
