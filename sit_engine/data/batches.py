"""The training images of each step, from the pixel cache onto the device.

Shapes: B batch, S side of a cached image, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sit_engine.data.cache import PixelStore

GPU_SHARE = 0.4


@dataclass(frozen=True)
class Batch:
    """Images of one step: uint8 pixels [B,S,S,C] on the device, the rest on the CPU."""

    images_BSSC: Tensor
    aspect_B: Tensor
    """Width / height of the originals."""
    labels_B: Tensor
    """Class numbers; -1: no label."""
    positions_B: Tensor
    """Which of the training images they are."""


class Batches:
    """Batch of step s = a pure function of (seed, s): the order is drawn per epoch.

    An image is in an epoch once: copies side by side (repeated augmentation) would be negatives of
    each other to a contrastive loss (docs/adr/0012-tasks-and-recipes.md). The last incomplete batch is
    left out, since that loss compares full batches.
    With `weights` the images of an epoch are drawn with replacement, in proportion to them.
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
    ) -> None:
        self.store, self.rows = store, rows
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.labels = np.full(len(rows), -1) if labels is None else labels
        self.shares = None if weights is None else weights / weights.sum()
        self.steps_per_epoch = len(rows) // batch_size
        self.epoch = -1
        self.order = np.empty(0, dtype=np.int64)
        self.order_on_device = torch.empty(0, dtype=torch.int64, device=device)
        self.aspect = torch.from_numpy(np.ascontiguousarray(store.aspect[rows], dtype=np.float32))
        self.on_device = self._upload_all() if device.type == "cuda" else None

    def _upload_all(self) -> Tensor | None:
        """All training pixels on the GPU when they take a bounded share of its free memory."""
        free, _ = torch.cuda.mem_get_info(self.device)
        if len(self.rows) * self.store.side**2 * 3 > GPU_SHARE * free:
            return None
        return torch.from_numpy(self.store.rows(self.rows)).to(self.device)

    def at(self, step: int) -> Batch:
        """The batch of a step."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self.epoch:
            generator, count = np.random.default_rng([self.seed, epoch]), len(self.rows)
            self.order, self.epoch = generator.permutation(count), epoch
            if self.shares is not None:
                self.order = generator.choice(count, count, p=self.shares)
            # Once an epoch, so that a step need not wait for a copy.
            self.order_on_device = torch.from_numpy(self.order).to(self.device)
        part = slice(position * self.batch_size, (position + 1) * self.batch_size)
        on_device = self.order_on_device[part] if self.on_device is not None else None
        return self._batch(self.order[part], on_device)

    def some(self, positions: np.ndarray) -> Batch:
        """The training images at these positions of the list."""
        on_device = torch.from_numpy(positions).to(self.device)
        return self._batch(positions, on_device if self.on_device is not None else None)

    def _batch(self, positions: np.ndarray, on_device: Tensor | None) -> Batch:
        if self.on_device is not None and on_device is not None:
            images = self.on_device[on_device]
        else:
            images = torch.from_numpy(self.store.rows(self.rows[positions]))
            images = images.to(self.device, non_blocking=True)
        labels_B = torch.from_numpy(self.labels[positions].astype(np.int64))
        return Batch(images, self.aspect[positions], labels_B, torch.from_numpy(positions))
