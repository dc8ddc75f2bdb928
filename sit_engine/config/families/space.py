"""The networks that a search chooses from, as lists of sizes, and their codes; plain arrays, no torch.

A network is a row of places in those lists: patch size, width, depth, then heads, attention width and
MLP width of each slot. Identities stand at the end only: slots behind the depth hold 0, so that one
network has one code. Shapes: n codes, G = 3 + 3 · slots genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from sit_engine.config.families.network_shape import BlockShape, NetworkShape

FRONT = 3
"""Genes before those of the slots."""
OF_SLOT = 3
Identity: TypeAlias = "float | Sequence[float]"
"""How often a slot is none: one probability, or one for each patch size."""


class Space(NamedTuple):
    """Lists of what a network may have; every width list is in rising order."""

    image_size: int
    patches: tuple[int, ...]
    widths: tuple[int, ...]
    least_depth: int
    slots: int
    heads: tuple[int, ...]
    attentions: tuple[int, ...]
    mlps: tuple[int, ...]

    @property
    def choices(self) -> np.ndarray:
        """How many values each gene has: [G]."""
        front = [len(self.patches), len(self.widths), self.slots - self.least_depth + 1]
        slot = [len(self.heads), len(self.attentions), len(self.mlps)]
        return np.array(front + slot * self.slots)

    @property
    def networks(self) -> float:
        """How many there are."""
        each = float(len(self.heads) * len(self.attentions) * len(self.mlps))
        depths = range(self.least_depth, self.slots + 1)
        return len(self.patches) * len(self.widths) * sum(each**depth for depth in depths)

    def depths(self, codes_nG: np.ndarray) -> np.ndarray:
        """Real blocks of each: [n]."""
        depths: np.ndarray = codes_nG[:, 2] + self.least_depth
        return depths

    def is_real(self, codes_nG: np.ndarray) -> np.ndarray:
        """Which slots are no identities: [n,slots]."""
        real: np.ndarray = np.arange(self.slots) < self.depths(codes_nG)[:, None]
        return real

    def canonical(self, codes_nG: np.ndarray) -> np.ndarray:
        """The one code of each network: whatever stands behind the depth is 0."""
        real = np.repeat(self.is_real(codes_nG), OF_SLOT, axis=1)
        front = np.ones((len(codes_nG), FRONT), dtype=bool)
        return np.where(np.concatenate([front, real], axis=1), codes_nG, 0)

    def shape(self, code_G: np.ndarray) -> NetworkShape:
        """The network of a code."""
        patch, width, depth, *slots = code_G.tolist()
        rows = zip(slots[0::3], slots[1::3], slots[2::3], strict=True)
        blocks = [
            BlockShape(self.heads[heads], self.attentions[wide], self.mlps[hidden])
            for heads, wide, hidden in rows
        ]
        real = tuple(blocks[: depth + self.least_depth])
        return NetworkShape(self.patches[patch], self.widths[width], real)

    def code(self, shape: NetworkShape) -> np.ndarray:
        """The code of a network of this space, [G]; ValueError for any other."""
        genes = [
            self.patches.index(shape.patch_size),
            self.widths.index(shape.width),
            range(self.least_depth, self.slots + 1).index(shape.depth),
        ]
        for heads, attention, mlp in shape.blocks:
            genes += [
                self.heads.index(heads),
                self.attentions.index(attention),
                self.mlps.index(mlp),
            ]
        return np.array(genes + [0] * (len(self.choices) - len(genes)))

    def draw(self, count: int, identity: Identity, generator: np.random.Generator) -> np.ndarray:
        """Codes drawn at random, [n,G]: the depth, and then that many blocks.

        Each slot is an identity with a probability of `identity`, and those go to the end; there are
        never fewer blocks than the least depth.
        """
        size = (count, len(self.choices))
        if isinstance(identity, float | int):
            # Runs of one probability draw as they always did: the depth first.
            real_n = generator.binomial(self.slots, 1 - identity, count)
            codes = generator.integers(0, self.choices, size)
        else:
            codes = generator.integers(0, self.choices, size)
            real_n = generator.binomial(self.slots, 1 - np.array(identity)[codes[:, 0]])
        codes[:, 2] = np.maximum(real_n, self.least_depth) - self.least_depth
        return self.canonical(codes)


def tenths(most: int, least: int = 1) -> tuple[int, ...]:
    """A width in tenths of the most, from `least` of them on; rounded, as published."""
    return tuple(round(most * ratio / 10) for ratio in range(least, 11))


# What ViTAS-A, B and E were searched in, and ViTAS-F (arXiv 2106.13700 v1, authors' code).
PUBLISHED = Space(224, (14, 16, 32), tenths(384), 1, 16, (3, 6, 12, 16), tenths(480), tenths(1440))
PUBLISHED_LARGE = Space(
    224, (14, 16, 32), tenths(768), 13, 13, (3, 6, 12, 16), tenths(960), tenths(2880)
)
