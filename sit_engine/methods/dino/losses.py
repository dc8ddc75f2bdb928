"""The two losses of DINO: agreement on prototypes, or compression beside coding rate.

Shapes: B images of this rank, M those of all ranks; G global views, which the teacher sees, V all views,
the global ones first; K prototypes, or numbers of the vectors that are compared.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sit_engine import ranks


def mean_over_pairs(taught_GBK: Tensor, seen_VBK: Tensor) -> Tensor:
    """Mean of Σ_k taught·seen over images and over all (global view, view) that are not the same view.

    With 2 global and 8 further views these are 2 · 10 − 2 = 18 terms. What is taught of all other views
    is added up first, so that no tensor grows with the number of pairs.
    """
    count, views = len(taught_GBK), len(seen_VBK)
    all_BK = taught_GBK.sum(0)
    products = ((all_BK - taught_GBK) * seen_VBK[:count]).sum()
    products = products + (all_BK * seen_VBK[count:].sum(0)).sum()
    return products / (count * (views - 1) * taught_GBK.shape[1])


def dino_loss(logits_VBK: Tensor, taught_GBK: Tensor, temperature: float) -> Tensor:
    """Mean over pairs of −Σ_k P_t·log P_s with P_s = softmax(logits/τ) (arXiv 2104.14294, equation 3)."""
    return -mean_over_pairs(taught_GBK, torch.log_softmax(logits_VBK / temperature, dim=-1))


def taught(raw_GBK: Tensor, centre_K: Tensor, temperature: float) -> Tensor:
    """P_t = softmax((raw − centre)/τ): the centre keeps one prototype from winning everywhere, a low
    temperature keeps all from winning alike (arXiv 2104.14294, section 3.1).
    """
    return torch.softmax((raw_GBK - centre_K) / temperature, dim=-1)


def doubt(taught_GBK: Tensor) -> Tensor:
    """Mean entropy of the teacher's answers as a share of its largest, ln K: 1 where it says nothing."""
    nats: Tensor = -torch.special.xlogy(taught_GBK, taught_GBK).sum(-1).mean()
    return nats / math.log(taught_GBK.shape[-1])


def coding_rate(unit_BK: Tensor, precision: float) -> Tensor:
    """R = ½·logdet(I + K/(M·ε)·ZᵀZ) of unit vectors Z of all ranks (arXiv 2502.10385), in fp32 or finer.

    By Cholesky: Σ log diag. The larger, the more directions they fill; NaN where they are not finite.
    """
    with torch.autocast(unit_BK.device.type, enabled=False):
        square_KK = ranks.gathered(unit_BK.mT @ unit_BK).sum(0)
        size, images = len(square_KK), ranks.count() * len(unit_BK)
        inner_KK = torch.eye(size, dtype=unit_BK.dtype, device=unit_BK.device)
        inner_KK = inner_KK + size / (images * precision) * square_KK
        # Without the check, which would end the run where a step is to be skipped.
        factor_KK, info = torch.linalg.cholesky_ex(inner_KK)
        rate = factor_KK.diagonal().log().sum()
    return torch.where(info == 0, rate, torch.nan)


def rate_weight(size: int, images: int) -> float:
    """γ = (K + M)/(K·M), which keeps the coding rate's share whatever the sizes (arXiv 2502.10385)."""
    return (size + images) / (size * images)
