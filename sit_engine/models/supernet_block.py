"""One slot of a supernet: a transformer block of which narrower ones take channels.

Shapes: B images, N tokens, D stream width, A attention width and H hidden width of the drawn block.
"""

from __future__ import annotations

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.config.families.network_shape import BlockShape
from sit_engine.config.families.sharing import End, Sharing, first_channel
from sit_engine.config.families.space import Space
from sit_engine.models.channels import Channels
from sit_engine.models.searched import attend


class Slot(nn.Module):
    """Queries and keys for each number of heads; all else is shared."""

    def __init__(self, space: Space, width: int, drop_path: float) -> None:
        super().__init__()
        self.space = space
        wide, hidden = max(space.attentions), max(space.mlps)
        self.norm1 = nn.LayerNorm(width, 1e-6)
        self.query = nn.ModuleDict({str(heads): nn.Linear(width, wide) for heads in space.heads})
        self.key = nn.ModuleDict({str(heads): nn.Linear(width, wide) for heads in space.heads})
        self.value = nn.Linear(width, wide)
        self.proj = nn.Linear(wide, width)
        self.norm2 = nn.LayerNorm(width, 1e-6)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def forward(
        self,
        tokens_BND: Tensor,
        block: BlockShape,
        own: Channels,
        sharing: Sharing,
        end: End,
        fused: bool,
    ) -> Tensor:
        """[B,N,D] to [B,N,D]. Queries are scaled by the head's own width, as in the network alone."""
        attention, hidden = self._inner(block, sharing, end)
        normed_BND = sliced_norm(self.norm1, tokens_BND, own)
        parts = self._attention_layers(block)
        weight = torch.cat([own.of(attention.of(layer.weight, 0), 1) for layer in parts])
        bias = torch.cat([attention.of(layer.bias, 0) for layer in parts])
        scale = (block.attention // block.heads) ** -0.5
        mixed_BNA = attend(
            functional.linear(normed_BND, weight, bias), block.heads, scale, fused=fused
        )
        tokens_BND = tokens_BND + self.drop_path(_linear(self.proj, mixed_BNA, attention, own))
        normed_BND = sliced_norm(self.norm2, tokens_BND, own)
        hidden_BNH = functional.gelu(_linear(self.fc1, normed_BND, own, hidden))
        out: Tensor = tokens_BND + self.drop_path(_linear(self.fc2, hidden_BNH, hidden, own))
        return out

    def taken(
        self, block: BlockShape, own: Channels, sharing: Sharing, end: End
    ) -> dict[str, Tensor]:
        """Its tensors under the names of a block of the family `searched`."""
        attention, hidden = self._inner(block, sharing, end)
        parts = self._attention_layers(block)
        found = {
            "attn.qkv.weight": torch.cat(
                [own.of(attention.of(layer.weight, 0), 1) for layer in parts]
            ),
            "attn.qkv.bias": torch.cat([attention.of(layer.bias, 0) for layer in parts]),
        }
        for name, layer, into, out in (
            ("attn.proj", self.proj, attention, own),
            ("mlp.fc1", self.fc1, own, hidden),
            ("mlp.fc2", self.fc2, hidden, own),
        ):
            found[f"{name}.weight"] = into.of(out.of(layer.weight, 0), 1)
            found[f"{name}.bias"] = out.of(layer.bias, 0)
        for name, norm in (("norm1", self.norm1), ("norm2", self.norm2)):
            found[f"{name}.weight"] = own.of(norm.weight, 0)
            found[f"{name}.bias"] = own.of(norm.bias, 0)
        return found

    def _inner(self, block: BlockShape, sharing: Sharing, end: End) -> tuple[Channels, Channels]:
        """Channels of the attention, whose heads are stretches one behind the other, and of the MLP."""
        space = self.space
        found = []
        for candidates, width in ((space.attentions, block.attention), (space.mlps, block.mlp)):
            first = first_channel(candidates, width, sharing, end)
            found.append(Channels(first, width, max(candidates)))
        return found[0], found[1]

    def _attention_layers(self, block: BlockShape) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        query, key = self.query[str(block.heads)], self.key[str(block.heads)]
        assert isinstance(query, nn.Linear)
        assert isinstance(key, nn.Linear)
        return query, key, self.value


def sliced_norm(norm: nn.LayerNorm, tokens_BND: Tensor, own: Channels) -> Tensor:
    """Norm over the channels that are there, by their own weights."""
    weight, bias = own.of(norm.weight, 0), own.of(norm.bias, 0)
    return functional.layer_norm(tokens_BND, (own.number,), weight, bias, norm.eps)


def _linear(layer: nn.Linear, tokens: Tensor, into: Channels, out: Channels) -> Tensor:
    """A layer's slice: from those channels to those."""
    return functional.linear(tokens, into.of(out.of(layer.weight, 0), 1), out.of(layer.bias, 0))
