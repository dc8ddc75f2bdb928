"""What apply_batch and apply_each have in common: normalisation, boxes in stored pixels, blur weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.views.colour import TOP
from sit_engine.views.draw import ViewParams

# ImageNet, RGB, of values in 0…1
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
# The same as x · scale + shift of values in 0…255
SCALE_SHIFT = tuple((1 / (TOP * std), -mean / std) for mean, std in zip(MEAN, STD, strict=True))


def pixel_boxes(params: ViewParams, height: int, width: int) -> Tensor:
    """Boxes int64 [B, 4] as (top, left, bottom, right) in whole stored pixels, none empty."""
    start_B2, extent_B2 = params.box_B4[:, :2], params.box_B4[:, 2:]
    size_2 = torch.tensor([height, width])
    from_B2 = (start_B2 * size_2).round().long().clamp(min=0).minimum(size_2 - 1)
    to_B2 = ((start_B2 + extent_B2) * size_2).round().long().minimum(size_2)
    return torch.cat([from_B2, to_B2.maximum(from_B2 + 1)], dim=1)


def blur_radius(sigma: float) -> int:
    """Where the Gaussian is cut, px: 3 σ to the nearest whole; the next weight is below 1 %."""
    return int(3 * sigma + 0.5)


def skipped_operations(params: ViewParams) -> list[bool]:
    """Which of brightness, contrast, saturation, hue is neutral in every sample."""
    factors = (params.brightness_B, params.contrast_B, params.saturation_B)
    neutral = [bool((factor_B == 1).all()) for factor_B in factors]
    return [*neutral, bool((params.hue_B == 0).all())]


def shifted(view_BCYX: Tensor, shift_B2: Tensor) -> Tensor:
    """Each view moved by its own rows and columns (whole numbers on the CPU), black filling up."""
    most = int(shift_B2.abs().max())
    if most == 0:
        return view_BCYX
    height, width = view_BCYX.shape[-2:]
    padded = functional.pad(view_BCYX, (most,) * 4)
    windows_BCVUYX = padded.unfold(2, height, 1).unfold(3, width, 1)
    place_B2 = (most - shift_B2).to(view_BCYX.device, non_blocking=True)
    sample_B = torch.arange(len(view_BCYX), device=view_BCYX.device)
    return windows_BCVUYX[sample_B, :, place_B2[:, 0], place_B2[:, 1]].contiguous()
