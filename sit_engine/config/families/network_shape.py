"""The sizes of a vision transformer block by block, and what such a network costs; plain numbers.

Shapes in the formulas: N patches, P patch size, D width, A attention width of queries, keys and values
each, H hidden width of an MLP.
"""

from __future__ import annotations

from typing import NamedTuple


class BlockShape(NamedTuple):
    """Heads, and the widths of attention (of queries, keys and values each) and MLP of one block."""

    heads: int
    attention: int
    mlp: int


class NetworkShape(NamedTuple):
    """A vision transformer; one width throughout its blocks, which may differ in all else."""

    patch_size: int
    width: int
    blocks: tuple[BlockShape, ...]

    @property
    def depth(self) -> int:
        """Blocks."""
        return len(self.blocks)

    def patches(self, image_size: int) -> int:
        """N of square views."""
        return (image_size // self.patch_size) ** 2

    def multiply_adds(self, image_size: int, classes: int = 0) -> int:
        """Multiply-adds of a view, as ViTAS's code counts (core/utils/flops.py): no token, norm, softmax.

        N·3P²·D + Σ over blocks (4·N·D·A + 2·N²·A + 2·N·D·H) + D·classes: with A of each of queries,
        keys and values this is N·D·3A + 2N²·A + N·A·D + 2·N·D·H.
        """
        count, width = self.patches(image_size), self.width
        first = count * 3 * self.patch_size**2 * width
        inner = sum(
            4 * count * width * block.attention
            + 2 * count**2 * block.attention
            + 2 * count * width * block.mlp
            for block in self.blocks
        )
        return first + inner + width * classes

    def parameters(self, image_size: int, *, tokens: int = 1, classes: int = 0) -> int:
        """Parameters, with biases everywhere, tokens, positions, and a classifier of so many classes."""
        width = self.width
        first = 3 * self.patch_size**2 * width + width
        positions = (self.patches(image_size) + tokens) * width + tokens * width
        inner = sum(
            4 * width
            + (width + 1) * 3 * block.attention
            + (block.attention + 1) * width
            + (width + 1) * block.mlp
            + (block.mlp + 1) * width
            for block in self.blocks
        )
        return first + positions + inner + 2 * width + (width + 1) * classes * (classes > 0)

    def answer_bytes(self, image_size: int, *, tokens: int = 1) -> int:
        """Memory to answer one view in single precision: all weights, and the largest block's vectors.

        Of a block the larger of its two halves: the stream, queries, keys, values and the attention of
        every head; or the stream and the hidden vectors.
        """
        count = self.patches(image_size) + tokens
        largest = max(
            count * self.width
            + max(3 * count * block.attention + block.heads * count**2, count * block.mlp)
            for block in self.blocks
        )
        return 4 * (self.parameters(image_size, tokens=tokens) + largest)


def uniform(
    patch_size: int, width: int, depth: int, heads: int, mlp: int, attention: int | None = None
) -> NetworkShape:
    """A plain vision transformer: all blocks alike, attention as wide as the stream."""
    return NetworkShape(patch_size, width, (BlockShape(heads, attention or width, mlp),) * depth)
