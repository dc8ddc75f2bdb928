"""Views from pixels: against torchvision and Pillow, and the two appliers against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Never

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import functional as theirs

from sit_engine.config.view_kinds import pair_of
from sit_engine.config.views import ViewOptions
from sit_engine.views.apply import apply_views
from sit_engine.views.apply_batch import apply_batch, blur_each, blur_weights
from sit_engine.views.apply_common import MEAN, STD, pixel_boxes
from sit_engine.views.apply_each import apply_each, blur
from sit_engine.views.draw import ViewParams, draw_views, neutral_params
from tests.views.pictures import smooth_pictures

APPLIERS = [apply_each, apply_batch]
Applier = Callable[[Tensor, ViewParams, tuple[int, int]], Tensor]
LEVEL = 1 / 255 / min(STD)  # one of 255 levels after normalisation, at most
FROM_PILLOW = 3.1  # torch's own uint8 kernel differs from Pillow by that much in single pixels


def normalised(levels_BCYX: Tensor) -> Tensor:
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return (levels_BCYX.float() / 255 - mean) / std


def pillow_resize(image_YXC: Tensor, size: tuple[int, int], box: list[int]) -> Tensor:
    top, left, bottom, right = box
    picture = Image.fromarray(image_YXC.numpy()).crop((left, top, right, bottom))
    resized = picture.resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)


@pytest.mark.parametrize("size", [(32, 32), (48, 80), (120, 90)])
@pytest.mark.parametrize("apply", APPLIERS)
def test_neutral_parameters_give_pillows_resize(apply: Applier, size: tuple[int, int]) -> None:
    images = smooth_pictures(3, 90)
    view = apply(images, neutral_params(3), size)
    box = [0, 0, 90, 90]
    expected = normalised(torch.stack([pillow_resize(image, size, box) for image in images]))
    assert view.shape == (3, 3, *size)
    assert (view - expected).abs().max() <= FROM_PILLOW * LEVEL
    assert (view - expected).abs().mean() < 0.4 * LEVEL


@pytest.mark.parametrize("apply", APPLIERS)
def test_crop_and_flip_are_pillows(apply: Applier) -> None:
    images = smooth_pictures(8, 74)
    drawn = draw_views(pair_of(_blurring(), 40), torch.ones(8), seed=3, step=0)[0]
    params = replace(neutral_params(8), box_B4=drawn.box_B4, flip_B=drawn.flip_B)
    view = apply(images, params, (40, 40))
    for i, box in enumerate(pixel_boxes(params, 74, 74).tolist()):
        expected = normalised(pillow_resize(images[i], (40, 40), box))
        if drawn.flip_B[i]:
            expected = expected.flip(-1)
        assert (view[i] - expected).abs().max() <= FROM_PILLOW * LEVEL


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (96, 160), (128, 128)])
@pytest.mark.parametrize("which", [0, 1])
def test_the_appliers_agree(size: tuple[int, int], which: int) -> None:
    images = smooth_pictures(12, 110)
    for step in range(2):
        params = draw_views(pair_of(_blurring(), size[0]), torch.ones(12), seed=0, step=step)[which]
        gap = (apply_each(images, params, size) - apply_batch(images, params, size)).abs()
        assert gap.max() < 6 * LEVEL  # contrast and brightness stretch a level to two
        assert gap.mean() < 0.4 * LEVEL


def test_the_appliers_agree_where_hue_turns_far() -> None:
    options = _blurring().model_copy(update={"hue": 0.5, "jitter": 1.0})
    params = draw_views(pair_of(options, 40), torch.ones(12), seed=0, step=0)[1]
    images = smooth_pictures(12, 50)
    gap = apply_each(images, params, (40, 40)) - apply_batch(images, params, (40, 40))
    assert gap.abs().mean() < 0.5 * LEVEL


@pytest.mark.parametrize("size_px", [32, 100])
def test_apply_views_is_one_of_the_two(size_px: int) -> None:
    images = smooth_pictures(4, 110)
    size = (size_px, size_px)
    params = draw_views(pair_of(_blurring(), size[0]), torch.ones(4), seed=0, step=0)[0]
    expected = apply_batch if size_px == 32 else apply_each
    out = torch.empty(4, 3, *size)
    view = apply_views(images, params, size, out=out)
    assert view.data_ptr() == out.data_ptr()
    assert torch.equal(view, expected(images, params, size))
    assert torch.equal(view, apply_views(images, params, size))


@pytest.mark.parametrize("apply", APPLIERS)
def test_a_slice_of_the_batch_gives_the_same_views(apply: Applier) -> None:
    images = smooth_pictures(9, 60)
    params = draw_views(pair_of(_blurring(), 48), torch.ones(9), seed=0, step=4)[0]
    whole = apply(images, params, (48, 48))
    part = apply(images[3:7], params.take(np.arange(3, 7)), (48, 48))
    torch.testing.assert_close(part, whole[3:7], atol=1e-4, rtol=0)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 2.0, 4.0])
def test_blur_is_a_gaussian(sigma: float) -> None:
    image = smooth_pictures(1, 50)[0].permute(2, 0, 1).float()[:, :, :37].contiguous()
    radius = int(3 * sigma + 0.5)
    kernel_px = 2 * radius + 1
    ours = blur(image, sigma, radius)
    padded = functional.pad(image[None], (radius,) * 4, mode="replicate")
    expected = theirs.gaussian_blur(padded, [kernel_px] * 2, [sigma] * 2)[0]
    expected = expected[:, radius : radius + 50, radius : radius + 37]
    torch.testing.assert_close(ours, expected, atol=2e-3, rtol=0)
    rows, columns = (
        blur_weights(torch.tensor([sigma]), torch.tensor([float(radius)]), radius + 2, length)[0]
        for length in (50, 37)
    )
    torch.testing.assert_close(rows @ image @ columns.T, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("side", [64, 128])
def test_views_are_each_blurred_by_themselves(side: int) -> None:
    """Large ones on the CPU go another way than small ones."""
    views = smooth_pictures(3, side).permute(0, 3, 1, 2).float()
    sigmas, radii = torch.tensor([0.4, 2.0, 5.0]), torch.tensor([1.0, 7.0, 3.0])
    rows = blur_weights(sigmas, radii, 7, side)
    expected = rows[:, None] @ views @ rows.mT[:, None]
    torch.testing.assert_close(blur_each(views, sigmas, radii, 7), expected, atol=1e-3, rtol=0)


def test_tiny_boxes_keep_one_pixel() -> None:
    params = replace(
        neutral_params(3),
        box_B4=torch.tensor([[0.0, 0, 1e-4, 1e-4], [1, 1, 0, 0], [0.5, 0.5, 1e-4, 0.3]]),
    )
    box_B4 = pixel_boxes(params, 30, 30)
    assert ((box_B4[:, 2:] - box_B4[:, :2]) >= 1).all()
    assert (box_B4 <= 30).all()
    for apply in APPLIERS:
        assert apply(smooth_pictures(3, 30), params, (16, 16)).isfinite().all()


@pytest.mark.parametrize("size_px", [32, 100])
def test_the_number_of_threads_is_restored(size_px: int) -> None:
    torch.set_num_threads(2)
    apply_views(smooth_pictures(1, 40), neutral_params(1), (size_px, size_px))
    assert torch.get_num_threads() == 2


def test_images_are_left_as_they_were() -> None:
    images = smooth_pictures(6, 40)
    before = images.clone()
    params = draw_views(pair_of(_blurring(), 32), torch.ones(6), seed=0, step=0)[1]
    for apply in APPLIERS:
        apply(images, params, (32, 32))
    assert torch.equal(images, before)


def _blurring() -> ViewOptions[Never]:
    return ViewOptions(**ViewOptions.PUBLISHED, flip=0.5, blur_first=1.0, blur_second=0.1)
