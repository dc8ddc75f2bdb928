"""Quarter turns and shifts: which way, how often, and what fills up."""

from __future__ import annotations

from typing import Never

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as theirs

from sit_engine.config.view_kinds import pair_of
from sit_engine.config.views import ViewOptions
from sit_engine.views.apply import apply_views
from sit_engine.views.apply_batch import apply_batch
from sit_engine.views.apply_common import shifted
from sit_engine.views.apply_each import apply_each
from sit_engine.views.draw import centre_params, draw_views
from sit_engine.views.rotate import draw_rotations, draw_turns, rotate_
from tests.views.pictures import smooth_pictures


def test_labels_are_no_turn_clockwise_half_and_anticlockwise() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    view = torch.from_numpy(pixels).permute(2, 0, 1).float()
    turned = view.repeat(4, 1, 1, 1)
    rotate_(turned, torch.arange(4))
    # Pillow's names are anticlockwise
    names = (
        None,
        Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_180,
        Image.Transpose.ROTATE_90,
    )
    for found, name in zip(turned, names, strict=True):
        expected = (
            Image.fromarray(pixels) if name is None else Image.fromarray(pixels).transpose(name)
        )
        assert np.array_equal(found.permute(1, 2, 0).numpy(), np.asarray(expected))
    # A clockwise quarter brings the first row to the last column.
    assert torch.equal(turned[1][:, :, -1], view[:, 0])


def test_all_four_labels_are_as_likely_and_the_views_draw_their_own() -> None:
    first, second = (draw_rotations(8000, seed=0, step=0, view=view) for view in (0, 1))
    for turns in (first, second):
        assert turns.bincount(minlength=4).tolist() == pytest.approx([2000] * 4, abs=160)
    pairs = (4 * first + second).bincount(minlength=16)
    assert pairs.tolist() == pytest.approx([500] * 16, abs=100)
    assert torch.equal(first, draw_rotations(8000, seed=0, step=0, view=0))
    assert not torch.equal(first, draw_rotations(8000, seed=0, step=1, view=0))


@pytest.mark.parametrize(("share", "as_it_is"), [(0.0, 8000), (0.75, 2000), (1.0, 0)])
def test_so_many_views_are_turned_each_way_as_likely(share: float, as_it_is: int) -> None:
    turns = draw_turns(8000, share, seed=0, step=0, view=0)
    each = (8000 - as_it_is) / 3
    assert turns.bincount(minlength=4).tolist() == pytest.approx([as_it_is, *[each] * 3], abs=160)
    assert torch.equal(turns, draw_turns(8000, share, seed=0, step=0, view=0))
    assert share == 0 or not torch.equal(turns, draw_turns(8000, share, seed=0, step=0, view=1))


def test_a_shift_is_a_padded_crop() -> None:
    view = torch.rand(9, 3, 10, 12)
    shifts = torch.tensor([[dy, dx] for dy in (-2, 0, 4) for dx in (-4, 1, 3)])
    for found, one, (down, right) in zip(shifted(view, shifts), view, shifts.tolist(), strict=True):
        padded = theirs.pad(one, [4])
        assert torch.equal(found, theirs.crop(padded, 4 - down, 4 - right, 10, 12))
    assert shifted(view, torch.zeros(9, 2, dtype=torch.int64)) is view


def test_views_of_the_2021_recipe_at_32_px_are_shifted_whole_images() -> None:
    pictures = smooth_pictures(200, 32)
    options: ViewOptions[Never] = ViewOptions(
        shift=4, flip=0, jitter=0, brightness=0, contrast=0, saturation=0, hue=0, grey=0,
        blur_first=0, blur_second=0, solarise=0,
    )  # fmt: skip
    params, _ = draw_views(pair_of(options, 32), torch.ones(200), seed=0, step=0)
    assert sorted(set(params.shift_B2.flatten().tolist())) == list(range(-4, 5))
    plain = apply_views(pictures, centre_params(torch.ones(200)), (32, 32))
    black = apply_views(torch.zeros_like(pictures), centre_params(torch.ones(200)), (32, 32))
    for apply in (apply_batch, apply_each):
        found = apply(pictures, params, (32, 32))
        for i in (0, 7, 150):
            down, right = params.shift_B2[i].tolist()
            here = black[i].clone()
            target = here[:, max(0, down) : 32 + min(0, down), max(0, right) : 32 + min(0, right)]
            target.copy_(
                plain[i, :, max(0, -down) : 32 - max(0, down), max(0, -right) : 32 - max(0, right)]
            )
            torch.testing.assert_close(found[i], here, atol=0.02, rtol=0)
