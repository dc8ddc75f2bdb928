"""How much features tell apart, asked without labels.

Shapes: n images, q changed views of each, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

DELTA = 1e-4
"""Of the authors, added to the diagonal of the variance within images."""


def lidar(feature_nqD: Tensor) -> float:
    """Linear discriminant analysis rank (LiDAR, arXiv 2312.04000): at most min(D, n − 1).

    Each image is a class of its own, of q views. Σ_w is the mean covariance within images + δI, Σ_b that
    of their means; with λ the eigenvalues of Σ_w^{−1/2} Σ_b Σ_w^{−1/2} and p = λ/Σλ it is
    exp(−Σ p·log p).
    """
    feature = feature_nqD.double()
    mean_nD = feature.mean(1)
    within = feature - mean_nD[:, None]
    count, views, width = feature.shape
    within_DD = torch.einsum("nqi,nqj->ij", within, within) / (count * max(1, views - 1))
    within_DD += DELTA * torch.eye(width, dtype=torch.float64)
    between = mean_nD - mean_nD.mean(0)
    between_DD = between.T @ between / max(1, count - 1)
    values_D, vectors_DD = torch.linalg.eigh(within_DD)
    whitening_DD = vectors_DD * values_D.rsqrt() @ vectors_DD.T
    spread_D = torch.linalg.eigvalsh(whitening_DD @ between_DD @ whitening_DD).clamp(min=0)
    share_D = spread_D / spread_D.sum().clamp(min=1e-300)
    return math.exp(-float((share_D * share_D.clamp(min=1e-300).log()).sum()))
