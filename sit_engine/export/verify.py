"""Compares an exported program, opened in a clean process without our package, with the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from sit_engine.errors import ExportError
from sit_engine.export.program import run_child

MOST_DIFFERENCE = 1e-4
TIMED_CALLS = 13


@dataclass(frozen=True)
class Verified:
    """max|a−b| / max|a| over three batches, and median milliseconds for one image on CPU."""

    difference: float
    latency_ms: float
    threads: int


def verify(file: Path, eager: nn.Module, side: int, *, format: str, frames: int = 0) -> Verified:
    """Compare the file with the eager model on uint8 images of three batch sizes.

    TorchScript takes any size, so it gets three; the others get views of `side`. A program of clips
    gets so many `frames` of each.
    """
    batches = _images(side, is_any_size=format == "torchscript", frames=frames)
    answers, told = run_child(
        file, [images.numpy() for images in batches], format=format, times=TIMED_CALLS
    )
    difference = 0.0
    with torch.inference_mode():
        for images, answer in zip(batches, answers, strict=True):
            ours = eager(images)
            apart = float((ours - torch.from_numpy(answer)).abs().max() / ours.abs().max())
            # max() would pass over a NaN that stands second.
            difference = max(difference, math.inf if math.isnan(apart) else apart)
    if not difference <= MOST_DIFFERENCE or told["foreign"]:
        raise ExportError(
            "export.differs",
            "The exported file {file} differs from the model by {difference} (allowed {most}).",
            "Keep the run and report this; the file was left for a look.",
            file=file,
            difference=f"{difference:.1e}",
            most=MOST_DIFFERENCE,
        )
    return Verified(difference, float(told["latency_ms"]), torch.get_num_threads())


def _images(side: int, *, is_any_size: bool, frames: int) -> list[Tensor]:
    """uint8 noise: the view's own size, a larger landscape and a smaller portrait."""
    generator = torch.Generator().manual_seed(0)
    sizes = [(3, side, side), (2, side + 37, 2 * side), (1, side + 5, max(1, side - 3))]
    count = (frames,) if frames else ()
    return [
        torch.randint(
            0,
            256,
            (batch, *count, 3, height, width) if is_any_size else (batch, *count, 3, side, side),
            dtype=torch.uint8,
            generator=generator,
        )
        for batch, height, width in sizes
    ]
