"""Colour operations in place, for one view or a batch: torchvision's definitions on 0…255 floats.

Shapes: `image` is [..., 3, Y, X] (one view) or [B, 3, Y, X]; a factor is a number, or a tensor
[B, 1, 1, 1]. C here is the chroma (largest minus smallest channel).

Comparisons and `where` are several times slower on CPU than minimum, maximum and clamp, hence the
closed forms below.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TOP = 255.0
GREY = (0.2989, 0.587, 0.114)  # ITU-R 601-2, the digits torchvision uses
# Up to a third of the circle, hue's closed form needs one fold fewer.
NARROW_HUE = 1 / 3


def jitter_(
    image: Tensor,
    factors: Sequence[float | Tensor],
    order: Sequence[int],
    *,
    skip: Sequence[bool],
    is_hue_narrow: bool,
) -> Tensor:
    """Brightness, contrast, saturation, hue in `order`, without those that `skip` names."""
    for operation in order:
        factor = factors[operation]
        if skip[operation]:
            continue
        if operation == 0:
            brightness_(image, factor)
        elif operation == 1:
            contrast_(image, factor)
        elif operation == 2:
            saturation_(image, factor)
        else:
            hue_(image, factor, is_narrow=is_hue_narrow)
    return image


def brightness_(image: Tensor, factor: float | Tensor) -> Tensor:
    """f · x, clamped."""
    image.mul_(factor)
    return image if _only_shrinks(factor) else image.clamp_(0, TOP)


def contrast_(image: Tensor, factor: float | Tensor) -> Tensor:
    """f · x + (1 − f) · mean of the grey image, clamped."""
    return _blend_(image, grey(image.mean((-2, -1), keepdim=True)), factor)


def saturation_(image: Tensor, factor: float | Tensor) -> Tensor:
    """f · x + (1 − f) · grey, clamped."""
    return _blend_(image, grey(image), factor)


def grey(image: Tensor) -> Tensor:
    """Luma [..., 1, Y, X] of [..., 3, Y, X]."""
    red, green, blue = image.chunk(3, dim=-3)
    return torch.mul(red, GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])


def hue_(image: Tensor, shift: float | Tensor, *, is_narrow: bool) -> Tensor:
    """Turns hue by `shift` of the circle, keeping value and saturation of HSV.

    With hue h in [-3, 3) sixths from red, C·|h| = max − 2·min + g + b − r (check the three cases
    red largest, middle, smallest), and h < 0 where g < b. Of the turned hue the channel whose own
    place is p gets min + clamp(2C − C·|h − p|, 0, C), |·| the distance on the circle. So nothing
    is divided, and greys (C = 0) stay as they are. `is_narrow`: |shift| ≤ 1/3 everywhere.
    """
    red, green, blue = image.chunk(3, dim=-3)
    largest = torch.maximum(red, green).clamp_(min=blue)
    smallest = torch.minimum(red, green).clamp_(max=blue)
    chroma = largest - smallest
    turned = torch.add(green, blue).sub_(red).add_(largest).sub_(smallest, alpha=2)
    # g = b exactly at red (h = 0, either sign) and at cyan (h = ±3, the same place)
    turned.copysign_(torch.sub(green, blue))
    turned.addcmul_(chroma, _as_tensor(shift, chroma), value=6)
    floor = smallest - chroma
    for channel, place in ((red, 0), (green, 2), (blue, 4 - 6)):
        folded = torch.sub(turned, chroma, alpha=place).abs_().sub_(chroma, alpha=3).abs_()
        if not is_narrow:  # past 7C the distance starts again
            folded = torch.minimum(folded, chroma.mul(6).sub_(folded))
        torch.clamp(folded.add_(floor), smallest, largest, out=channel)
    return image


def solarise(image: Tensor) -> Tensor:
    """255 − x where x ≥ 128: on whole numbers that is the smaller of x and 255 − x."""
    return torch.minimum(image, TOP - image)


def _blend_(image: Tensor, other: Tensor, factor: float | Tensor) -> Tensor:
    """f · image + (1 − f) · other, clamped, in place."""
    if isinstance(factor, Tensor):
        return image.mul_(factor).addcmul_(other, 1 - factor).clamp_(0, TOP)
    torch.add(other * (1 - factor), image, alpha=factor, out=image)
    return image if _only_shrinks(factor) else image.clamp_(0, TOP)


def _only_shrinks(factor: float | Tensor) -> bool:
    """Factors up to 1 cannot leave the range, so the clamp is spared."""
    return not isinstance(factor, Tensor) and factor <= 1


def _as_tensor(value: float | Tensor, like: Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else like.new_tensor(value)
