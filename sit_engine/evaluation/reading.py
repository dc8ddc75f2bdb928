"""Images of any number read once, a bounded piece at a time, and what networks make of each piece.

Used by evaluate, predict, embed and neighbours. Shapes: n images, B of a piece, D width, C classes,
V side of a view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sit_engine.data.decode.preprocess import load_views
from sit_engine.data.folder.index import ValueRange

PIECE = 256
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImageSet:
    """Files that were found usable, with their classes (-1: none)."""

    paths: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class Reader:
    """How pixels are read: what is black and white in deep images, and on how many threads."""

    value_range: ValueRange | None = None
    threads: int = 2

    def views(self, paths: Sequence[str], side: int) -> Tensor:
        """uint8 views [B,3,V,V] of a few files."""
        return load_views(paths, side, self.value_range, threads=self.threads)

    def pieces(
        self, paths: Sequence[str], side: int, tell: Tell, *, phase: str, piece: int = PIECE
    ) -> Iterator[tuple[int, Tensor]]:
        """The number of the first image and uint8 views [B,3,V,V], `piece` images at a time.

        `tell` is called before each piece and at the end: whoever asks may break off there.
        """
        for start in range(0, len(paths), piece):
            tell(phase, start, len(paths))
            some = paths[start : start + piece]
            yield start, self.views(some, side)
        tell(phase, len(paths), len(paths))


Work = Callable[[Tensor], Tensor]
"""uint8 views [B,3,V,V] to rows [B,…] on the CPU."""


def read_through(
    reader: Reader, paths: Sequence[str], side: int, works: Mapping[str, Work], tell: Tell, *,
    phase: str,
) -> dict[str, Tensor]:  # fmt: skip
    """Every work's rows for all images, in order, from one reading of the files."""
    parts: dict[str, list[Tensor]] = {name: [] for name in works}
    for _, views in reader.pieces(paths, side, tell, phase=phase):
        for name, work in works.items():
            parts[name].append(work(views))
    return {name: torch.cat(found) for name, found in parts.items()}
