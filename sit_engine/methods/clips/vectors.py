"""The vectors of a video's clips: what an index holds of it. Shapes: n frames, F, D width, m clips."""

from __future__ import annotations

import torch
from torch import Tensor

from sit_engine.methods.clips.encoder import ClipEncoder

AT_ONCE = 512


def clips_of(count: int, length: int, stride: int | None = None) -> list[tuple[int, int]]:
    """First and end of each clip of `count` frames: one after the other, the last may be shorter.

    With a `stride` below the length they overlap.
    """
    starts = range(
        0, max(1, count if stride is None else count - length + stride), stride or length
    )
    return [(start, min(start + length, count)) for start in starts if start < count]


@torch.no_grad()
def vectors_of(
    clips: ClipEncoder, feature_nF: Tensor, length: int, stride: int | None = None
) -> Tensor:
    """Unit vectors [m,D] on the CPU of the clips of a video's frames."""
    device = clips.mean.device
    places = clips_of(len(feature_nF), length, stride)
    was_training = clips.training
    clips.eval()
    found = []
    for at in range(0, len(places), AT_ONCE):
        some = places[at : at + AT_ONCE]
        feature = torch.zeros(len(some), length, feature_nF.shape[1])
        there = torch.zeros(len(some), length, dtype=torch.bool)
        for row, (start, end) in enumerate(some):
            feature[row, : end - start] = feature_nF[start:end]
            there[row, : end - start] = True
        found.append(clips(feature.to(device), there.to(device)).float().cpu())
    clips.train(was_training)
    return torch.cat(found)
