"""Networks of timm, of whatever kind, as backbones: the family `timm`.

Rotary positions (DINOv3, EVA-02), stages of several sizes, convolutions: all that timm can turn into a
map of features. Such a network keeps its own weights and its own pixels; ours are converted before it.
Shapes: B images, T tokens that are read, N places of the last map, D width, C channels, Y X pixels.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from typing import Any, Never

import timm
import torch
from torch import Tensor, nn

from sit_engine.config.backbones import FAMILIES
from sit_engine.config.families.timm import TimmOptions
from sit_engine.errors import ConfigError
from sit_engine.models.backbone import Backbone, Maps
from sit_engine.paths import display_name
from sit_engine.views.apply_common import MEAN, STD

BLOCK = re.compile(r"^network\.(?:\w+\.)?(?:blocks|stages|layers)\.(\d+)\.|^network\.layer(\d)\.")
LAST = re.compile(r"^network\.(norm|fc_norm|head|final|conv_head|bn2|attn_pool)\b")
FETCHING = {
    "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir",
    "num_classes",
}  # fmt: skip
"""Arguments with which timm would open or fetch something, or that are ours to say."""
MOST_NUMBER, MOST_PARTS = 1 << 14, 64
OWN = FAMILIES[TimmOptions.family].within
"""What stands before timm's names."""


class Timm(Backbone):
    """A network of timm without its classifier."""

    own_scale: Tensor
    own_shift: Tensor

    def __init__(self, network: nn.Module, options: TimmOptions[Never]) -> None:
        super().__init__()
        self.network: Any = network
        self.width, self.stride = options.width, options.place_size
        self.tokens_before, self.blocks_deep = options.tokens, options.depth
        self.own_side = options.image_size
        ours, theirs = (MEAN, STD), options.colours
        (mean, std), (own_mean, own_std) = (
            [torch.tensor(values).view(1, -1, 1, 1) for values in pair] for pair in (ours, theirs)
        )
        # x·s + m are the pixels themselves, from 0 to 1.
        self.register_buffer("own_scale", std / own_std, persistent=False)
        self.register_buffer("own_shift", (mean - own_mean) / own_std, persistent=False)
        self.frozen: list[nn.Module] = []

    def maps(self, image_BCYX: Tensor) -> Maps:
        """What timm calls its features; places without a class token have its pooled answer as mean."""
        found = self.network.forward_features(image_BCYX * self.own_scale + self.own_shift)
        tokens, places, grid = self._parted(found, image_BCYX)
        if self.tokens_before == 0 and (pooled_BD := self._pooled(found)) is not None:
            # Its head may norm the mean, which the places do not show.
            places = places + (pooled_BD[:, None] - places.mean(1, keepdim=True))
        return Maps(tokens, places, grid)

    def pooled(self, image_BCYX: Tensor) -> Tensor:
        """The class token, or the mean place: timm's answer before its classifier."""
        seen = self.maps(image_BCYX)
        return seen.tokens if self.tokens_before else seen.places.mean(1, keepdim=True)

    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        """The maps after each block or stage; stages differ in size and width."""
        image = image_BCYX * self.own_scale + self.own_shift
        found = self.network.forward_intermediates(image, norm=False, intermediates_only=True)
        return [
            Maps(places[:, :0], places, (each.shape[2], each.shape[3]))
            for each in found
            for places in [each.flatten(2).transpose(1, 2)]
        ]

    def attention(self, image_BCYX: Tensor) -> None:
        """Each network has its own kind, and many have none."""
        return

    def level(self, name: str) -> int:
        """The level by the number of block or stage in timm's names."""
        return _level(name, self.blocks_deep)

    def first_layer(self) -> list[nn.Parameter]:
        """The layer that timm says is first."""
        first = self.network.pretrained_cfg.get("first_conv") or ()
        names = (first,) if isinstance(first, str) else tuple(first)
        return [p for name in names for p in self.network.get_submodule(name).parameters()]

    def freeze(self, *, but_last: int) -> None:
        """Freeze, with the averages of norms over a batch."""
        least = self.blocks_deep - but_last + 1 if but_last else self.blocks_deep + 2
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(self.level(name) >= least)
        self.frozen = []
        for name, module in self.named_modules():
            if self.level(f"{name}.") < least:
                if hasattr(module, "drop_prob"):
                    module.drop_prob = 0.0
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    self.frozen.append(module)
        self.train(self.training)

    def train(self, mode: bool = True) -> Timm:
        """What is frozen stays as it is in evaluation."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def set_fused_attention(self, *, fused: bool) -> None:
        """Choose fused attention where the network knows it."""
        for module in self.network.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = fused

    def set_recompute(self, *, on: bool) -> None:
        """Set recomputation where the network can."""
        if hasattr(self.network, "set_grad_checkpointing"):
            self.network.set_grad_checkpointing(on)

    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tables of positions become those of this size as timm does it; rotary ones have none."""
        own = self.state_dict()
        # An export has a classifier besides.
        tensors = {name: value for name, value in tensors.items() if name in own}
        if all(value.shape == own[name].shape for name, value in tensors.items()):
            return tensors
        plain = {name.removeprefix(OWN): value for name, value in tensors.items()}
        return {f"{OWN}{name}": value for name, value in converted(self.network, plain).items()}

    def _parted(self, found: Tensor, image_BCYX: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """Tokens that are read, places, and their rows and columns, of what timm calls features."""
        if found.dim() == 4:
            is_last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            map_BYXD = found if is_last else found.permute(0, 2, 3, 1)
            places = map_BYXD.flatten(1, 2)
            return places[:, :0], places, (map_BYXD.shape[1], map_BYXD.shape[2])
        before = getattr(self.network, "num_prefix_tokens", 0)
        places = found[:, before:]
        return found[:, : self.tokens_before], places, self._grid(image_BCYX)

    def _grid(self, image_BCYX: Tensor) -> tuple[int, int]:
        # While torch.jit traces, sizes are tensors; what is traced is of our own size.
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return self.own_side // self.stride, self.own_side // self.stride
        return image_BCYX.shape[-2] // self.stride, image_BCYX.shape[-1] // self.stride

    def _pooled(self, found: Tensor) -> Tensor | None:
        """What its head makes of the features before it classifies; None: of another width."""
        if "pre_logits" not in inspect.signature(self.network.forward_head).parameters:
            return None
        pooled: Tensor = self.network.forward_head(found, pre_logits=True)
        return pooled if pooled.dim() == 2 and pooled.shape[1] == self.width else None


def _level(name: str, deep: int) -> int:
    match = BLOCK.match(name)
    if match:
        # Stages are counted from 0, the layers of a ResNet from 1.
        return int(match[1]) + 1 if match[1] else int(match[2])
    return deep + 1 if LAST.match(name) else 0


def depth_of(network: nn.Module) -> int:
    """Blocks or stages, by timm's names; 1 of a network that shows none."""
    names = [f"{OWN}{name}" for name, _ in network.named_parameters()]
    return max([1, *(_level(name, 0) for name in names)])


def converted(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of other sizes or names as timm's own code makes them this network's."""
    module = sys.modules[type(network).__module__]
    convert: Callable[..., dict[str, Tensor]] | None = getattr(module, "checkpoint_filter_fn", None)
    return tensors if convert is None else convert(tensors, network)


def make_network(architecture: str, arguments: dict[str, Any], drop_path: float) -> nn.Module:
    """timm's network without a classifier and without weights; nothing is fetched."""
    more: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if not timm.is_model(architecture):
        # A name with a source before it would be fetched.
        raise _cannot_build(architecture, "it has none of that name")
    if FETCHING & arguments.keys() or not _is_small(arguments):
        raise _cannot_build(architecture, "its arguments are of no network")
    try:
        made: nn.Module = timm.create_model(
            architecture, pretrained=False, num_classes=0, **arguments, **more
        )
    except (RuntimeError, TypeError, ValueError, AssertionError, KeyError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise _cannot_build(architecture, why) from None
    return made


def _cannot_build(architecture: str, why: str) -> ConfigError:
    return ConfigError(
        "config.timm",
        "timm cannot build the network {architecture}: {why}.",
        "Choose another name or another view size, or leave model.drop_path at 0.",
        architecture=display_name(architecture),
        why=why,
    )


def _is_small(value: object, depth: int = 0) -> bool:
    """Whether numbers and lists of arguments are within what networks have."""
    if isinstance(value, dict):
        return len(value) <= MOST_PARTS and all(_is_small(each, depth) for each in value.values())
    if isinstance(value, list | tuple):
        is_short = len(value) <= MOST_PARTS and depth < MOST_PARTS
        return is_short and all(_is_small(each, depth + 1) for each in value)
    return not isinstance(value, int | float) or abs(value) <= MOST_NUMBER


def sized(arguments: str, side: int) -> dict[str, Any]:
    """The arguments for views of another side, where the network is told one; no table is a sentence."""
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ConfigError(
            "config.timm_arguments",
            "The setting model.arguments is no table in JSON.",
            "Leave it out: an import says it.",
        )
    return given | ({"img_size": side} if "img_size" in given else {})


def build_timm(options: TimmOptions[Never], *, drop_path: float, fused_attention: bool) -> Timm:
    """The untrained network that `options`, resolved, name."""
    network = make_network(
        options.architecture, sized(options.arguments, options.image_size), drop_path
    )
    built = Timm(network, options)
    built.set_fused_attention(fused=fused_attention)
    return built
