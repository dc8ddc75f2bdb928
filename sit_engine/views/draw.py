"""Draws what views of each image look like: boxes, flips, colours, blur; no pixel is touched.

Shapes: B samples; a box is (top, left, height, width) as shares of the image, in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.config.view_kinds import ViewKind, numbered, view_name
from sit_engine.config.views import ViewOptions
from sit_engine.views.seeds import numpy_stream

CROP_RATIO = (3 / 4, 4 / 3)  # width / height, in the original's pixels
CROP_TRIES = 10

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ViewParams:
    """One view of each of B samples; CPU tensors. Neutral: factors 1, 1, 1, hue 0, blur 0."""

    box_B4: Tensor  # float32
    flip_B: Tensor  # bool
    brightness_B: Tensor  # float32 factor
    contrast_B: Tensor  # float32 factor
    saturation_B: Tensor  # float32 factor
    hue_B: Tensor  # float32, share of the circle, in [-0.5, 0.5]
    grey_B: Tensor  # bool
    blur_B: Tensor  # float32, standard deviation in px of the view
    solarise_B: Tensor  # bool
    shift_B2: Tensor  # int64, px of the view that it moves down and right, black filling up
    # Order of the operations 0 brightness, 1 contrast, 2 saturation, 3 hue. One for the whole
    # batch: an order per sample would cost the batched applier all four operations four times.
    order: tuple[int, int, int, int] = (0, 1, 2, 3)

    def __len__(self) -> int:
        return len(self.box_B4)

    def take(self, chosen: NDArray[np.int64]) -> ViewParams:
        """The samples of these numbers: what a rank makes of the batch."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "order"}
        return ViewParams(**{k: v[chosen] for k, v in tensors.items()}, order=self.order)


def neutral_params(batch: int) -> ViewParams:
    """Views that show the whole image unchanged."""
    return ViewParams(
        box_B4=torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(batch, 1),
        flip_B=torch.zeros(batch, dtype=torch.bool),
        brightness_B=torch.ones(batch),
        contrast_B=torch.ones(batch),
        saturation_B=torch.ones(batch),
        hue_B=torch.zeros(batch),
        grey_B=torch.zeros(batch, dtype=torch.bool),
        blur_B=torch.zeros(batch),
        solarise_B=torch.zeros(batch, dtype=torch.bool),
        shift_B2=torch.zeros(batch, 2, dtype=torch.int64),
    )


def centre_params(aspect_B: Tensor) -> ViewParams:
    """Views that show the largest centred square of images of these aspects (width / height)."""
    return replace(neutral_params(len(aspect_B)), box_B4=_centre_boxes(aspect_B))


def _centre_boxes(aspect_B: Tensor) -> Tensor:
    width_B, height_B = (1 / aspect_B).clamp(max=1), aspect_B.clamp(max=1)
    return torch.stack([(1 - height_B) / 2, (1 - width_B) / 2, height_B, width_B], dim=1).float()


def draw_views(
    kinds: Sequence[ViewKind], aspect_B: Tensor, *, seed: int, step: int, rank: int = 0
) -> list[ViewParams]:
    """The views of each of B images of the given aspects (width / height of the originals).

    A pure function of its arguments. Draw for the whole batch, then `take`, or for a `rank` alone.
    """
    return [
        draw_kind(kind, aspect_B, number, seed=seed, step=step, rank=rank)
        for number, kind in numbered(kinds)
    ]


def draw_kind(
    kind: ViewKind, aspect_B: Tensor, number: int, *, seed: int, step: int, rank: int = 0
) -> ViewParams:
    """Draw the view of that number; a crop's ratio is the original's, whatever its size then is."""
    if kind.law is None:
        return centre_params(aspect_B)
    aspect_array_B = aspect_B.detach().cpu().numpy().astype(np.float64)
    stream = numpy_stream(seed, step, rank, view_name(number))
    return _draw_view(kind.law, aspect_array_B, stream, kind.blur, kind.solarise)


def _draw_view(
    options: ViewOptions[Never],
    aspect_B: Array,
    rng: np.random.Generator,
    blur: float,
    solarise: float,
) -> ViewParams:
    batch = len(aspect_B)
    box_B4, shift_B2 = _draw_place(options, aspect_B, rng)
    has_jitter_B = rng.random(batch) < options.jitter

    def jitter(low: float, high: float, neutral: float) -> Tensor:
        return _float(np.where(has_jitter_B, rng.uniform(low, high, batch), neutral))

    def coin(probability: float) -> NDArray[np.bool_]:
        return rng.random(batch) < probability

    brightness, contrast, saturation = (
        jitter(max(0.0, 1 - reach), 1 + reach, 1.0)
        for reach in (options.brightness, options.contrast, options.saturation)
    )
    hue = options.hue
    hue_B = jitter(-hue, hue, 0.0)
    sigma_B = rng.uniform(options.blur_radius_min, options.blur_radius_max, batch)
    first, second, third, fourth = rng.permutation(4).tolist()
    return ViewParams(
        box_B4=box_B4,
        flip_B=torch.from_numpy(coin(options.flip)),
        brightness_B=brightness,
        contrast_B=contrast,
        saturation_B=saturation,
        hue_B=hue_B,
        grey_B=torch.from_numpy(coin(options.grey)),
        blur_B=_float(np.where(coin(blur), sigma_B, 0.0)),
        solarise_B=torch.from_numpy(coin(solarise)),
        shift_B2=shift_B2,
        order=(first, second, third, fourth),
    )


def _draw_place(
    options: ViewOptions[Never], aspect_B: Array, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Boxes and shifts: a crop in its place, or the centre square moved by up to `shift` px.

    The latter is the recipe of 2021 for views up to 32 px: torchvision's RandomCrop with padding.
    """
    batch, most = len(aspect_B), options.shift
    if most == 0:
        scale = (options.crop_scale_min, options.crop_scale_max)
        return _draw_boxes(aspect_B, scale, rng), torch.zeros(batch, 2, dtype=torch.int64)
    shift_B2 = torch.from_numpy(rng.integers(-most, most + 1, (batch, 2)))
    return _centre_boxes(torch.from_numpy(aspect_B)), shift_B2


def _draw_boxes(aspect_B: Array, scale: tuple[float, float], rng: np.random.Generator) -> Tensor:
    """Boxes [B, 4] by the law of torchvision's RandomResizedCrop, in shares instead of pixels.

    Area U[scale], ratio log-uniform; of ten tries the first that fits inside the image is taken,
    else a centred box as large as the image and the range of ratios allow.
    """
    batch = len(aspect_B)
    area_BT = rng.uniform(*scale, (batch, CROP_TRIES))
    low, high = (math.log(ratio) for ratio in CROP_RATIO)
    ratio_BT = np.exp(rng.uniform(low, high, (batch, CROP_TRIES)))
    # width · height = area and (width · aspect) / height = ratio, both sides as shares
    width_BT = np.sqrt(area_BT * ratio_BT / aspect_B[:, None])
    height_BT = area_BT / width_BT
    fits_BT = (width_BT <= 1) & (height_BT <= 1)
    first_B = (np.arange(batch), fits_BT.argmax(axis=1))
    fits_B: NDArray[np.bool_] = np.any(fits_BT, axis=1)

    clipped_B = np.clip(aspect_B, *CROP_RATIO)
    width_B = np.where(fits_B, width_BT[first_B], np.minimum(1, clipped_B / aspect_B))
    height_B = np.where(fits_B, height_BT[first_B], np.minimum(1, aspect_B / clipped_B))
    place_B2 = np.where(fits_B[:, None], rng.random((batch, 2)), 0.5)
    top_B, left_B = place_B2[:, 0] * (1 - height_B), place_B2[:, 1] * (1 - width_B)
    return _float(np.stack([top_B, left_B, height_B, width_B], axis=1))


def _float(values: Array) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
