"""A backbone from its settings, and the folder of its weights, of whichever family they are."""

from __future__ import annotations

from typing import Any, Never

from torch import Tensor

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


def folder_of(
    options: BackboneOptions[Never], backbone: Backbone, classes: int
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The `config.json` and the tensors by name of a folder of weights (models.timm_folder).

    It has a place for a linear classifier of so many `classes`; 0: none.
    """
    lay_out = load(FAMILIES[options.family].folder)
    config, tensors = lay_out(options, backbone, classes)
    return config, tensors
