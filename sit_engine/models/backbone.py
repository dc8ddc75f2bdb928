"""What a backbone gives, of whichever family it is; whoever uses one asks this and nothing else.

Heads, finetuning, measurements, pictures and exports know no class token, no square grid and no patch.
Shapes: B images, C channels, Y X pixels, T tokens before the places, N = h · w places of the last map,
D width, H heads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.config.backbones import FeatureKind

LAST_LAYERS = 4
MOST_COMPILED = 256
"""Networks, and sizes of their views, that a process compiles."""
P = ParamSpec("P")
R = TypeVar("R")


class Maps(NamedTuple):
    """The last map after the final norm: tokens [B,T,D], places [B,N,D] row by row, and (h, w)."""

    tokens: Tensor
    places: Tensor
    grid: tuple[int, int]

    def token(self, number: int) -> Tensor:
        """What a task reads, [B,D]: a token before the places, or their mean where there is none."""
        return self.tokens[:, number] if self.tokens.shape[1] else self.places.mean(1)

    def first(self, count: int) -> Maps:
        """The maps of the first images of the batch."""
        return Maps(self.tokens[:count], self.places[:count], self.grid)


class Backbone(nn.Module):
    """A network that turns images into a map of features; a family's class fills in what differs."""

    width: int
    """D"""
    stride: int
    """Pixels of the image across one place of the last map."""
    tokens_before: int
    """T"""
    blocks_deep: int
    """Blocks from the image to the last map."""
    features: FeatureKind = "usual"
    """What `feature` is made of."""

    has_unused_parameters: bool = False
    """Whether a step may leave some out."""

    def begin_step(self, seed: int, step: int) -> None:
        """Called before the passes of a training step, for what it draws of the network itself."""
        del seed, step

    @abstractmethod
    def maps(self, image_BCYX: Tensor) -> Maps:
        """All that the last map holds. Images may have any height and width that the stride divides."""

    def stages(self, image_BCYX: Tensor) -> tuple[Maps, ...]:
        """The last map of each size, the finest first; the last one is that of `maps`."""
        return (self.maps(image_BCYX),)

    @property
    def stage_sizes(self) -> tuple[tuple[int, int], ...]:
        """Stride in px and width of each of `stages`."""
        return ((self.stride, self.width),)

    @abstractmethod
    def pooled(self, image_BCYX: Tensor) -> Tensor:
        """The tokens that features are made of: [B,T,D]; without tokens the mean place, [B,1,D]."""

    def entering(self, image_BCYX: Tensor, *, but_last: int) -> Tensor:
        """What enters so many last blocks, [B,…], where the family can stop there."""
        raise NotImplementedError

    def pooled_after(self, entered: Tensor, *, but_last: int) -> Tensor:
        """`pooled` of what `entering` gave."""
        raise NotImplementedError

    def maps_after(self, entered: Tensor, *, but_last: int) -> Maps:
        """`maps` of what `entering` gave, of views of the network's own size."""
        raise NotImplementedError

    def feature(self, image_BCYX: Tensor) -> Tensor:
        """What every measurement reads: [B,C,Y,X] to [B, max(1,T) · D]; more by `features`."""
        if self.features == "last-layers":
            return torch.cat(self._last_layers(image_BCYX), 1)
        if self.features == "with-mean" and self.tokens_before:
            seen = self.maps(image_BCYX)
            return torch.cat([seen.tokens.flatten(1), seen.places.mean(1)], 1)
        return self.pooled(image_BCYX).flatten(1)

    def _last_layers(self, image_BCYX: Tensor) -> list[Tensor]:
        """The last blocks' tokens, of networks without any their mean place; DINO's authors read four.

        Each layer has mean 0 and deviation 1, so that no layer outweighs the others in a cosine; the last
        one is the normed one.
        """
        last = [each.tokens if self.tokens_before else each.places.mean(1, keepdim=True)
                for each in self.layers(image_BCYX)[-LAST_LAYERS:-1]]  # fmt: skip
        read = [each.flatten(1) for each in (*last, self.pooled(image_BCYX))]
        return [functional.layer_norm(each, each.shape[1:]) for each in read]

    @property
    def feature_parts(self) -> int:
        """Parts of a feature that a linear probe reads each by itself: the tokens before the places."""
        return max(1, self.tokens_before) if self.features == "usual" else 1

    @abstractmethod
    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        """The maps after each block, not normed."""

    @abstractmethod
    def attention(self, image_BCYX: Tensor) -> Tensor | None:
        """How what is read attends to the places in the last block, [B,H,h,w]; None if it shows none."""

    def crosses(self, image_BCYX: Tensor) -> list[tuple[Tensor, ...]]:
        """For each stage how a place attends within the stripes that it reads, [B,h,w,a,b] each.

        The first is of stripes from top to bottom, the second from left to right; empty where places read
        no stripes.
        """
        del image_BCYX
        return []

    @abstractmethod
    def level(self, name: str) -> int:
        """How deep a parameter lies: 0 before the blocks, 1 … `blocks_deep`, one more behind them."""

    @abstractmethod
    def first_layer(self) -> list[nn.Parameter]:
        """What turns pixels into the first vectors of places."""

    @abstractmethod
    def freeze(self, *, but_last: int) -> None:
        """Nothing learns or drops its path but so many last blocks and what follows them; 0: nothing."""

    @abstractmethod
    def set_fused_attention(self, *, fused: bool) -> None:
        """Choose torch's fused attention or the plain matrix products in every block."""

    @abstractmethod
    def set_recompute(self, *, on: bool) -> None:
        """Whether each block works its activations out again in the backward pass, to keep less."""

    @abstractmethod
    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the same sizes for another view size, resized where that is needed."""


def last_alone(backbone: Backbone, image_BCYX: Tensor) -> tuple[Maps, ...]:
    """The last of `stages`, whose others are not kept: a function, for `compiled`."""
    return (backbone.maps(image_BCYX),)


def stages(backbone: Backbone, image_BCYX: Tensor) -> tuple[Maps, ...]:
    """`Backbone.stages` as a function, for `compiled`."""
    return backbone.stages(image_BCYX)


def pooled(backbone: Backbone, image_BCYX: Tensor) -> Tensor:
    """`Backbone.pooled` as a function, for `compiled`."""
    return backbone.pooled(image_BCYX)


def compiled(read: Callable[P, R]) -> Callable[P, R]:
    """A pass that torch compiles when it is first called; sets three of its options for the process."""
    import torch._dynamo.config
    import torch._inductor.config

    # Drop path must drop the same in a pass that is worked again, compiled in another graph.
    torch._inductor.config.fallback_random = True
    # Cut at the borders of gradient buckets, a graph could hold no checkpoint.
    torch._dynamo.config.optimize_ddp = False
    # A comparison trains many networks in one process: after torch's usual 8 it would compile no more.
    torch._dynamo.config.recompile_limit = MOST_COMPILED
    made: Callable[P, R] = torch.compile(read)
    return made
