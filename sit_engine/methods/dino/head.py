"""DINO's head: a few layers to a unit vector, and its cosines with prototypes.

Shapes: B views, D width of a feature, W hidden width, N bottleneck, K prototypes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.methods.contrast import at_least_single


class Prototypes(nn.Module):
    """A linear layer without bias whose rows are unit vectors: [B,N] to [B,K].

    That is weight normalisation with its gain fixed at 1, so outputs for unit vectors are cosines.
    """

    def __init__(self, size: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, size))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, unit_BN: Tensor) -> Tensor:
        """Cosines in fp32, also under autocast: a teacher divides them by 0.04."""
        with torch.autocast(unit_BN.device.type, enabled=False):
            return unit_BN @ functional.normalize(self.weight, dim=-1).T


class DinoHead(nn.Module):
    """Linear, GELU, linear, GELU, linear, unit length, prototypes (arXiv 2104.14294, section 3.1).

    [B,D] to [B,K]; without prototypes (0) it ends with the unit vectors [B,N].
    """

    def __init__(self, width: int, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = Prototypes(bottleneck, prototypes) if prototypes else None

    def forward(self, feature_BD: Tensor) -> Tensor:
        """[B,D] to [B,K] or [B,N], at least in single precision."""
        unit_BN = functional.normalize(at_least_single(self.layers(feature_BD)), dim=-1)
        out: Tensor = unit_BN if self.prototypes is None else self.prototypes(unit_BN)
        return out
