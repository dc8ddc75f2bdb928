"""The authors' December 2022 input path as described: Pillow per image, masks in a Python loop.

It is the yardstick of the benchmarks, written from the description (arXiv 2104.03602 v3) alone;
so is the corruption of 2021 (arXiv 2104.03602 v1).
Shapes: C colours, Y X pixels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torch.nn import functional
from torchvision import transforms
from torchvision.transforms.functional import gaussian_blur

from sit_engine.views.apply_common import MEAN, STD

Picture = Image.Image
Transform = Callable[[Picture], Tensor]
Sample = tuple[list[Tensor], list[Tensor], list[Tensor]]  # clean, corrupted, masks: [C, Y, X]

DROP_SHARE, REPLACE_SHARE, REPLACE_PROBABILITY, BLOCK_SIDE = 0.5, 0.3, 0.5, 0.3


def _blur(picture: Picture) -> Picture:
    return picture.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


def view_transform(
    size_px: int,
    *,
    jitter: float = 0.8,
    grey: float = 0.2,
    blur: float = 1.0,
    solarise: float = 0.0,
) -> Transform:
    """One view's transform; the arguments are probabilities."""
    cubic = transforms.InterpolationMode.BICUBIC
    colours = transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)
    steps = [
        transforms.RandomResizedCrop(size_px, scale=(0.2, 1.0), interpolation=cubic),
        transforms.RandomHorizontalFlip(0.5),
        transforms.RandomApply([colours], p=jitter),
        transforms.RandomGrayscale(grey),
        transforms.RandomApply([transforms.Lambda(_blur)], p=blur),
        transforms.RandomApply([transforms.Lambda(ImageOps.solarize)], p=solarise),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    composed: Transform = transforms.Compose(steps)
    return composed


def view_transforms(size_px: int) -> tuple[Transform, Transform]:
    """The transforms of the first and of the second view."""
    return view_transform(size_px), view_transform(size_px, blur=0.1, solarise=0.2)


def gmml_mask(
    channels: int, size: tuple[int, int], share: float, align: int = 1
) -> Iterator[tuple[Tensor, slice, slice]]:
    """The growing mask [C, Y, X] with the rows and columns of each new block."""
    height, width = size
    quota = np.random.uniform(min(0.5, share), share) * height * width
    mask_CYX = torch.zeros(channels, height, width)
    while mask_CYX[0].sum() < quota:
        top = np.random.randint(0, height - align) // align * align
        left = np.random.randint(0, width - align) // align * align
        tall = min(np.random.randint(align, int(BLOCK_SIDE * height)), height - top)
        wide = min(np.random.randint(align, int(BLOCK_SIDE * width)), width - left)
        rows = slice(top, top + tall // align * align)
        columns = slice(left, left + wide // align * align)
        mask_CYX[:, rows, columns] = 1
        yield mask_CYX, rows, columns


def gmml_blocks(
    image_CYX: Tensor, other_CYX: Tensor | None, share: float, align: int = 1
) -> tuple[Tensor, Tensor]:
    """A corrupted copy and its mask, both [C, Y, X]: blocks of `other_CYX`, or of zeros."""
    channels, height, width = image_CYX.shape
    image_CYX = image_CYX.clone()
    mask_CYX = torch.zeros_like(image_CYX)
    for grown_CYX, rows, columns in gmml_mask(channels, (height, width), share, align):
        mask_CYX = grown_CYX
        if other_CYX is None:
            image_CYX[:, rows, columns] = torch.zeros(channels, 1, 1)
        else:
            image_CYX[:, rows, columns] = other_CYX[:, rows, columns]
    return image_CYX, mask_CYX


def reference_sample(picture: Picture, views: Sequence[Transform], align: int = 1) -> Sample:
    """One item of the data set: the two clean views, their hidden copies and their masks."""
    clean = [view(picture) for view in views]
    hidden = [gmml_blocks(view_CYX, None, DROP_SHARE, align) for view_CYX in clean]
    return clean, [image for image, _ in hidden], [mask for _, mask in hidden]


def reference_collate(samples: list[Sample], align: int = 1) -> tuple[list[Tensor], ...]:
    """Stacks samples into clean, corrupted and masks [B, C, Y, X] of both views.

    Of about half the samples the clean view is corrupted anew with blocks of a batch mate.
    """
    for clean, corrupted, masks in samples:
        for view in range(len(clean)):
            if random.random() < REPLACE_PROBABILITY:
                mate = samples[random.randrange(len(samples))][0][view]
                corrupted[view], masks[view] = gmml_blocks(clean[view], mate, REPLACE_SHARE, align)
    stacked = (
        [torch.stack([sample[part][view] for sample in samples]) for view in range(2)]
        for part in range(3)
    )
    return tuple(stacked)


def reference_batch(
    sources: Sequence[Picture | Path], views: Sequence[Transform], align: int = 1
) -> tuple[list[Tensor], ...]:
    """A batch from decoded pictures or image files: clean, corrupted, masks of both views."""
    samples = []
    for source in sources:
        picture = Image.open(source).convert("RGB") if isinstance(source, Path) else source
        samples.append(reference_sample(picture, views, align))
    return reference_collate(samples, align)


def local_corruption(batch_BCYX: Tensor) -> Tensor:
    """The corruption of 2021 (arXiv 2104.03602 v1), one image and one block after the other: a copy."""
    batch_BCYX = batch_BCYX.clone()
    _, _, height, width = batch_BCYX.shape
    sides = (height, width)
    for i, image_CYX in enumerate(batch_BCYX):
        rows, columns = _local_block(sides, sides)
        block_CYX = image_CYX[:, rows, columns]
        block_CYX[:] = block_CYX.mean(0, keepdim=True)
        rows, columns = _local_block(sides, sides)
        kernel = 2 * (np.random.randint(3, 16) // 2) + 1
        sigma = np.random.rand() * 5 + 0.1
        block_CYX = image_CYX[:, rows, columns]
        # The cut-out block may be smaller than the kernel, which reflecting cannot pad
        padded = functional.pad(block_CYX[None], (kernel // 2,) * 4, mode="replicate")
        inside = slice(kernel // 2, -(kernel // 2))
        blurred = gaussian_blur(padded, [kernel, kernel], [sigma, sigma])
        block_CYX[:] = blurred[0, :, inside, inside]
        _fill_until(image_CYX, lambda shape, _: torch.randn(shape))
        mate = np.random.randint(0, len(batch_BCYX))
        if mate != i:
            other_CYX = batch_BCYX[mate]
            _fill_until(image_CYX, lambda _, place, other=other_CYX: other[place])
    return batch_BCYX


def _local_block(size: tuple[int, int], most: tuple[int, int]) -> tuple[slice, slice]:
    parts = []
    for length, longest in zip(size, most, strict=True):
        least = int(0.05 * length)
        start = np.random.randint(0, length - least)
        parts.append(slice(start, min(length, start + np.random.randint(max(1, least), longest))))
    return parts[0], parts[1]


def _fill_until(image_CYX: Tensor, source: Callable[..., Tensor]) -> None:
    """Blocks from `source`(shape, place) until the sum of their areas reaches a drawn share."""
    _, height, width = image_CYX.shape
    target, area = np.random.rand() * 0.3 * height * width, 0
    while area < target:
        rows, columns = _local_block((height, width), (int(0.25 * height), int(0.25 * width)))
        place = (slice(None), rows, columns)
        image_CYX[place] = source(image_CYX[place].shape, place)
        area += (rows.stop - rows.start) * (columns.stop - columns.start)
