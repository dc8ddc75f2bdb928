"""Settings of the family `searched`: a vision transformer whose blocks have sizes of their own.

What a search for a network finds (ViTAS, arXiv 2106.13700), and the authors' published networks.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Never

from sit_engine.config.backbones import (
    DROP_PATH,
    IMAGE_SIZE,
    WEIGHTS,
    BackboneOptions,
    Requirements,
)
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.cswin import numbers
from sit_engine.config.families.network_shape import BlockShape, NetworkShape, uniform
from sit_engine.config.families.vit import fill_patches, fill_tokens, take_named, usual_heads
from sit_engine.config.fields import AutoT, FileName, setting
from sit_engine.config.filling import Filling
from sit_engine.errors import ConfigError

FAMILY = "searched"
MOST_BLOCKS = 64
LIST = rf"^(auto|[1-9]\d{{0,3}}(,[1-9]\d{{0,3}}){{0,{MOST_BLOCKS - 1}}})$"
PUBLISHED_SIDE = 224


def _shape(width: int, heads: str, attention: str, mlp: str) -> NetworkShape:
    rows = zip(numbers(heads), numbers(attention), numbers(mlp), strict=True)
    return NetworkShape(16, width, tuple(BlockShape(*row) for row in rows))


# Decoded from `net_id` in the authors' config/inference/*.yaml (github.com/xiusu/ViTAS, fb3f085): after
# one number a layer (patch size, heads or identity) come the widths in tenths of their maxima.
NAMED: dict[str, NetworkShape] = {
    "vitas_a": _shape(
        154, "12,16,6,16,16,16,16", "96,240,96,336,384,288,480",
        "1008,576,1296,720,1008,1152,1296",
    ),
    "vitas_b": _shape(
        192, "16,16,16,12,12,12,16,6", "96,144,144,384,336,288,144,288",
        "864,576,1008,864,720,576,1296,864",
    ),
    "vitas_c": uniform(16, 230, depth=12, heads=3, mlp=720, attention=144),
    "vitas_e": _shape(
        346, "16,16,16,6,3,12,6,12,12,6,12", "240,336,288,288,192,432,432,240,480,192,384",
        "720,864,1008,1008,720,1296,1152,144,864,1008,1296",
    ),
    "vitas_f": _shape(
        307, "16,16,16,16,16,16,16,16,16,16,16,16,16",
        "288,96,576,384,672,480,864,480,768,672,672,480,576",
        "1728,2304,864,2016,864,1440,2304,2016,864,576,2016,2304,2304",
    ),
}  # fmt: skip
OWN_WIDTH, OWN_DEPTH, MLP_RATIO = 96, 4, 4
"""Of a network that nobody described: as plain ones are on a CPU."""


def listed(values: list[int]) -> str:
    """Numbers as the settings of blocks have them."""
    return ",".join(map(str, values))


class SearchedOptions(BackboneOptions[AutoT]):
    """A vision transformer whose blocks differ in heads and widths."""

    family: ClassVar[str] = FAMILY
    title: ClassVar[str] = "Block by block (ViTAS): what a search found"
    sizes: ClassVar[tuple[str, ...]] = tuple(NAMED)
    blocks: ClassVar[tuple[str, ...]] = ("width", "heads", "attention", "mlp")

    image_size: int | AutoT = IMAGE_SIZE
    patch_size: int | AutoT = setting(
        "auto",
        "Patch size",
        "Side of one patch; must divide the view size.",
        unit="px",
        ge=1,
        le=256,
    )
    backbone: AutoT | Literal["vitas_a", "vitas_b", "vitas_c", "vitas_e", "vitas_f", "custom"] = (
        setting(
            "auto",
            "Backbone",
            "Size of the network: one of those that were published, or custom, which takes the sizes "
            "below. On the command line also the folder of a search.",
        )
    )
    width: int | AutoT = setting("auto", "Width", "Length of a token's vector.", ge=8, le=4096)
    heads: str = setting(
        "auto", "Heads", "Attention heads of each block, such as 3,3,6.", pattern=LIST
    )
    attention: str = setting(
        "auto",
        "Attention widths",
        "Numbers in the query of a token in each block, over all heads, such as 96,96,144; heads must "
        "divide it. Keys and values have as many.",
        pattern=LIST,
    )
    mlp: str = setting(
        "auto", "MLP widths", "Hidden width of each block's MLP, such as 384,192,384.", pattern=LIST
    )
    tokens: int | AutoT = setting(
        "auto",
        "Tokens",
        "Tokens before the patches, one for each task that reads one; with none, features are the "
        "mean of the patches.",
        ge=0,
        le=2,
    )
    weights: FileName | None = WEIGHTS
    drop_path: float | AutoT = DROP_PATH

    @property
    def shape(self: SearchedOptions[Never]) -> NetworkShape:
        """Its sizes as numbers."""
        rows = zip(numbers(self.heads), numbers(self.attention), numbers(self.mlp), strict=True)
        blocks = tuple(BlockShape(*row) for row in rows)
        return NetworkShape(self.patch_size, self.width, blocks)

    @property
    def token_count(self: SearchedOptions[Never]) -> int:
        """Tokens before the patches."""
        return self.tokens

    @property
    def stride(self: SearchedOptions[Never]) -> int:
        """A patch."""
        return self.patch_size

    @property
    def token_width(self: SearchedOptions[Never]) -> int:
        """The width."""
        return self.width

    @property
    def blocks_deep(self: SearchedOptions[Never]) -> int:
        """The depth."""
        return len(numbers(self.heads))

    @property
    def blocks_alike(self: SearchedOptions[Never]) -> float:
        """What a block keeps grows with its widths."""
        kept = [4 * block.attention + 2 * block.mlp + 4 * self.width for block in self.shape.blocks]
        return sum(kept) / max(kept)

    @property
    def divisions(self) -> tuple[tuple[str, str], ...]:
        """Patches divide the view."""
        return (("patch_size", "image_size"),)

    def verify(self: SearchedOptions[Never]) -> None:
        """Check the lists of the blocks and the patch size as if they were chosen by hand."""
        _check_blocks(Filling("model", self))
        if self.image_size % self.patch_size:
            raise ConfigError(
                "config.searched_patch",
                "Patches of {patch} px do not divide views of {side} px.",
                "Set model.patch_size to a divisor of model.image_size.",
                patch=self.patch_size,
                side=self.image_size,
            )

    def described(self: SearchedOptions[Never]) -> str:
        """The network in words, for a card."""
        return (
            f"ViT of width {self.width}, blocks of {self.heads} heads, attention widths "
            f"{self.attention} and MLP widths {self.mlp}, patches of {self.patch_size} px"
        )

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        """Fill every "auto" from its name, what was said, the images and the device."""
        _named(filling)
        fill_patches(filling, facts, device)
        _blocks(filling)
        fill_tokens(filling, needs.tokens)
        filling.auto("drop_path", 0.1, "the published recipe's")


def as_settings(shape: NetworkShape, image_size: int) -> dict[str, Any]:
    """A network as the settings `model`, without tokens, which a method decides."""
    return {
        "family": FAMILY,
        "image_size": image_size,
        "patch_size": shape.patch_size,
        "backbone": "custom",
        "width": shape.width,
        "heads": listed([block.heads for block in shape.blocks]),
        "attention": listed([block.attention for block in shape.blocks]),
        "mlp": listed([block.mlp for block in shape.blocks]),
    }


def options_of(shape: NetworkShape, image_size: int, tokens: int) -> SearchedOptions[Never]:
    """A network as resolved settings."""
    values = as_settings(shape, image_size)
    del values["family"]
    made: SearchedOptions[Never] = SearchedOptions(**values, tokens=tokens, drop_path=0.0)
    return made


def _named(filling: Filling) -> None:
    """A published network says all its sizes; with sizes of its own it is custom."""
    filling.auto("backbone", "custom", "no published one is named")
    chosen = filling.get("backbone")
    if chosen not in NAMED:
        return
    sizes = as_settings(NAMED[chosen], PUBLISHED_SIDE)
    take_named(
        filling,
        {name: sizes[name] for name in ("patch_size", "width", "heads", "attention", "mlp")},
    )


def _blocks(filling: Filling) -> None:
    """As many blocks as one of the lists has, each like a plain transformer's of that width."""
    filling.auto("width", OWN_WIDTH, "small enough to see each image often")
    width = filling.get("width")
    said = [filling.get(name) for name in ("heads", "attention", "mlp")]
    depth = next((len(numbers(text)) for text in said if text != "auto"), OWN_DEPTH)
    heads = usual_heads(width)
    why = "as in a plain transformer of that width"
    filling.auto("attention", listed([width] * depth), why)
    usual = [heads if wide % heads == 0 else 1 for wide in numbers(filling.get("attention"))]
    filling.auto("heads", listed(usual), why)
    filling.auto("mlp", listed([MLP_RATIO * width] * depth), why)
    _check_blocks(filling)


def _check_blocks(filling: Filling) -> None:
    lists = {name: numbers(filling.get(name)) for name in ("heads", "attention", "mlp")}
    counts = {name: len(values) for name, values in lists.items()}
    if len(set(counts.values())) > 1:
        raise ConfigError(
            "config.searched_blocks",
            "The settings of the blocks disagree: model.heads has {heads} numbers, model.attention "
            "{attention} and model.mlp {mlp}.",
            "Give each list one number a block.",
            **counts,
        )
    for number, (heads, wide) in enumerate(zip(lists["heads"], lists["attention"], strict=True), 1):
        if wide % heads:
            raise ConfigError(
                "config.searched_heads",
                "{heads} attention heads do not divide the attention width {wide} of block {number}.",
                "Set model.heads or model.attention to numbers that fit.",
                heads=heads,
                wide=wide,
                number=number,
            )
