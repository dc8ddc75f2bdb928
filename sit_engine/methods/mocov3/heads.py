"""Projector and predictor of MoCo v3 for vision transformers (arXiv 2104.02057)."""

from __future__ import annotations

from torch import nn

from sit_engine.models.heads import BatchNorm

PROJECTOR_LAYERS, PREDICTOR_LAYERS = 3, 2


def perceptron(layers: int, width: int, hidden: int, out: int) -> nn.Sequential:
    """[B,width] to [B,out]: linear layers without bias, each followed by batch norm of all ranks.

    Hidden layers end with a ReLU; the last norm neither scales nor shifts.
    """
    made: list[nn.Module] = []
    into = width
    for _ in range(layers - 1):
        made += [nn.Linear(into, hidden, bias=False), BatchNorm(hidden), nn.ReLU(inplace=True)]
        into = hidden
    return nn.Sequential(*made, nn.Linear(into, out, bias=False), BatchNorm(out, affine=False))
