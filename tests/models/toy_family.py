"""A family of backbones that is no transformer: three convolutions, no token, nothing to show."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sit_engine.config.backbones import (
    DROP_PATH,
    IMAGE_SIZE,
    WEIGHTS,
    BackboneOptions,
    Requirements,
)
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import Auto, FileName, setting
from sit_engine.config.filling import Filling
from sit_engine.models.backbone import Backbone, Maps


class ToyOptions(BackboneOptions):
    """One setting of its own."""

    family: ClassVar[str] = "toy"
    image_size: int | Auto = IMAGE_SIZE
    channels: int = setting(24, "Channels", "Of the last map.", ge=8, le=64)
    weights: FileName | None = WEIGHTS
    drop_path: float | Auto = DROP_PATH

    @property
    def stride(self) -> int:
        return 4

    @property
    def token_width(self) -> int:
        return self.channels

    @property
    def blocks_deep(self) -> int:
        return 2

    def same_network(self) -> dict[str, Any]:
        return {"image_size": self.image_size, "channels": self.channels}

    def described(self) -> str:
        return f"toy of {self.channels} channels"

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        filling.auto("image_size", 16, "small")
        filling.auto("drop_path", 0.0, "it has none")


class Toy(Backbone):
    """Places of 4 × 4 pixels."""

    tokens_before, stride, blocks_deep = 0, 4, 2

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.first = nn.Conv2d(3, width, 4, stride=4)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        x, found = self.first(image_BCYX), []
        for block in self.blocks:
            x = x + torch.relu(block(x))
            places = x.flatten(2).transpose(1, 2)
            found.append(Maps(places[:, :0], places, (x.shape[2], x.shape[3])))
        return found

    def maps(self, image_BCYX: Tensor) -> Maps:
        return self.layers(image_BCYX)[-1]

    def pooled(self, image_BCYX: Tensor) -> Tensor:
        return self.maps(image_BCYX).places.mean(1, keepdim=True)

    def attention(self, image_BCYX: Tensor) -> None:
        return None

    def level(self, name: str) -> int:
        return int(name.split(".")[1]) + 1 if name.startswith("blocks.") else 0

    def first_layer(self) -> list[nn.Parameter]:
        return list(self.first.parameters())

    def freeze(self, *, but_last: int) -> None:
        self.requires_grad_(False)
        for block in self.blocks[2 - but_last :]:
            block.requires_grad_(True)

    def set_fused_attention(self, *, fused: bool) -> None:
        pass

    def set_recompute(self, *, on: bool) -> None:
        pass

    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return tensors


def build_toy(options: ToyOptions, *, drop_path: float, fused_attention: bool) -> Toy:
    return Toy(options.channels)
