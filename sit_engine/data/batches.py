"""The training images of each step, from the pixel cache onto the device.

Shapes: B batch, S side of a cached image, C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sit_engine.data.cache import PixelStore

GPU_SHARE = 0.4


class Batches:
    """Batch of step s = a pure function of (seed, s): the order is drawn per epoch.

    The last incomplete batch of an epoch is left out: the contrastive loss compares full batches.
    """

    def __init__(
        self,
        store: PixelStore,
        rows: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.store, self.rows = store, rows
        self.batch_size, self.seed, self.device = batch_size, seed, device
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

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """uint8 images [B,S,S,C] on the device, and width / height of their originals [B]."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self.epoch:
            generator = np.random.default_rng([self.seed, epoch])
            self.order, self.epoch = generator.permutation(len(self.rows)), epoch
            # Once an epoch, so that a step need not wait for a copy.
            self.order_on_device = torch.from_numpy(self.order).to(self.device)
        part = slice(position * self.batch_size, (position + 1) * self.batch_size)
        chosen = self.order[part]
        aspect_B = self.aspect[chosen]
        if self.on_device is not None:
            return self.on_device[self.order_on_device[part]], aspect_B
        images = torch.from_numpy(self.store.rows(self.rows[chosen]))
        return images.to(self.device, non_blocking=True), aspect_B
