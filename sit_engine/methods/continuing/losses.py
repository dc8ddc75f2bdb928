"""What it takes to tell N numbers apart: the loss, the least it can be, and the way between (DIET).

Shapes: B images, D width, N numbers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def number_loss(
    feature_BD: Tensor, weight_ND: Tensor, number_B: Tensor, smoothing: float
) -> Tensor:
    """Cross-entropy of W·z/‖z‖ with smoothed targets (1−ε)·onehot + ε/N; in single precision.

    Without bias and temperature, so that it starts near ln N (DIET, arXiv 2302.10260; DIET-CP, arXiv
    2509.06990).
    """
    with torch.autocast(feature_BD.device.type, enabled=False):
        unit_BD = functional.normalize(feature_BD.float(), dim=-1)
        logits_BN = functional.linear(unit_BD, weight_ND.float())
        return functional.cross_entropy(logits_BN, number_B, label_smoothing=smoothing)


def least_loss(numbers: int, smoothing: float) -> float:
    """The entropy of the smoothed target, below which the loss cannot fall."""
    each = smoothing / numbers
    own = 1 - smoothing + each
    rest = -(numbers - 1) * each * math.log(each) if smoothing else 0.0
    return rest - own * math.log(own)


def told_apart(loss: Tensor, numbers: int, smoothing: float) -> Tensor:
    """0 at chance, where the loss is ln N, and 1 at the least loss: the same on every folder."""
    chance, least = math.log(numbers), least_loss(numbers, smoothing)
    return (chance - loss) / (chance - least)
