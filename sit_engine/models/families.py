"""The families of backbones, and how one is built from settings."""

from __future__ import annotations

from sit_engine.config.tree import ModelOptions
from sit_engine.models.backbone import Backbone
from sit_engine.models.vit import build_vit


def build_backbone(options: ModelOptions, *, drop_path: float, fused_attention: bool) -> Backbone:
    """The untrained network that `options`, resolved, name; no classifier."""
    return build_vit(options, drop_path=drop_path, fused_attention=fused_attention)
