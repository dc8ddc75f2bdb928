"""Each colour operation against torchvision's on floats."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import functional as theirs

from sit_engine.views import colour

EDGES = torch.tensor(
    [
        *([0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 255, 255], [255, 255, 0]),
        *([10, 200, 200], [200, 10, 10], [255, 0, 255], [0, 0, 255], [0, 255, 0], [30, 60, 30]),
    ],
    dtype=torch.float32,
)


def pixels() -> Tensor:
    """[3, 40, 30] of 0…255 with greys, primaries and ties among the channels."""
    generator = torch.Generator().manual_seed(2)
    image = torch.rand(3, 40, 30, generator=generator) * 255
    image[:, 0, :12] = EDGES.T
    image[1, 5:9] = image[2, 5:9]
    image[0, 9:12] = image[1, 9:12]
    return image


OPERATIONS: list[tuple[Callable[[Tensor, float | Tensor], Tensor], Callable[..., Tensor]]] = [
    (colour.brightness_, theirs.adjust_brightness),
    (colour.contrast_, theirs.adjust_contrast),
    (colour.saturation_, theirs.adjust_saturation),
]


@pytest.mark.parametrize(("ours", "expected"), OPERATIONS)
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
def test_factors_do_what_torchvision_does(
    ours: Callable[[Tensor, float | Tensor], Tensor],
    expected: Callable[..., Tensor],
    factor: float,
) -> None:
    result = expected(pixels() / 255, factor) * 255
    torch.testing.assert_close(ours(pixels(), factor), result, atol=1e-3, rtol=0)
    batch = ours(pixels()[None].clone(), torch.full((1, 1, 1, 1), factor))
    torch.testing.assert_close(batch[0], result, atol=1e-3, rtol=0)


@pytest.mark.parametrize("shift", [-0.5, -0.4, -0.1, -0.01, 0.0, 0.03, 0.1, 0.3, 0.34, 0.5])
def test_hue_does_what_torchvision_does(shift: float) -> None:
    result = theirs.adjust_hue(pixels() / 255, shift) * 255
    is_narrow = abs(shift) <= colour.NARROW_HUE
    for narrow in {is_narrow, False}:
        torch.testing.assert_close(
            colour.hue_(pixels(), shift, is_narrow=narrow), result, atol=2e-3, rtol=0
        )
    batch = colour.hue_(
        pixels()[None].clone(), torch.full((1, 1, 1, 1), shift), is_narrow=is_narrow
    )
    torch.testing.assert_close(batch[0], result, atol=2e-3, rtol=0)


def test_grey_is_torchvisions() -> None:
    result = theirs.rgb_to_grayscale(pixels() / 255) * 255
    torch.testing.assert_close(colour.grey(pixels()), result, atol=1e-3, rtol=0)


def test_solarise_is_torchvisions_on_whole_levels() -> None:
    levels = torch.arange(256.0).view(1, 16, 16)
    result = theirs.solarize(levels.to(torch.uint8).expand(3, -1, -1), 128)
    assert torch.equal(colour.solarise(levels), result[:1].float())


def test_the_order_of_operations_is_kept() -> None:
    factors = [1.4, 0.6, 1.2, 0.1]
    ours = colour.jitter_(pixels(), factors, (3, 1, 0, 2), skip=[False] * 4, is_hue_narrow=True)
    image = theirs.adjust_contrast(theirs.adjust_hue(pixels() / 255, 0.1), 0.6)
    image = theirs.adjust_saturation(theirs.adjust_brightness(image, 1.4), 1.2)
    torch.testing.assert_close(ours, image * 255, atol=5e-3, rtol=0)
