"""RandAugment of a whole batch: the same operations, as often, as torchvision's of one image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import RandAugment

from sit_engine.methods.finetune.rand_augment import BINS, augment_once
from tests.gpu import nothing_waits
from tests.views.pictures import smooth_pictures

DRAWS, OUTCOMES = 1400, 23  # Nine operations have two signs, five have none.


def picture() -> Tensor:
    """uint8 [C,S,S]."""
    return smooth_pictures(1, 32)[0].permute(2, 0, 1)


def outcomes(made_BCSS: Tensor) -> tuple[Tensor, list[float]]:
    """What came out, and how often."""
    found, count = torch.unique(made_BCSS, dim=0, return_counts=True)
    return found, (count / len(made_BCSS)).tolist()


def share_alike(one: Tensor, other: Tensor) -> float:
    """Of pixels that differ by no more than rounding."""
    return ((one.int() - other.int()).abs() <= 1).float().mean().item()


@pytest.mark.parametrize("bin_", [9, 27])
def test_a_batch_gets_what_the_library_gives_an_image(bin_: int) -> None:
    image_CSS = picture()
    change = RandAugment(num_ops=1, magnitude=bin_, num_magnitude_bins=BINS)
    torch.manual_seed(0)
    theirs, their_shares = outcomes(torch.stack([change(image_CSS) for _ in range(DRAWS)]))
    batch = image_CSS.expand(DRAWS, -1, -1, -1)
    ours, our_shares = outcomes(augment_once(batch, bin_, np.random.default_rng(0)))
    assert len(ours) == len(theirs) == OUTCOMES
    for mine, often in zip(ours, our_shares, strict=True):
        alike = [share_alike(mine, other) for other in theirs]
        nearest = int(np.argmax(alike))
        # Where a pixel lies between two, rounding decides.
        assert alike[nearest] > 0.97
        assert often == pytest.approx(their_shares[nearest], abs=0.03)


def test_images_keep_their_places() -> None:
    # At no strength, and of one colour each, nothing changes.
    images = torch.arange(40, dtype=torch.uint8)[:, None, None, None].repeat(1, 3, 8, 8) * 6
    assert torch.equal(augment_once(images, 0, np.random.default_rng(1)), images)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_is_the_same_and_nothing_waits() -> None:
    batch = picture().expand(64, -1, -1, -1).contiguous()
    here = augment_once(batch, 27, np.random.default_rng(0))
    there = batch.cuda()
    with nothing_waits():
        made = augment_once(there, 27, np.random.default_rng(0))
    assert share_alike(made.cpu(), here) > 0.97
