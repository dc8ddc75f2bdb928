"""The applier for large views on CPU: one sample at a time, so that its pixels stay in the cache.

Shapes: B samples, Y X pixels, C = 3 colours (1 once grey); pixels are 0…255 until the end.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.views import colour
from sit_engine.views.apply_common import SCALE_SHIFT, blur_radius, pixel_boxes, shifted
from sit_engine.views.draw import ViewParams

Size = tuple[int, int]


def apply_each(
    images_BYXC: Tensor, params: ViewParams, size: Size, *, out: Tensor | None = None
) -> Tensor:
    """Views float32 [B, 3, *size] of uint8 images [B, S, S, 3], all on CPU."""
    out_BCYX = torch.empty(len(params), 3, *size) if out is None else out
    boxes = pixel_boxes(params, images_BYXC.shape[1], images_BYXC.shape[2]).tolist()
    factors = torch.stack(
        [params.brightness_B, params.contrast_B, params.saturation_B, params.hue_B], dim=1
    ).tolist()
    flips, greys, solarises = (
        flag_B.tolist() for flag_B in (params.flip_B, params.grey_B, params.solarise_B)
    )
    sigmas = params.blur_B.tolist()
    for i, (top, left, bottom, right) in enumerate(boxes):
        view_CYX = _crop_resize(images_BYXC[i : i + 1, top:bottom, left:right], size, flips[i])
        view_CYX = shifted(view_CYX[None], params.shift_B2[i : i + 1])[0]
        view_CYX = _recolour(view_CYX, factors[i], params.order)
        if greys[i]:
            view_CYX = colour.grey(view_CYX)
        if (radius := blur_radius(sigmas[i])) > 0:
            view_CYX = blur(view_CYX, sigmas[i], radius)
        if solarises[i]:
            view_CYX = colour.solarise(view_CYX)
        _normalise(view_CYX, out_BCYX[i])
    return out_BCYX


def _crop_resize(crop_1YXC: Tensor, size: Size, flip: bool) -> Tensor:
    """float32 [3, *size] in whole levels: bicubic with antialiasing in uint8, as Pillow does it."""
    # Four dimensions with interleaved colours select torch's vectorised kernel
    resized_1CYX = functional.interpolate(
        crop_1YXC.permute(0, 3, 1, 2), size=size, mode="bicubic", antialias=True
    )
    view_CYX = resized_1CYX[0].flip(-1) if flip else resized_1CYX[0]
    return view_CYX.contiguous().float()


def _recolour(view_CYX: Tensor, factors: list[float], order: tuple[int, ...]) -> Tensor:
    skip = [factor == 1 for factor in factors[:3]] + [factors[3] == 0]
    is_narrow = abs(factors[3]) <= colour.NARROW_HUE
    return colour.jitter_(view_CYX, factors, order, skip=skip, is_hue_narrow=is_narrow)


def blur(view_CYX: Tensor, sigma: float, radius: int) -> Tensor:
    """Gaussian blur of [C, Y, X], cut at `radius` pixels, with borders repeated.

    Every tap is one pass over a whole padded plane seen as a line: shifted by a row's length for
    the vertical pass, by one for the horizontal. What wraps round lands in the padding.
    """
    taps = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(-radius, radius + 1)]
    taps = [tap / sum(taps) for tap in taps]
    channels, height, width = view_CYX.shape
    padded_CYX = functional.pad(view_CYX[None], (radius,) * 4, mode="replicate")[0]
    pitch = width + 2 * radius
    line_px = height * pitch - 2 * radius  # from the first output pixel to the last
    out_CYX = torch.empty(channels, height, pitch)
    rows = torch.empty(height * pitch)
    for plane_YX, out_YX in zip(padded_CYX, out_CYX, strict=True):
        _filter(plane_YX, taps, pitch, rows)
        _filter(rows, taps, 1, out_YX.view(-1)[:line_px])
    return out_CYX[:, :, :width]


def _filter(line: Tensor, taps: list[float], stride: int, out: Tensor) -> None:
    """Writes Σ tap[i] · line[t + i · stride] to out[t]."""
    shifted = line.as_strided((len(taps), len(out)), (stride, 1), line.storage_offset()).unbind(0)
    torch.mul(shifted[0], taps[0], out=out)
    for source, tap in zip(shifted[1:], taps[1:], strict=True):
        out.add_(source, alpha=tap)


def _normalise(view_CYX: Tensor, out_CYX: Tensor) -> None:
    """Writes (x / 255 − mean) / std into `out_CYX` [3, Y, X]; a grey view [1, Y, X] serves all."""
    for plane_YX, out_YX, (scale, shift) in zip(
        view_CYX.expand(3, -1, -1), out_CYX, SCALE_SHIFT, strict=True
    ):
        torch.add(plane_YX.new_tensor(shift), plane_YX, alpha=scale, out=out_YX)
