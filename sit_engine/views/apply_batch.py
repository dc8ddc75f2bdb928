"""The applier for CUDA, and for small views on CPU: tensor operations over the whole batch.

Crop with resize, and blur, are products with one matrix per sample and axis. The host reads only
the parameters, which live on CPU, so a CUDA stream is never waited for.
0-or-1 weights of `lerp` stand for `where`: exact, and on CPU much faster.
Shapes: B samples, S T stored rows and columns, Y X view rows and columns, C = 3 colours, K taps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sit_engine.to_device import to_device
from sit_engine.views import colour
from sit_engine.views.apply_common import (
    SCALE_SHIFT,
    blur_radius,
    pixel_boxes,
    shifted,
    skipped_operations,
)
from sit_engine.views.apply_each import blur
from sit_engine.views.draw import ViewParams
from sit_engine.views.threads import one_thread

Size = tuple[int, int]

# On CPU a blur's dense products are faster than a pass for each tap up to about this many pixels (one
# core, radii of the recipe of 2021: 0.9 × the time at 80 px, 1.8 × at 96, 4.9 × at 224).
DENSE_BLUR_MAX_PIXELS = 80 * 80


def apply_batch(
    images_BYXC: Tensor, params: ViewParams, size: Size, *, out: Tensor | None = None
) -> Tensor:
    """Views float32 [B, 3, *size] of uint8 images [B, S, S, 3], on the images' device."""
    device = images_BYXC.device
    boxes_B4 = pixel_boxes(params, images_BYXC.shape[1], images_BYXC.shape[2])
    packed_BP = torch.stack(
        [
            *boxes_B4.unbind(1),
            *(params.brightness_B, params.contrast_B, params.saturation_B, params.hue_B),
            *(params.flip_B, params.grey_B, params.solarise_B),
        ],
        dim=1,
    ).to(torch.float32)
    packed_BP = to_device(packed_BP.numpy(), device)  # One copy for all parameters.
    is_flipped_B, is_grey_B, is_solarised_B = packed_BP[:, 8:].unbind(1)  # 0 or 1

    view_BCYX = crop_resize(images_BYXC, packed_BP[:, :4], is_flipped_B, size)
    view_BCYX = shifted(view_BCYX, params.shift_B2)
    colour.jitter_(
        view_BCYX,
        [factor_B.view(-1, 1, 1, 1) for factor_B in packed_BP[:, 4:8].unbind(1)],
        params.order,
        skip=skipped_operations(params),
        is_hue_narrow=bool((params.hue_B.abs() <= colour.NARROW_HUE).all()),
    )
    if params.grey_B.any():
        view_BCYX.lerp_(colour.grey(view_BCYX), is_grey_B.view(-1, 1, 1, 1))
    _blur_some_(view_BCYX, params.blur_B)
    if params.solarise_B.any():
        view_BCYX.lerp_(colour.solarise(view_BCYX), is_solarised_B.view(-1, 1, 1, 1))
    for channel, (scale, shift) in enumerate(SCALE_SHIFT):
        view_BCYX[:, channel].mul_(scale).add_(shift)
    return view_BCYX if out is None else out.copy_(view_BCYX)


def crop_resize(images_BSTC: Tensor, box_B4: Tensor, is_flipped_B: Tensor, size: Size) -> Tensor:
    """float32 [B, 3, *size] in 0…255 of uint8 [B, S, T, 3] and boxes in stored pixels.

    Columns first, clamped in between, as Pillow and torch do for uint8.
    """
    batch, height, width, channels = images_BSTC.shape
    top_B, left_B, bottom_B, right_B = box_B4.unbind(1)
    columns_BXT = resize_weights(left_B, right_B, width, size[1])
    columns_BXT.lerp_(columns_BXT.flip(1), is_flipped_B.view(-1, 1, 1))
    rows_BYS = resize_weights(top_B, bottom_B, height, size[0])
    lines_BST = images_BSTC.transpose(2, 3).float().reshape(batch, -1, width)
    narrow_BSX = (lines_BST @ columns_BXT.mT).clamp_(0, colour.TOP)
    view_BYX = rows_BYS @ narrow_BSX.view(batch, height, channels * size[1])
    view_BYCX = view_BYX.clamp_(0, colour.TOP).view(batch, size[0], channels, size[1])
    return view_BYCX.transpose(1, 2).contiguous()


def resize_weights(start_B: Tensor, end_B: Tensor, length: int, size: int) -> Tensor:
    """Antialiased bicubic weights [B, size, length] from the pixels start…end of `length`.

    Pillow's: Keys' cubic with a = −1/2 around the output's centre, stretched by the scale when
    that is above 1, cut off at the crop's borders, each row normalised.
    """
    scale_B11 = ((end_B - start_B) / size).view(-1, 1, 1)
    target_Y1 = torch.arange(size, device=start_B.device).view(-1, 1) + 0.5
    source_S = torch.arange(length, device=start_B.device) + 0.5
    centre_BY1 = start_B.view(-1, 1, 1) + scale_B11 * target_Y1
    distance_BYS = (source_S - centre_BY1).div_(scale_B11.clamp(min=1)).abs_()
    weights_BYS = _keys_cubic(distance_BYS)
    is_inside_BS = (source_S > start_B.view(-1, 1)) & (source_S < end_B.view(-1, 1))
    weights_BYS *= is_inside_BS[:, None]
    return weights_BYS.div_(weights_BYS.sum(-1, keepdim=True))


def _keys_cubic(distance: Tensor) -> Tensor:
    """Keys 1981, a = −1/2: 1.5 d³ − 2.5 d² + 1 up to 1, −0.5 d³ + 2.5 d² − 4 d + 2 up to 2, 0.

    Both pieces are 0 at their ends, so they may be added with their arguments clamped.
    """
    near = distance.clamp(max=1)
    far = distance.clamp(1, 2)
    near_weight = near.mul(1.5).sub_(2.5).mul_(near).mul_(near).add_(1)
    far_weight = far.mul(-0.5).add_(2.5).mul_(far).sub_(4).mul_(far).add_(2)
    return near_weight.add_(far_weight)


def _blur_some_(view_BCYX: Tensor, sigma_B: Tensor) -> None:
    """Blurs in place the samples whose σ, known to the host, is large enough to matter."""
    blurred = [(i, sigma) for i, sigma in enumerate(sigma_B.tolist()) if blur_radius(sigma) > 0]
    if not blurred:
        return
    rows, sigmas = zip(*blurred, strict=True)
    device = view_BCYX.device
    rows_B = torch.tensor(rows).to(device, non_blocking=True)
    blurred_sigma_B = torch.tensor(sigmas).to(device, non_blocking=True)
    is_all = len(rows) == len(view_BCYX)
    chosen_BCYX = view_BCYX if is_all else view_BCYX[rows_B]
    radius = max(blur_radius(sigma) for sigma in sigmas)
    radius_B = (3 * blurred_sigma_B + 0.5).floor()
    view_BCYX.index_copy_(0, rows_B, blur_each(chosen_BCYX, blurred_sigma_B, radius_B, radius))


def blur_each(view_BCYX: Tensor, sigma_B: Tensor, radius_B: Tensor, most: int) -> Tensor:
    """Each view behind a Gaussian of its own, cut at its own radius; `most` is the largest radius."""
    batch, channels, height, width = view_BCYX.shape
    if view_BCYX.device.type == "cpu" and height * width > DENSE_BLUR_MAX_PIXELS:
        each = zip(view_BCYX, sigma_B.tolist(), radius_B.long().tolist(), strict=True)
        with one_thread():
            return torch.stack([blur(view, sigma, radius) for view, sigma, radius in each])
    columns_BXX = blur_weights(sigma_B, radius_B, most, width)
    rows_BYY = blur_weights(sigma_B, radius_B, most, height)
    lines_BYX = view_BCYX.reshape(batch, channels * height, width) @ columns_BXX.mT
    return rows_BYY[:, None] @ lines_BYX.view(batch, channels, height, width)


def blur_weights(sigma_B: Tensor, radius_B: Tensor, most: int, size: int) -> Tensor:
    """Matrices [B, size, size] of a Gaussian cut at its own radius, borders repeated.

    `most` is the batch's largest radius.
    """
    offset_K = torch.arange(-most, most + 1, device=sigma_B.device)
    taps_BK = torch.exp(-0.5 * (offset_K / sigma_B.view(-1, 1)) ** 2)
    taps_BK *= offset_K.abs() <= radius_B.view(-1, 1)
    taps_BK /= taps_BK.sum(1, keepdim=True)
    pixel_Y = torch.arange(size, device=sigma_B.device)
    source_KY = (pixel_Y + offset_K.view(-1, 1)).clamp(0, size - 1)
    selects_KYY = (source_KY[:, :, None] == pixel_Y).to(taps_BK.dtype)
    return (taps_BK @ selects_KYY.view(len(offset_K), -1)).view(-1, size, size)
