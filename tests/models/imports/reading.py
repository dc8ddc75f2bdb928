"""All tokens of a backbone in one tensor, as plain references write them."""

from __future__ import annotations

import torch
from torch import Tensor

from sit_engine.models.backbone import Backbone


def all_tokens(backbone: Backbone, image_BCYX: Tensor) -> Tensor:
    """Tokens before the places, then the places: [B,T+N,D]."""
    seen = backbone.maps(image_BCYX)
    return torch.cat([seen.tokens, seen.places], dim=1)
