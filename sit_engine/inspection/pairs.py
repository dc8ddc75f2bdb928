"""Images beside themselves: in other colours, mirrored, turned, and half of each; asked without labels.

Whether both are the same thing is asked of the user (api.show_pairs). Shapes: B images, V side in px.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from sit_engine.inspection.shown_views import read_source, to_uint8
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import ViewParams, centre_params
from sit_engine.views.rotate import rotate_

SIDE_PX = 224
# The far ends of what the published recipe draws from, by turns; every fourth image goes grey.
HUES = (0.1, -0.1, 0.1, 0.0)
SATURATIONS = (1.2, 0.8, 0.8, 1.0)
BRIGHTNESSES = (0.7, 1.3, 1.0, 1.0)
HALF_SIDE = 0.5**0.5
"""Of the image: half of its area."""


def show_pairs(paths: Sequence[str]) -> dict[str, NDArray[np.uint8]]:
    """The images' squares and four changes of them, by name: uint8 [B,V,V,3] each.

    Raises DataError for an image that cannot be read.
    """
    source = read_source(paths, SIDE_PX)
    plain = centre_params(source.aspect_B)
    count = len(paths)

    def drawn(params: ViewParams) -> torch.Tensor:
        return apply_views(source.squashed_BSSC, params, (SIDE_PX, SIDE_PX))

    def by_turn(values: Sequence[float]) -> torch.Tensor:
        return torch.tensor([values[number % len(values)] for number in range(count)])

    coloured = replace(
        plain,
        hue_B=by_turn(HUES),
        saturation_B=by_turn(SATURATIONS),
        brightness_B=by_turn(BRIGHTNESSES),
        grey_B=torch.arange(count) % len(HUES) == len(HUES) - 1,
    )
    turned = drawn(plain)
    rotate_(turned, torch.ones(count, dtype=torch.int64))
    return {
        "original": to_uint8(drawn(plain)),
        "colours": to_uint8(drawn(coloured)),
        "mirrored": to_uint8(drawn(replace(plain, flip_B=torch.ones(count, dtype=torch.bool)))),
        "turned": to_uint8(turned),
        "half": to_uint8(drawn(replace(plain, box_B4=_half_of(plain.box_B4)))),
    }


def _half_of(box_B4: torch.Tensor) -> torch.Tensor:
    """A corner of each box, another one from image to image."""
    half_B4 = box_B4.clone()
    half_B4[:, 2:] *= HALF_SIDE
    number_B = torch.arange(len(box_B4))
    half_B4[:, 0] += (number_B % 2) * (1 - HALF_SIDE) * box_B4[:, 2]
    half_B4[:, 1] += (number_B // 2 % 2) * (1 - HALF_SIDE) * box_B4[:, 3]
    return half_B4
