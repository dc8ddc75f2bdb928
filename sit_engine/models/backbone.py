"""What a backbone gives, of whichever family it is; whoever uses one asks this and nothing else.

Heads, finetuning, measurements, pictures and exports know no class token, no square grid and no patch.
Shapes: B images, C channels, Y X pixels, T tokens before the places, N = h · w places of the last map,
D width, H heads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from torch import Tensor, nn

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

    has_unused_parameters: bool = False
    """Whether a step may leave some out."""

    def begin_step(self, seed: int, step: int) -> None:
        """Called before the passes of a training step, for what it draws of the network itself."""
        del seed, step

    @abstractmethod
    def maps(self, image_BCYX: Tensor) -> Maps:
        """All that the last map holds. Images may have any height and width that the stride divides."""

    @abstractmethod
    def pooled(self, image_BCYX: Tensor) -> Tensor:
        """The tokens that features are made of: [B,T,D]; without tokens the mean place, [B,1,D]."""

    def feature(self, image_BCYX: Tensor) -> Tensor:
        """What every measurement reads: [B,C,Y,X] to [B, max(1,T) · D]."""
        return self.pooled(image_BCYX).flatten(1)

    @property
    def feature_parts(self) -> int:
        """Tokens that a feature is made of; a linear probe reads each by itself."""
        return max(1, self.tokens_before)

    @abstractmethod
    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        """The maps after each block, not normed."""

    @abstractmethod
    def attention(self, image_BCYX: Tensor) -> Tensor | None:
        """How what is read attends to the places in the last block, [B,H,h,w]; None if it shows none."""

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


def maps(backbone: Backbone, image_BCYX: Tensor) -> Maps:
    """`Backbone.maps` as a function, for `compiled`."""
    return backbone.maps(image_BCYX)


def pooled(backbone: Backbone, image_BCYX: Tensor) -> Tensor:
    """`Backbone.pooled` as a function, for `compiled`."""
    return backbone.pooled(image_BCYX)


def compiled(read: Callable[P, R]) -> Callable[P, R]:
    """A pass that torch compiles when it is first called; sets two of its options for the process."""
    import torch._dynamo.config
    import torch._inductor.config

    # Drop path must drop the same in a pass that is worked again, compiled in another graph.
    torch._inductor.config.fallback_random = True
    # Cut at the borders of gradient buckets, a graph could hold no checkpoint.
    torch._dynamo.config.optimize_ddp = False
    made: Callable[P, R] = torch.compile(read)
    return made
