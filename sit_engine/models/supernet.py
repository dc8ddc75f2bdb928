"""One network with shared weights that holds a whole space of others: the family `supernet`.

ViTAS (arXiv 2106.13700). In each step one network of the space answers, drawn from the step's seed. Its
output stands at its channels among those of the widest, with 0 elsewhere, so that heads of methods take
it as it is: a linear layer on it is that layer's own slice.
Private are class token, positions and projection of a patch size, and queries and keys of a number of
heads; values, projections, MLPs and norms are shared.
Shapes: B images, T tokens before the patches, N patches, D width and A attention width of the drawn
network, C channels, Y X pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never

import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.families.searched import options_of
from sit_engine.config.families.sharing import End, ends_of, first_channel
from sit_engine.config.families.supernet import SupernetOptions
from sit_engine.models.backbone import Backbone, Maps
from sit_engine.models.channels import Channels
from sit_engine.models.searched import Searched, begin, build_searched
from sit_engine.models.supernet_block import Slot, sliced_norm
from sit_engine.views.seeds import numpy_stream

SHOWN_AMONG = 64
"""Networks of which the costliest is what measurements during training read."""


class Stem(nn.Module):
    """What belongs to one patch size: projection, tokens, positions, and the way to the finest grid."""

    def __init__(self, patch: int, width: int, tokens: int, image_size: int, finest: int) -> None:
        super().__init__()
        self.patch, self.finer = patch, patch // finest if patch % finest == 0 else 1
        across = image_size // patch
        self.grid, count = (across, across), tokens + across**2
        self.proj = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.empty(1, tokens, width)) if tokens else None
        self.positions = nn.Parameter(torch.empty(1, count, width))
        # A coarse place says of each of its finer ones something else, or a head could not either.
        self.spread = nn.Linear(width, self.finer**2 * width) if self.finer > 1 else None
        for table in (self.token, self.positions):
            if table is not None:
                nn.init.trunc_normal_(table, std=0.02)

    def forward(self, image_BCYX: Tensor, own: Channels) -> Tensor:
        """Tokens and places with their positions, [B,T+N,D]."""
        weight, bias = self.projection(own)
        map_BDhw = functional.conv2d(image_BCYX, weight, bias, self.patch)
        tokens_BND = map_BDhw.flatten(2).transpose(1, 2)
        if self.token is not None:
            token = own.of(self.token, 2).expand(len(tokens_BND), -1, -1)
            tokens_BND = torch.cat([token, tokens_BND], dim=1)
        return tokens_BND + self._positions(own, (map_BDhw.shape[2], map_BDhw.shape[3]))

    def projection(self, own: Channels) -> tuple[Tensor, Tensor]:
        """Weight [D,3,P,P] and bias [D] of those channels."""
        assert self.proj.bias is not None
        return own.of(self.proj.weight, 0), own.of(self.proj.bias, 0)

    def _positions(self, own: Channels, grid: tuple[int, int]) -> Tensor:
        table_1ND = own.of(self.positions, 2)
        if grid == self.grid:
            return table_1ND
        before = 0 if self.token is None else self.token.shape[1]
        resized: Tensor = resample_abs_pos_embed(
            table_1ND, new_size=list(grid), num_prefix_tokens=before
        )
        return resized

    def finely(self, places_BND: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
        """Places of the widest network on the finest grid, as far as patches are multiples of that's."""
        if self.spread is None:
            return places_BND, grid
        (high, wide), finer = grid, self.finer
        spread = self.spread(places_BND).unflatten(-1, (finer, finer, -1))
        spread = spread.unflatten(1, (high, wide)).permute(0, 1, 3, 2, 4, 5)
        return spread.flatten(3, 4).flatten(1, 2).flatten(1, 2), (high * finer, wide * finer)


class Supernet(Backbone):
    """The space's networks in one; which of them answers is drawn, or chosen by `answering`."""

    has_unused_parameters = True

    def __init__(self, options: SupernetOptions[Never], *, drop_path: float) -> None:
        super().__init__()
        self.options, self.space = options, options.space
        self.limits, self.identity = options.limits, options.identity_each
        self.width, self.stride = options.token_width, options.stride
        self.tokens_before, self.blocks_deep = options.tokens, options.slots
        self.fused = self.recompute = False
        space = self.space
        self.stems = nn.ModuleDict(
            {
                str(patch): Stem(
                    patch, self.width, options.tokens, options.image_size, min(space.patches)
                )
                for patch in space.patches
            }
        )
        self.slots = nn.ModuleList(
            Slot(space, self.width, drop_path * number / max(1, space.slots - 1))
            for number in range(space.slots)
        )
        self.norm = nn.LayerNorm(self.width, 1e-6)
        self.apply(begin)
        self.drawn = self.shown = self._costliest()
        self.chosen: tuple[NetworkShape, tuple[End, ...]] | None = None

    # Which network answers

    def _costliest(self) -> NetworkShape:
        """The costliest of some within the limits: what takes memory, and what readings are made of."""
        generator = numpy_stream(0, 0, 0, "network")
        codes = self.limits.draw(self.space, self.identity, generator, SHOWN_AMONG)
        costs = self.limits.table.costs(self.space, codes)
        return self.space.shape(codes[int(costs.argmax())])

    def begin_step(self, seed: int, step: int) -> None:
        """Draw the network that is trained from here on: at a step the same on every rank."""
        generator = numpy_stream(seed, step, 0, "network")
        (code,) = self.limits.draw(self.space, self.identity, generator)
        self.drawn = self.space.shape(code)

    @contextmanager
    def answering(self, shape: NetworkShape, *ends: End) -> Iterator[None]:
        """Let that network answer in this block, from those ends of its layers (all that are trained)."""
        before = self.chosen
        self.chosen = shape, ends or ends_of(self.options.sharing)
        try:
            yield
        finally:
            self.chosen = before

    @property
    def answer(self) -> tuple[NetworkShape, tuple[End, ...]]:
        """The network whose output is read, and its passes."""
        if self.chosen is not None:
            return self.chosen
        shape = self.drawn if self.training else self.shown
        return shape, ends_of(self.options.sharing)

    def channels(self, shape: NetworkShape, end: End) -> Channels:
        """Channels that the stream of that network takes of the widest."""
        widths, sharing = self.space.widths, self.options.sharing
        first = first_channel(widths, shape.width, sharing, end)
        return Channels(first, shape.width, self.width)

    # What a backbone gives

    def maps(self, image_BCYX: Tensor) -> Maps:
        """Last map of the network that answers, at its channels of the widest; both ends are added up."""
        shape, ends = self.answer
        passes = [self._passed(image_BCYX, shape, end) for end in ends]
        tokens = sum(spread.tokens for spread in passes[1:]) + passes[0].tokens
        places = sum(spread.places for spread in passes[1:]) + passes[0].places
        places, grid = self._stem(shape).finely(places, passes[0].grid)
        return Maps(tokens, places, grid)

    def pooled(self, image_BCYX: Tensor) -> Tensor:
        """The tokens, or the mean place before it is spread over the finest grid."""
        shape, ends = self.answer
        found = []
        for end in ends:
            seen = self._passed(image_BCYX, shape, end)
            found.append(seen.tokens if self.tokens_before else seen.places.mean(1, keepdim=True))
        return torch.stack(found).sum(0)

    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        """Maps after each block of the network that answers, from its first end."""
        shape, ends = self.answer
        own = self.channels(shape, ends[0])
        return [
            self._as_maps(own.spread(tokens_BND), image_BCYX, shape)
            for tokens_BND in self._blocks(image_BCYX, shape, ends[0])
        ]

    def attention(self, image_BCYX: Tensor) -> Tensor:
        """Attention of the network that answers, as by itself, from its first end."""
        shape, ends = self.answer
        return self.extract(shape, ends[0]).attention(image_BCYX)

    def level(self, name: str) -> int:
        """The level of a parameter, by its slot."""
        if name.startswith("slots."):
            return int(name.split(".")[1]) + 1
        return self.blocks_deep + 1 if name.startswith("norm.") else 0

    def first_layer(self) -> list[nn.Parameter]:
        """Weights and biases from pixels to tokens, of every patch size."""
        return [p for name, p in self.named_parameters() if ".proj." in name and "stems" in name]

    def freeze(self, *, but_last: int) -> None:
        """Freeze by level: all but so many last slots and the norm after them; 0: everything."""
        least = self.blocks_deep - but_last + 1 if but_last else self.blocks_deep + 2
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(self.level(name) >= least)
        for slot in self.slots[: self.blocks_deep - but_last]:
            slot.drop_path = nn.Identity()

    def set_fused_attention(self, *, fused: bool) -> None:
        """Set the fused attention of every slot."""
        self.fused = fused

    def set_recompute(self, *, on: bool) -> None:
        """Set recomputation of activations in every slot."""
        self.recompute = on

    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the same space as they are; of an export the classifier is left."""
        own = self.state_dict()
        return {name: value for name, value in tensors.items() if name in own}

    # Out of it

    @torch.no_grad()
    def extract(self, shape: NetworkShape, end: End = "leading") -> Searched:
        """That network by itself, with its own copy of the weights: the same answers."""
        model = options_of(shape, self.space.image_size, self.options.tokens)
        made = build_searched(model, drop_path=0.0, fused_attention=self.fused)
        own, stem, tensors = self.channels(shape, end), self._stem(shape), made.state_dict()
        tensors["patch_embed.proj.weight"], tensors["patch_embed.proj.bias"] = stem.projection(own)
        tensors["pos_embed"] = own.of(stem.positions, 2)
        if stem.token is not None:
            token = own.of(stem.token, 2)
            tensors["cls_token"] = token[:, :1]
            if token.shape[1] > 1:
                tensors["reg_token"] = token[:, 1:]
        for number, block in enumerate(shape.blocks):
            slot = self.slots[number]
            assert isinstance(slot, Slot)
            taken = slot.taken(block, own, self.options.sharing, end)
            tensors |= {f"blocks.{number}.{name}": value for name, value in taken.items()}
        tensors["norm.weight"], tensors["norm.bias"] = (
            own.of(value, 0) for value in (self.norm.weight, self.norm.bias)
        )
        made.load_state_dict(tensors)
        return made.to(self.norm.weight.device).eval()

    # One pass

    def _stem(self, shape: NetworkShape) -> Stem:
        found = self.stems[str(shape.patch_size)]
        assert isinstance(found, Stem)
        return found

    def _passed(self, image_BCYX: Tensor, shape: NetworkShape, end: End) -> Maps:
        """The maps of a network after the final norm, at its channels of the widest."""
        own = self.channels(shape, end)
        *_, last_BND = self._blocks(image_BCYX, shape, end)
        return self._as_maps(own.spread(sliced_norm(self.norm, last_BND, own)), image_BCYX, shape)

    def _blocks(self, image_BCYX: Tensor, shape: NetworkShape, end: End) -> Iterator[Tensor]:
        """Tokens [B,T+N,D] after each block."""
        own = self.channels(shape, end)
        tokens_BND = self._stem(shape)(image_BCYX, own)
        for slot, block in zip(self.slots, shape.blocks, strict=False):
            given = (tokens_BND, block, own, self.options.sharing, end, self.fused)
            tokens_BND = (
                checkpoint(slot, *given, use_reentrant=False) if self.recompute else slot(*given)
            )
            yield tokens_BND

    def _as_maps(self, tokens_BND: Tensor, image_BCYX: Tensor, shape: NetworkShape) -> Maps:
        count = self.tokens_before
        high, wide = (side // shape.patch_size for side in image_BCYX.shape[-2:])
        return Maps(tokens_BND[:, :count], tokens_BND[:, count:], (high, wide))


def build_supernet(
    options: SupernetOptions[Never], *, drop_path: float, fused_attention: bool
) -> Supernet:
    """The untrained supernet that `options`, resolved, say."""
    built = Supernet(options, drop_path=drop_path)
    built.set_fused_attention(fused=fused_attention)
    return built
