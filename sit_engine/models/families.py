"""A backbone from its settings, of whichever family they are."""

from __future__ import annotations

from typing import Never

from sit_engine.config.backbones import FAMILIES, BackboneOptions
from sit_engine.config.methods import load
from sit_engine.models.backbone import Backbone


def build_backbone(
    options: BackboneOptions[Never], *, drop_path: float, fused_attention: bool
) -> Backbone:
    """The untrained network that `options` name; no classifier."""
    build = load(FAMILIES[options.family].build)
    built: Backbone = build(options, drop_path=drop_path, fused_attention=fused_attention)
    return built
