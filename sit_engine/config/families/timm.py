"""Settings of the family `timm`: any network of that library whose weights lie on disk.

An import says all of them (models.imports.any_timm); nobody needs to write them down.
"""

from __future__ import annotations

from typing import ClassVar, Never

from sit_engine.config.backbones import (
    DROP_PATH,
    IMAGE_SIZE,
    WEIGHTS,
    BackboneOptions,
    Requirements,
)
from sit_engine.config.facts import Colours, DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, FileName, setting
from sit_engine.config.filling import Filling
from sit_engine.errors import ConfigError

FAMILY = "timm"


def normalisation_of(mean: Colours, std: Colours) -> str:
    """The six numbers as the setting has them."""
    return " ".join(repr(float(value)) for value in (*mean, *std))


class TimmOptions(BackboneOptions[AutoT]):
    """A network by its name in timm, and what its weights are known by."""

    family: ClassVar[str] = FAMILY

    image_size: int | AutoT = IMAGE_SIZE
    architecture: str = setting("auto", "Architecture", "The network's name in timm.")
    arguments: str = setting(
        "auto", "Arguments", "What timm needs besides to build the network, as a table in JSON."
    )
    width: int | AutoT = setting("auto", "Width", "Length of a place's vector.", ge=1, le=16384)
    depth: int | AutoT = setting(
        "auto", "Depth", "Blocks or stages from a view to the last map.", ge=1, le=256
    )
    place_size: int | AutoT = setting(
        "auto", "Place size", "Pixels of a view across one place of the last map.", unit="px",
        ge=1, le=256,
    )  # fmt: skip
    tokens: int | AutoT = setting(
        "auto",
        "Tokens",
        "1 where features are the class token; 0 where they are the mean of the places.",
        ge=0,
        le=1,
    )
    normalisation: str = setting(
        "auto",
        "Normalisation",
        "Mean and deviation of the pixels that the network was trained on: six numbers.",
        pattern=r"auto|-?[0-9.e-]+( -?[0-9.e-]+){5}",
    )
    weights: FileName | None = WEIGHTS
    drop_path: float | AutoT = DROP_PATH

    @property
    def token_count(self: TimmOptions[Never]) -> int:
        """The class token, if it is read."""
        return self.tokens

    @property
    def stride(self: TimmOptions[Never]) -> int:
        """Pixels of a view across one place of the last map."""
        return self.place_size

    @property
    def token_width(self: TimmOptions[Never]) -> int:
        """Width of the network."""
        return self.width

    @property
    def blocks_deep(self: TimmOptions[Never]) -> int:
        """Blocks or stages of the network."""
        return self.depth

    @property
    def has_timm_layout(self) -> bool:
        """True: the network is timm's own."""
        return True

    @property
    def pixels(self: TimmOptions[Never]) -> str:
        """The network's own mean and deviation of pixels, for a card."""
        mean, std = (", ".join(f"{value:.4g}" for value in three) for three in self.colours)
        return f"mean {mean} and deviation {std}"

    @property
    def colours(self: TimmOptions[Never]) -> tuple[Colours, Colours]:
        """Mean and deviation of its pixels, of values from 0 to 1."""
        try:
            red, green, blue, *std = (float(value) for value in self.normalisation.split())
            return (red, green, blue), (std[0], std[1], std[2])
        except (ValueError, IndexError):
            raise ConfigError(
                "config.timm_normalisation",
                "The setting model.normalisation is not six numbers.",
                "Leave it out: an import says it.",
            ) from None

    @property
    def divisions(self) -> tuple[tuple[str, str], ...]:
        """Settings that must divide others: places the view."""
        return (("place_size", "image_size"),)

    def described(self: TimmOptions[Never]) -> str:
        """The network in words, for a card."""
        return f"timm's {self.architecture}, of width {self.width}, places of {self.place_size} px"

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        """Fill every "auto" from the weights, which say everything; there is no network without."""
        left = [name for name in type(self).model_fields if filling.get(name) == "auto"]
        if needs.start is None and set(left) - {"drop_path"}:
            raise ConfigError(
                "config.timm_start",
                "A network of the family timm starts from weights, and none are named.",
                "Set model.weights to what `sit-engine import` made, or leave model.family out.",
            )
        filling.auto("drop_path", 0.0, "as timm builds it")
        read, tokens = needs.tokens, filling.get("tokens")
        if read is not None and read > max(1, tokens):
            raise ConfigError(
                "config.timm_tokens",
                "The tasks read {read} tokens of their own, and {architecture} has {tokens} to read.",
                "Switch off all but one of the tasks that read a token, or start from a plain vision "
                "transformer.",
                read=read,
                architecture=filling.get("architecture"),
                tokens=tokens,
            )
