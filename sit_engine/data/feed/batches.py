"""The training images of each step, from the pixel store onto the device.

Shapes: N images of a step in all processes, B those whose pixels this process holds, n any others,
S side of a cached image, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.data.feed.prefetch import Prefetcher
from sit_engine.data.feed.upload import Uploaded, Uploader
from sit_engine.data.folder.index import Problem
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.errors import DataError
from sit_engine.to_device import to_device

GPU_SHARE = 0.4
STEPS_AHEAD = 2
_UPLOADED_AT_ONCE = 4096

Positions = NDArray[np.int64]
"""Places in the list of training images."""


def _all() -> slice:
    return slice(None)


@dataclass(frozen=True)
class Batch:
    """Images of one step: pixels on the device, the rest on the CPU.

    With several processes `images_BSSC` are the per-rank batch, `own` of the N images of the step;
    `aspect_B`, `labels_B` and `positions_B` are of all N, in each process.
    """

    images_BSSC: Tensor
    aspect_B: Tensor
    """Width / height of the originals."""
    labels_B: Tensor
    """Class numbers; -1: no label."""
    positions_B: Tensor
    """Which of the training images they are."""
    own: slice = field(default_factory=_all)
    """Which of the N images the pixels are."""
    items_B: Tensor | None = None
    """Which item each of the N images is of: a video, or an image on its own; None: no videos."""
    read: Callable[[Positions], Tensor] | None = None
    """What `more` asks; None: the pixels are all N."""

    def more(self, indices: NDArray[np.integer]) -> Tensor:
        """uint8 [n,S,S,C] on the device, of any of the N images of the step."""
        if self.read is None:
            return self.images_BSSC[to_device(indices, self.images_BSSC.device)]
        return self.read(np.asarray(indices, dtype=np.int64))


class Batches:
    """Batch of step s = a pure function of (seed, s): the order is drawn per epoch.

    An image is in an epoch once: copies side by side (repeated augmentation) would be negatives of
    each other to a contrastive loss (docs/adr/0012-tasks-and-recipes.md). The last incomplete batch is
    left out, since that loss compares full batches.
    With `weights` the images of an epoch are drawn with replacement, in proportion to them.
    `rank` is the number of this process and how many there are; the batch size is that of all of
    them together and a multiple of their count.
    """

    def __init__(
        self,
        store: PixelStore,
        rows: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        labels: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        rank: tuple[int, int] = (0, 1),
    ) -> None:
        self.store, self.rows = store, rows
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.labels = np.full(len(rows), -1) if labels is None else labels
        self.steps_per_epoch = len(rows) // batch_size
        number, self.processes = rank
        size = batch_size // self.processes
        self.own = slice(number * size, (number + 1) * size)
        self.aspect = torch.from_numpy(np.ascontiguousarray(store.aspect[rows], dtype=np.float32))
        self.items = None if store.items is None else store.items[rows]
        self.order = _Order(len(rows), batch_size, seed, weights)
        self.on_device = self._upload_all() if device.type == "cuda" else None
        self.order_on_device = (-1, torch.empty(0, dtype=torch.int64, device=device))
        self.source = _Source(store, rows, self.order, self.own, device)
        self.prefetcher = (
            Prefetcher(self.source.load, STEPS_AHEAD) if self.on_device is None else None
        )

    def _upload_all(self) -> Tensor | None:
        """All training pixels on the GPU when they take a bounded share of its free memory."""
        free, _ = torch.cuda.mem_get_info(self.device)
        side, count = self.store.side, len(self.rows)
        if count * side**2 * 3 > GPU_SHARE * free or not self.store.is_whole:
            return None
        pixels = torch.empty((count, side, side, 3), dtype=torch.uint8, device=self.device)
        for start in range(0, count, _UPLOADED_AT_ONCE):
            part = slice(start, start + _UPLOADED_AT_ONCE)
            pixels[part] = torch.from_numpy(self.store.rows(self.rows[part]))
        return pixels

    @property
    def problems(self) -> list[Problem]:
        """Files that turned out unreadable while training, in the order they were met.

        Their places in a batch are taken by the next image of that batch that can be read.
        """
        return list(self.store.problems.values())

    def draw(self, number: int) -> None:
        """Use other orders of images from here on, one for each `number`; 0 is the first."""
        self.order.number = number
        self.order_on_device = (-1, self.order_on_device[1])
        if self.prefetcher is not None:
            self.prefetcher.forget()

    def at(self, step: int) -> Batch:
        """The batch of a step."""
        if self.prefetcher is None:
            positions = self.order.at(step)
            return self._batch(positions, self._gathered(step), self.own)
        loaded = self.prefetcher.at(step)
        return self._batch(loaded.positions, loaded.uploaded.ready(), self.own)

    def some(self, positions: Positions) -> Batch:
        """The training images at these positions of the list, with all their pixels."""
        if self.on_device is not None:
            images = self.on_device[to_device(positions, self.device)]
            return self._batch(positions, images, slice(0, len(positions)))
        pixels, positions = self.source.read(positions, np.arange(len(positions)))
        return self._batch(positions, to_device(pixels, self.device), slice(0, len(positions)))

    def _gathered(self, step: int) -> Tensor:
        """This process's pixels of a step, out of those on the GPU."""
        assert self.on_device is not None
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self.order_on_device[0]:
            # Once an epoch, so that a step need not copy it.
            whole = to_device(self.order.of_epoch(epoch), self.device)
            self.order_on_device = (epoch, whole)
        start = position * self.batch_size
        part = slice(start + self.own.start, start + self.own.stop)
        return self.on_device[self.order_on_device[1][part]]

    def _batch(self, positions: Positions, images: Tensor, own: slice) -> Batch:
        labels_B = torch.from_numpy(self.labels[positions].astype(np.int64))
        is_whole = own == slice(0, len(positions))
        read = None if is_whole else self._reader(positions)
        positions_B = torch.from_numpy(positions)
        items_B = None if self.items is None else torch.from_numpy(self.items[positions])
        return Batch(images, self.aspect[positions], labels_B, positions_B, own, items_B, read)

    def _reader(self, positions: Positions) -> Callable[[Positions], Tensor]:
        """The reader for `Batch.more`; it holds no Batches, whose thread would then never end."""
        on_device, source, device = self.on_device, self.source, self.device

        def read(indices: Positions) -> Tensor:
            if on_device is not None:
                return on_device[to_device(positions[indices], device)]
            return to_device(source.read(positions, indices)[0], device)

        return read


class _Order:
    """Which images a step takes."""

    def __init__(self, count: int, batch_size: int, seed: int, weights: np.ndarray | None) -> None:
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.shares = None if weights is None else weights / weights.sum()
        self.number = 0
        self.known = ((0, -1), np.empty(0, dtype=np.int64))

    def at(self, step: int) -> Positions:
        """Positions of the N images of a step."""
        epoch, position = divmod(step, self.count // self.batch_size)
        part = slice(position * self.batch_size, (position + 1) * self.batch_size)
        return self.of_epoch(epoch)[part]

    def of_epoch(self, epoch: int) -> Positions:
        """The whole order of an epoch."""
        known, asked = self.known, (self.number, epoch)
        if known[0] != asked:
            number, _ = asked
            generator = np.random.default_rng([self.seed, epoch, *([number] if number else [])])
            order = generator.permutation(self.count)
            if self.shares is not None:
                order = generator.choice(self.count, self.count, p=self.shares)
            # Set as one: the thread ahead may be an epoch further and asks too.
            known = self.known = (asked, order)
        return known[1]


@dataclass(frozen=True)
class _Loaded:
    """Pixels of the per-rank batch, and the positions of the whole batch."""

    uploaded: Uploaded
    positions: Positions


class _Source:
    """Reads pixels out of the store: what the thread ahead works with."""

    def __init__(
        self,
        store: PixelStore,
        rows: np.ndarray,
        order: _Order,
        own: slice,
        device: torch.device,
    ) -> None:
        self.store, self.rows, self.order, self.device = store, rows, order, device
        self.own = np.arange(own.start, own.stop)
        self.uploader: Uploader | None = None

    def load(self, step: int) -> _Loaded:
        """The per-rank batch of a step, on its way to the device."""
        positions = self.order.at(step)
        if self.device.type != "cuda":
            pixels, positions = self.read(positions, self.own)
            return _Loaded(Uploaded(torch.from_numpy(pixels)), positions)
        if self.uploader is None:
            side = self.store.side
            self.uploader = Uploader(self.device, (len(self.own), side, side, 3))
        _, positions = self.read(positions, self.own, out=self.uploader.buffer())
        return _Loaded(self.uploader.send(), positions)

    def read(
        self, positions: Positions, wanted: Positions, *, out: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.uint8], Positions]:
        """Pixels [B,S,S,C] of the batch's images number `wanted`, and who they are.

        A file that cannot be read is replaced by the next of the batch that can: the same one
        whoever asks, and again at a resume.
        """
        if out is None:
            side = self.store.side
            out = np.empty((len(wanted), side, side, 3), dtype=np.uint8)
        failed = self.store.read(self.rows[positions[wanted]], out)
        if not failed:
            return out, positions
        found = positions.copy()
        for place in sorted(failed):
            number = int(wanted[place])
            found[number] = self._stand_in(positions, number, out[place])
        return out, found

    def _stand_in(self, positions: Positions, number: int, out: NDArray[np.uint8]) -> int:
        """Fill `out` with the first readable image after that number; gives its position."""
        for position in np.roll(positions, -number)[1:]:
            if not self.store.read(self.rows[[position]], out[None]):
                return int(position)
        raise DataError(
            "data.batch_unreadable",
            "None of the {count} images of a step can be read any more; the first is {path}.",
            "Check that the disk with the images is connected, then resume the run.",
            count=len(positions),
            path=next(iter(self.store.problems.values())).path,
        )
