"""Settings of the family `vit`, plain vision transformers, and how their "auto" are worked out.

What the rules were tuned on: docs/adr/0004-auto-settings.md.
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
from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts, Unshown, Variant
from sit_engine.config.families.network_shape import NetworkShape, uniform
from sit_engine.config.fields import AutoT, FileName, setting
from sit_engine.config.filling import AS_START, Filling
from sit_engine.counted import Sentence, counted
from sit_engine.errors import ConfigError

NAMED = {"vit_tiny": (192, 12, 3), "vit_small": (384, 12, 6), "vit_base": (768, 12, 12)}
# On a CPU: of a folder with more images than these, patches are larger, so that each is seen often.
CPU_PATCH_PX, MANY_IMAGES = 8, 10_000


class VitOptions(BackboneOptions[AutoT]):
    """A plain vision transformer, as timm has it."""

    family: ClassVar[str] = "vit"
    title: ClassVar[str] = "Plain (ViT)"
    sizes: ClassVar[tuple[str, ...]] = tuple(NAMED)

    image_size: int | AutoT = IMAGE_SIZE
    patch_size: int | AutoT = setting(
        "auto",
        "Patch size",
        "Side of one patch; must divide the view size.",
        unit="px",
        ge=1,
        le=256,
    )
    backbone: AutoT | Literal["vit_tiny", "vit_small", "vit_base", "custom"] = setting(
        "auto",
        "Backbone",
        "Size of the vision transformer; custom takes width, depth and heads below.",
    )
    width: int | AutoT = setting("auto", "Width", "Length of a token's vector.", ge=8, le=4096)
    depth: int | AutoT = setting("auto", "Depth", "Number of transformer blocks.", ge=1, le=64)
    heads: int | AutoT = setting(
        "auto", "Heads", "Attention heads; must divide the width.", ge=1, le=64
    )
    stem: AutoT | Literal["patch", "conv"] = setting(
        "auto",
        "Stem",
        "How pixels become tokens: patch, one large step as published, or conv, a few small "
        "convolutions, which learn faster from few images.",
        before="patch",
    )
    tokens: int | AutoT = setting(
        "auto",
        "Tokens",
        "Tokens before the patches, one for each task that reads one; with none, features are the "
        "mean of the patches.",
        before=1,
        ge=0,
        le=2,
    )
    registers: int | AutoT = setting(
        "auto",
        "Registers",
        "Further tokens before the patches, which no task and no measurement reads; weights of others "
        "bring them.",
        before=0,
        ge=0,
        le=64,
    )
    variant: AutoT | Variant = setting(
        "auto",
        "Variant",
        "In what the network differs from the plain one, as the weights of others that it starts from "
        "do: mean-norm norms the mean patch; clip and openclip have a norm before their blocks; clip "
        "and siglip have an activation of their own.",
        before="plain",
    )
    positions: AutoT | Literal["learned", "sincos"] = setting(
        "auto",
        "Positions",
        "The table that tells places apart: learned, or sincos, sines and cosines of row and column "
        "that stay as they are. Of weights that a run starts from the table stays theirs.",
        before="learned",
    )
    first_weights: AutoT | Literal["normal", "xavier"] = setting(
        "auto",
        "First weights",
        "How the network's first weights are drawn: normal, all alike, or xavier, within bounds from "
        "each layer's sizes.",
        before="normal",
    )
    weights: FileName | None = WEIGHTS
    drop_path: float | AutoT = DROP_PATH

    @property
    def has_conv_stem(self) -> bool:
        """Whether pixels pass convolutions first."""
        return self.stem == "conv"

    @property
    def token_count(self: VitOptions[Never]) -> int:
        """Tokens before the patches."""
        return self.tokens

    @property
    def prefix_count(self: VitOptions[Never]) -> int:
        """Tokens before the patches, registers among them."""
        return self.tokens + self.registers

    @property
    def stride(self: VitOptions[Never]) -> int:
        """Pixels across one patch."""
        return self.patch_size

    @property
    def token_width(self: VitOptions[Never]) -> int:
        """Width of the stream of tokens."""
        return self.width

    @property
    def blocks_deep(self: VitOptions[Never]) -> int:
        """Number of blocks."""
        return self.depth

    @property
    def shape(self: VitOptions[Never]) -> NetworkShape:
        """Blocks that are all alike."""
        return uniform(
            self.patch_size, self.width, depth=self.depth, heads=self.heads, mlp=4 * self.width
        )

    @property
    def unshown(self: VitOptions[Never]) -> Unshown:
        """The weights show the rest."""
        return Unshown(self.heads, self.patch_size, self.tokens, self.variant)

    @property
    def has_unsaid_tokens(self) -> bool:
        """Whether the number of tokens is still open, as it is before settings are resolved."""
        return self.tokens == "auto"

    @property
    def can_stop_inside(self) -> bool:
        """Its blocks stand in a row."""
        return True

    @property
    def has_timm_layout(self) -> bool:
        """timm knows no convolutional stem."""
        return not self.has_conv_stem

    @property
    def divisions(self) -> tuple[tuple[str, str], ...]:
        """Settings that must divide others: patches the view, heads the width."""
        return (("patch_size", "image_size"), ("heads", "width"))

    def described(self: VitOptions[Never]) -> str:
        """The network in words, for a card."""
        more = f", {counted(self.registers, 'registers')}" if self.registers else ""
        more += "" if self.variant == "plain" else f", variant {self.variant}"
        return (
            f"ViT of width {self.width}, depth {self.depth}, {counted(self.heads, 'heads')}, "
            f"patches of {self.patch_size} px{more}"
        )

    def same_network(self: VitOptions[Never]) -> dict[str, Any]:
        """All sizes and the stem."""
        names = (
            "image_size",
            "patch_size",
            "backbone",
            "width",
            "depth",
            "heads",
            "tokens",
            "registers",
            "variant",
            "stem",
            "positions",
            "first_weights",
        )
        return {name: getattr(self, name) for name in names}

    def variants(self: VitOptions[Never]) -> dict[str, dict[str, Any]]:
        """Finer, wider and deeper (heads keep their width), and with the published stem."""
        width, heads, depth = self.width, self.heads, self.depth
        wider = {"width": 2 * width, "heads": 2 * heads}
        deeper = {"width": width, "heads": heads, "depth": 2 * depth}
        return {
            "finer": {"patch_size": self.stride // 2},
            "wider": {"backbone": "custom", **wider},
            "deeper": {"backbone": "custom", **deeper},
            "published stem": {"stem": "patch"},
        }

    @classmethod
    def of_start(cls, start: StartFacts) -> VitOptions[Never]:
        """The settings of the network that has these weights."""
        assert start.heads is not None
        made: VitOptions[Never] = VitOptions(
            image_size=start.image_size,
            patch_size=start.patch_size,
            backbone="custom",
            width=start.width,
            depth=start.depth,
            heads=start.heads,
            tokens=start.tokens,
            registers=start.registers,
            variant=start.variant,
            stem=start.stem,
            positions="learned",
            first_weights="normal",
            drop_path=0.0,
        )
        return made

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        """Fill every "auto" from the weights to start from, the images and the device."""
        if needs.start is not None:
            _as_start(filling, needs.start)
        _sizes(filling, facts, device)
        fill_tokens(filling, needs.tokens)
        _beginning(filling)


def _as_start(filling: Filling, start: StartFacts) -> None:
    """The backbone's sizes are those of its weights; only the view may have another side."""
    if start.heads is None and filling.get("heads") == "auto":
        raise ConfigError(
            "config.weights_heads",
            "The weights {file} do not say how many attention heads their network has.",
            "Set model.heads.",
            file=start.name,
        )
    for name in ("width", "depth", "heads", "patch_size", "tokens", "registers", "variant", "stem"):
        theirs = getattr(start, name)
        if theirs is not None:
            filling.take(name, theirs, start)
    filling.auto("backbone", "custom", AS_START)
    if filling.get("backbone") in NAMED:
        sizes = tuple(filling.get(name) for name in ("width", "depth", "heads"))
        theirs = next((name for name, each in NAMED.items() if each == sizes), "custom")
        filling.take("backbone", theirs, start)
    filling.auto("image_size", start.image_size, AS_START)


def _sizes(filling: Filling, facts: DataFacts, device: DeviceFacts) -> None:
    is_cpu = device.kind == "cpu"
    fill_patches(filling, facts, device)
    _network(filling, facts, is_cpu=is_cpu)
    is_named = filling.get("backbone") in NAMED
    filling.auto(
        "stem", "patch" if is_named else "conv",
        Sentence("of {name}", name=filling.get("backbone")) if is_named
        else "small networks learn faster by it",
    )  # fmt: skip
    filling.auto("drop_path", 0.1, "the published recipe's")


def fill_tokens(filling: Filling, read: int | None) -> None:
    """The number of tokens: one for each task that reads one, any for a method without such tasks."""
    filling.auto("tokens", 1 if read is None else read, "one for each task that reads one")
    if read not in (None, filling.get("tokens")):
        raise ConfigError(
            "config.tokens",
            "Tokens that the tasks read: {read}; tokens that the network has before its patches: "
            "{tokens}.",
            "Switch tasks on or off to fit it, or leave model.tokens and model.weights out.",
            read=read,
            tokens=filling.get("tokens"),
        )


def _beginning(filling: Filling) -> None:
    """What the network is before its first step, without weights of others."""
    filling.auto("registers", 0, "nothing reads them")
    filling.auto("variant", "plain", "the published recipe's")
    filling.auto("positions", "learned", "the published recipe's")
    filling.auto("first_weights", "normal", "the published recipe's")
    if filling.get("positions") == "sincos" and filling.get("width") % 4:
        raise ConfigError(
            "config.positions",
            "The setting model.positions = sincos does not fit model.width = {width}: sine and cosine "
            "of row and column take a quarter of it each.",
            "Set model.width to a multiple of 4, or model.positions to learned.",
            width=filling.get("width"),
        )


def fill_patches(filling: Filling, facts: DataFacts, device: DeviceFacts) -> None:
    """The side of the views and of the patches, which divide them."""
    is_cpu = device.kind == "cpu"
    side, why = choose_view(facts, device)
    patch = filling.get("patch_size")
    if patch != "auto" and side % patch:
        side = max(patch, side // patch * patch)
        why = Sentence("{why}; a multiple of the patch size {patch}", why=why, patch=patch)
    filling.auto("image_size", side, why)
    image_size = filling.get("image_size")
    patch = choose_patch(image_size, facts, is_cpu=is_cpu)
    why = Sentence("{across} × {across} patches in a view", across=image_size // patch)
    if is_cpu:
        why = Sentence("{why}, to see each image often", why=why)
    filling.auto("patch_size", patch, why)


def choose_view(facts: DataFacts, device: DeviceFacts) -> tuple[int, Sentence]:
    """The side of the views for these images on this device, and why."""
    is_cpu = device.kind == "cpu"
    side = _view_side(facts.median_side_px, 64 if is_cpu else 224)
    why = Sentence("the images' median shorter side is {px} px", px=facts.median_side_px)
    if is_cpu and side == 64:
        why = Sentence("{why}; without a GPU 64 px at most, to see each image often", why=why)
    if device.largest_view is not None and side > device.largest_view:
        side = device.largest_view
        why = Sentence("{why}; larger views would leave too few steps in these minutes", why=why)
    return side, why


def _view_side(median_px: int, most_px: int) -> int:
    sides = [side for side in (32, 48, 64, 96, 128, 160, 224) if side <= most_px]
    return max([side for side in sides if side <= median_px * 1.1], default=sides[0])


def choose_patch(image_size: int, facts: DataFacts, *, is_cpu: bool) -> int:
    """The divisor of the view size, at most 16, that leaves about eight patches across it.

    Fewer on a CPU, where each image is to be seen often.
    """
    wanted = image_size / 8
    if is_cpu:
        wanted = image_size / 4 if facts.images > MANY_IMAGES else max(wanted, CPU_PATCH_PX)
    wanted = min(16.0, wanted)
    divisors = [n for n in range(1, min(image_size, 32) + 1) if image_size % n == 0]
    return min(divisors, key=lambda n: (abs(n - wanted), -n))


def _network(filling: Filling, facts: DataFacts, *, is_cpu: bool) -> None:
    options = filling.options
    assert isinstance(options, VitOptions)
    own = [name for name in ("width", "depth", "heads") if getattr(options, name) != "auto"]
    if own or is_cpu:
        filling.auto(
            "backbone",
            "custom",
            "width, depth or heads are set" if own else "small enough for a CPU",
        )
    name = "vit_small" if facts.images >= 20_000 else "vit_tiny"
    filling.auto("backbone", name, Sentence("for {images} images", images=facts.images))
    chosen = filling.get("backbone")
    if chosen in NAMED:
        take_named(filling, dict(zip(("width", "depth", "heads"), NAMED[chosen], strict=True)))
        return
    why = "small enough to see each image a hundred times on a CPU"
    filling.auto("width", 96, why)
    filling.auto("depth", 4, why)
    width = filling.get("width")
    why = Sentence("about 32 numbers of the width {width} each", width=width)
    filling.auto("heads", usual_heads(width), why)


def take_named(filling: Filling, sizes: dict[str, Any]) -> None:
    """The sizes that the name of a network stands for; raises ConfigError where another was set."""
    chosen = filling.get("backbone")
    for name, value in sizes.items():
        if (given := getattr(filling.options, name)) not in ("auto", value):
            raise ConfigError(
                "config.backbone",
                "The setting model.{key} = {given} does not fit model.backbone = {chosen}.",
                "Leave it out, or choose model.backbone = custom.",
                key=name,
                given=given,
                chosen=chosen,
            )
        filling.auto(name, value, Sentence("of {name}", name=chosen))


def usual_heads(width: int) -> int:
    """Heads of about 32 numbers each, as many as divide the width."""
    return next(n for n in range(max(1, round(width / 32)), 0, -1) if width % n == 0)
