"""Pixels onto a GPU beside its work: pinned buffers in turn and a stream of their own.

Used by batches, the Uploader in its thread and on CUDA only. Shapes: B images, S side, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BUFFERS = 2


@dataclass(frozen=True)
class Uploaded:
    """Pixels [B,S,S,C] on a device; on CUDA their copy may still be under way."""

    pixels: Tensor
    copied: torch.cuda.Event | None = None

    def ready(self) -> Tensor:
        """The pixels, for the current stream: the GPU waits for the copy, the host does not."""
        if self.copied is not None:
            stream = torch.cuda.current_stream(self.pixels.device)
            stream.wait_event(self.copied)
            # They were allocated for the other stream: not to be given away before this one is done.
            self.pixels.record_stream(stream)
        return self.pixels


class Uploader:
    """One thread fills a buffer while the GPU copies the other one."""

    def __init__(self, device: torch.device, shape: tuple[int, ...]) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.buffers = [
            torch.empty(shape, dtype=torch.uint8, pin_memory=True) for _ in range(BUFFERS)
        ]
        self.copied: list[torch.cuda.Event | None] = [None] * BUFFERS
        self.turn = 0

    def buffer(self) -> NDArray[np.uint8]:
        """The next buffer, free to be filled; waits for the copy that still reads it."""
        copied = self.copied[self.turn]
        if copied is not None:
            copied.synchronize()
        found: NDArray[np.uint8] = self.buffers[self.turn].numpy()
        return found

    def send(self) -> Uploaded:
        """Start copying the buffer that `buffer` gave; the next call of that gives another."""
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        with torch.cuda.device(self.device), torch.cuda.stream(self.stream):
            pixels = self.buffers[self.turn].to(self.device, non_blocking=True)
            copied.record(self.stream)
        self.copied[self.turn] = copied
        self.turn = (self.turn + 1) % BUFFERS
        return Uploaded(pixels, copied)
