"""Pictures and small statistics that the tests of views share."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional


def smooth_pictures(batch: int, side_px: int) -> Tensor:
    """uint8 [B, S, S, 3]: smooth colours with a little noise, as photographs have."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(batch, 3, side_px // 6 + 2, side_px // 6 + 2, generator=generator)
    smooth = functional.interpolate(coarse, (side_px, side_px), mode="bicubic") * 255
    noisy = smooth + 6 * torch.randn(smooth.shape, generator=generator)
    return noisy.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def largest_gap(first: ArrayLike, second: ArrayLike) -> float:
    """The two-sample Kolmogorov–Smirnov statistic."""
    first, second = np.sort(np.asarray(first)), np.sort(np.asarray(second))
    both = np.concatenate([first, second])
    gaps = np.searchsorted(first, both, "right") / len(first) - np.searchsorted(
        second, both, "right"
    ) / len(second)
    return float(np.abs(gaps).max())
