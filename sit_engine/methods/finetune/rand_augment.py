"""RandAugment of a whole batch at once, for GPUs: torchvision takes an image at a time, and waits.

Shapes: B images, N of them, S side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as vision

from sit_engine.to_device import to_device

# The library's scale: strength 9 of 10 is its bin 27 of 30.
BINS = 31
SHIFTS = ("shear x", "shear y", "translate x", "translate y", "rotate")
SIGNED = ("brightness", "saturation", "contrast", "sharpness")
PLAIN = ("posterize", "solarize", "autocontrast", "equalize", "nothing")
KINDS = SHIFTS + SIGNED + PLAIN


def augment_once(images_BCSS: Tensor, bin_: int, rng: np.random.Generator) -> Tensor:
    """One random operation on each uint8 image (Cubuk et al. 2019, arXiv 1909.13719).

    All operations are equally likely, at the strength of a bin, with either sign where they have one.
    They and their ranges are those of torchvision's RandAugment.
    """
    kind_B = rng.integers(0, len(KINDS), len(images_BCSS))
    sign_B = rng.choice((-1.0, 1.0), len(images_BCSS))
    share = bin_ / (BINS - 1)
    made = images_BCSS.clone()
    if len(rows := np.flatnonzero(kind_B < len(SHIFTS))):
        theta = matrices(kind_B[rows], sign_B[rows], share, images_BCSS.shape[-1])
        place = to_device(rows, images_BCSS.device)
        moved = _moved(images_BCSS.index_select(0, place), to_device(theta, images_BCSS.device))
        made.index_copy_(0, place, moved)
    for number, kind in enumerate(KINDS[len(SHIFTS) : -1], start=len(SHIFTS)):
        for sign in (-1.0, 1.0) if kind in SIGNED else (None,):
            rows = np.flatnonzero((kind_B == number) & (sign is None or sign_B == sign))
            if len(rows):
                place = to_device(rows, images_BCSS.device)
                some = images_BCSS.index_select(0, place)
                made.index_copy_(0, place, _coloured(some, kind, sign or 0.0, share))
    return made


def matrices(
    kind_N: NDArray[np.int64], sign_N: NDArray[np.float64], share: float, side: int
) -> NDArray[np.float32]:
    """[N,2,3]: where each pixel comes from, in the coordinates of affine_grid (-1 to 1)."""
    theta = np.zeros((len(kind_N), 2, 3), dtype=np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = 1
    for one, kind, sign in zip(theta, kind_N, sign_N, strict=True):
        if kind < 2:  # About the upper left corner.
            one[kind, 1 - kind] = one[kind, 2] = 0.3 * share * sign
        elif kind < 4:
            pixels = int(150 / 331 * side * share * sign)
            one[kind - 2, 2] = -2 * pixels / side
        else:
            angle = math.radians(30 * share * sign)
            one[:, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return theta


def _moved(images_NCSS: Tensor, theta_N23: Tensor) -> Tensor:
    """The nearest pixel; black where there is none."""
    grid = functional.affine_grid(theta_N23, list(images_NCSS.shape), align_corners=False)
    moved = functional.grid_sample(
        images_NCSS.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return moved.to(torch.uint8)


def _coloured(images_NCSS: Tensor, kind: str, sign: float, share: float) -> Tensor:
    factor = 1 + 0.9 * share * sign
    changes: dict[str, Callable[[], Tensor]] = {
        "brightness": lambda: vision.adjust_brightness(images_NCSS, factor),
        "saturation": lambda: vision.adjust_saturation(images_NCSS, factor),
        "contrast": lambda: vision.adjust_contrast(images_NCSS, factor),
        "sharpness": lambda: _sharpened(images_NCSS, factor),
        "posterize": lambda: vision.posterize(images_NCSS, 8 - round(4 * share)),
        "solarize": lambda: vision.solarize(images_NCSS, 255 * (1 - share)),
        "autocontrast": lambda: vision.autocontrast(images_NCSS),
        "equalize": lambda: vision.equalize(images_NCSS),
    }
    return changes[kind]()


def _sharpened(images_NCSS: Tensor, factor: float) -> Tensor:
    """Blended with its smooth self but for the border; torchvision would send its kernel each time."""
    sharp = images_NCSS.float()
    inner = sharp[..., 1:-1, 1:-1]
    # A kernel of ones with 5 in the middle, over 13.
    smooth = ((9 * functional.avg_pool2d(sharp, 3, stride=1) + 4 * inner) / 13).round_()
    inner.add_(smooth.sub_(inner), alpha=1 - factor)
    return sharp.clamp_(0, 255).to(torch.uint8)
