"""What stands beside the tensors in a folder of `transformers` or timm: heads, activation, pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sit_engine.config.facts import Colours
from sit_engine.files import read_json

# Their words for activations, and timm's for those that a variant has (models.variants).
ACTIVATIONS: dict[str, str | None] = {
    "gelu": None,
    "quick_gelu": "quick_gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}
TENSORS = ("model.safetensors", "pytorch_model.bin")
"""Files whose settings stand beside them."""


@dataclass(frozen=True)
class Said:
    """What the settings say; None: nothing."""

    heads: int | None = None
    activation: str | None = None
    """Their word for it."""
    architecture: str | None = None
    """timm's name of the network."""
    arguments: Mapping[str, Any] | None = None
    """timm's."""
    pixels: tuple[Colours, Colours] | None = None
    """Mean and deviation."""


def read_said(file: Path) -> Said:
    """The settings beside `file`, if it has the name that such a folder gives its tensors."""
    if file.name not in TENSORS and not file.name.endswith(".index.json"):
        return Said()
    config = read_json(file.with_name("config.json"))
    tower = _table(config, "vision_config") or config
    arguments, pretrained = _table(config, "model_args"), _table(config, "pretrained_cfg")
    processor = read_json(file.with_name("preprocessor_config.json"))
    architecture = config.get("architecture")
    if isinstance(architecture, str):
        mean, std = pretrained.get("mean"), pretrained.get("std")
        is_quick = "quickgelu" in architecture
        activation = arguments.get("act_layer", "quick_gelu" if is_quick else None)
        heads = arguments.get("num_heads")
    else:
        mean, std = processor.get("image_mean"), processor.get("image_std")
        if processor.get("do_normalize") is False:
            mean, std = [0.0] * 3, [1.0] * 3
        architecture, activation = None, tower.get("hidden_act")
        heads = tower.get("num_attention_heads")
    colours = (_colours(mean), _colours(std))
    if colours[1] is not None and min(colours[1]) <= 0:
        colours = (None, None)
    return Said(
        heads if type(heads) is int else None,
        activation if isinstance(activation, str) else None,
        architecture,
        arguments,
        None if colours[0] is None or colours[1] is None else (colours[0], colours[1]),
    )


def _table(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _colours(found: object) -> Colours | None:
    """Three numbers, of grey images one."""
    if not isinstance(found, list | tuple) or len(found) not in (1, 3):
        return None
    if not all(type(value) in (int, float) and math.isfinite(value) for value in found):
        return None
    three = [float(value) for value in found] * (3 // len(found))
    return three[0], three[1], three[2]
