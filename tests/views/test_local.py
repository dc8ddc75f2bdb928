"""The four local corruptions of 2021 against slow rules written here, batch-wise and one by one."""

from __future__ import annotations

from typing import Never

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as theirs

from sit_engine.config.views import CorruptionOptions, LocalOptions
from sit_engine.views.corrupt import corrupt
from sit_engine.views.local import Local, corrupt_local, draw_blocks, draw_blocks_of, draw_until
from sit_engine.views.rows import Rows
from sit_engine.views.seeds import stream_seed

SIZE = (64, 48)


def draw(
    batch: int,
    size: tuple[int, int] = SIZE,
    step: int = 0,
    options: LocalOptions = LocalOptions(),  # noqa: B008 - frozen
    device: str = "cpu",
) -> Local:
    """One view's corruption from a fixed seed."""
    drawn = draw_blocks_of(options, batch, size, seed=3, step=step, view=0)
    return drawn.on(torch.device(device), Rows.all(batch))


def views(batch: int, size: tuple[int, int] = SIZE) -> Tensor:
    """Normalised pixels, smooth enough that a blur matters and does not erase."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn(batch, 3, 8, 8, generator=generator)
    return functional.interpolate(coarse, size=size, mode="bicubic")


def noise_of(view_BCYX: Tensor) -> Tensor:
    """The noise that `corrupt_local` draws for seed 3, step 0, view 0."""
    generator = torch.Generator().manual_seed(stream_seed(3, 0, 0, "local noise 0"))
    return torch.empty_like(view_BCYX).normal_(generator=generator)


def corner_and_sides(size: int, least: int, most: int, rng: np.random.Generator) -> tuple[int, int]:
    """One axis of a block as the authors of SiT 2021 have it: upper ends exclusive, cut at the border."""
    start = int(rng.integers(0, size - least))
    return start, min(int(rng.integers(least, most)), size - start)


@pytest.mark.parametrize(("sides", "least", "most"), [((0.05, 1), 11, 224), ((0.05, 0.25), 11, 56)])
def test_blocks_follow_the_law_of_the_recipe(
    sides: tuple[float, float], least: int, most: int
) -> None:
    found = draw_blocks((224, 224), sides, (400, 10), np.random.default_rng(0)).reshape(-1, 4)
    start, side = found[:, :2], found[:, 2:] - found[:, :2]
    assert (start.min(), start.max()) == (0, 224 - least - 1)
    assert side.max() == most - 1
    assert (found[:, 2:] <= 224).all()
    not_cut = side[found[:, 2:] < 224]
    assert not_cut.min() == least
    rng = np.random.default_rng(1)
    slow = np.array([corner_and_sides(224, least, most, rng) for _ in range(8000)])
    assert start.mean() == pytest.approx(slow[:, 0].mean(), rel=0.03)
    assert side.mean() == pytest.approx(slow[:, 1].mean(), rel=0.03)
    assert side.std() == pytest.approx(slow[:, 1].std(), rel=0.05)


@pytest.mark.parametrize("size", [(224, 224), (32, 32), (8, 8)])
def test_blocks_are_added_until_their_areas_reach_the_share(size: tuple[int, int]) -> None:
    share = np.linspace(0, 0.3, 50)
    blocks, used = draw_until(share, size, (0.05, 0.25), np.random.default_rng(0))
    for sample, target in enumerate(share * size[0] * size[1]):
        areas = [int((b[2] - b[0]) * (b[3] - b[1])) for b in blocks[sample][used[sample]]]
        assert sum(areas) >= target
        assert not areas or sum(areas[:-1]) < target
        count = len(areas)
        assert used[sample, :count].all()
        assert not used[sample, count:].any()


def test_kernels_sigmas_and_partners_follow_the_law() -> None:
    drawn = draw(4000, (16, 16))
    kernels = 2 * drawn.radius_B + 1
    assert set(kernels.tolist()) == {3, 5, 7, 9, 11, 13, 15}
    # randint(3, 16) has 13 values: 3 alone gives a kernel of 3, every other kernel has two
    assert float((kernels == 3).float().mean()) == pytest.approx(1 / 13, abs=0.015)
    assert 0.1 <= float(drawn.sigma_B.min()) < 0.15
    assert 5.05 < float(drawn.sigma_B.max()) <= 5.1
    assert float(drawn.sigma_B.mean()) == pytest.approx(2.6, abs=0.1)
    few = torch.cat([draw(4, step=step).partner_B for step in range(300)])
    assert few.bincount(minlength=4).tolist() == pytest.approx([300] * 4, abs=60)


def test_an_image_that_is_its_own_partner_gets_no_alien_block() -> None:
    found = 0
    for step in range(10):
        drawn = draw(8, step=step)
        own = drawn.partner_B == torch.arange(8)
        assert torch.equal(drawn.alien_BYX.flatten(1).any(1), ~own)
        found += int(own.sum())
    assert found


def blurred(view_CYX: Tensor, radius: int, sigma: float, mode: str) -> Tensor:
    """Gaussian of a view or a block by torchvision, borders by `mode`."""
    padded = functional.pad(view_CYX[None], (radius,) * 4, mode=mode)
    out = theirs.gaussian_blur(padded, [2 * radius + 1] * 2, [sigma] * 2)
    cut: Tensor = out[
        0, :, radius : radius + view_CYX.shape[1], radius : radius + view_CYX.shape[2]
    ]
    return cut


def batch_wise(view_BCYX: Tensor, drawn: Local) -> Tensor:
    """The batched rule in words: four steps, each on the batch as the one before left it."""
    noise, made = noise_of(view_BCYX), view_BCYX.clone()
    for i, mask in enumerate(drawn.grey_BYX):
        made[i, :, mask] = made[i].mean(0)[mask]
    for i, mask in enumerate(drawn.blur_BYX):
        soft = blurred(made[i], int(drawn.radius_B[i]), float(drawn.sigma_B[i]), "replicate")
        made[i, :, mask] = soft[:, mask]
    for i, mask in enumerate(drawn.noise_BYX):
        made[i, :, mask] = noise[i][:, mask]
    before = made.clone()
    for i, mask in enumerate(drawn.alien_BYX):
        made[i, :, mask] = before[int(drawn.partner_B[i])][:, mask]
    return made


def one_by_one(view_BCYX: Tensor, drawn: Local) -> Tensor:
    """The original's rule: image after image, blur of the block alone, partners as they stand."""
    noise, made = noise_of(view_BCYX), view_BCYX.clone()
    for i in range(len(made)):
        made[i, :, drawn.grey_BYX[i]] = made[i].mean(0)[drawn.grey_BYX[i]]
        rows, columns = drawn.blur_BYX[i].nonzero().unbind(1)
        block = made[i, :, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        radius = int(drawn.radius_B[i])
        soft = blurred(block, radius, float(drawn.sigma_B[i]), "replicate")
        made[i, :, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = soft
        made[i, :, drawn.noise_BYX[i]] = noise[i][:, drawn.noise_BYX[i]]
        partner = made[int(drawn.partner_B[i])].clone()
        made[i, :, drawn.alien_BYX[i]] = partner[:, drawn.alien_BYX[i]]
    return made


@pytest.mark.parametrize("size", [SIZE, (32, 32)])
def test_pixels_are_those_of_the_batched_rule(size: tuple[int, int]) -> None:
    clean = views(12, size)
    drawn = draw(12, size)
    untouched = clean.clone()
    found = corrupt_local(clean, drawn, seed=3, step=0, view=0)
    assert torch.equal(clean, untouched)
    torch.testing.assert_close(found, batch_wise(clean, drawn), atol=2e-5, rtol=0)
    assert torch.equal(found, found.where(drawn.mask_BYX[:, None], clean))


def test_how_far_the_batched_rule_is_from_the_sequential_one() -> None:
    """With the same draws: 9 % of pixels, 0.033 deviations on average, of a batch of 64."""
    clean = views(64)
    drawn = draw(64)
    here, there = batch_wise(clean, drawn), one_by_one(clean, drawn)
    differs = ((here - there).abs() > 1e-4).any(1)
    assert 0.05 < float(differs.float().mean()) < 0.13
    assert 0.02 < float((here - there).abs().mean()) < 0.05
    # Only where a block was blurred, or came from an image that was not yet changed there.
    assert not (differs & ~drawn.blur_BYX & ~drawn.alien_BYX).any()
    still_clean = drawn.partner_B > torch.arange(64)
    only_alien = (differs & drawn.alien_BYX & ~drawn.blur_BYX).flatten(1).any(1)
    assert (only_alien & still_clean).sum() > 0.8 * still_clean.sum()


def test_each_corruption_can_be_switched_off_alone() -> None:
    off = dict.fromkeys(("grey_block", "blur_block", "noise_share", "alien_share"), 0.0)
    clean = views(20)
    nothing = draw(20, options=LocalOptions(**off))
    assert torch.equal(corrupt_local(clean, nothing, seed=3, step=0, view=0), clean)
    fields = ("grey_BYX", "blur_BYX", "noise_BYX", "alien_BYX")
    for name, field in zip(off, fields, strict=True):
        alone = off | {name: getattr(LocalOptions(), name)}
        drawn = draw(20, options=LocalOptions(**alone))
        assert getattr(drawn, field).any()
        assert torch.equal(getattr(drawn, field), drawn.mask_BYX)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_same_pixels_change() -> None:
    clean, options = views(12), LocalOptions(noise_share=0.0)
    here = draw(12, options=options)
    there = draw(12, options=options, device="cuda")
    torch.set_float32_matmul_precision("highest")  # The blur is a product.
    assert torch.equal(there.mask_BYX.cpu(), here.mask_BYX)
    found = corrupt_local(clean.cuda(), there, seed=3, step=0, view=0).cpu()
    expected = corrupt_local(clean, here, seed=3, step=0, view=0)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["gmml", "local", "none"])
def test_hide_changes_what_its_mask_says_and_nothing_else(kind: str) -> None:
    clean = views(16)
    options: CorruptionOptions[Never] = CorruptionOptions.model_validate({"kind": kind, "align": 1})
    found = corrupt(options, clean, seed=3, step=0, view=0)
    assert torch.equal(found.view, found.view.where(found.mask[:, None], clean))
    assert bool(found.mask.any()) is (kind != "none")
    out = torch.empty_like(clean)
    again = corrupt(options, clean, seed=3, step=0, view=0, out=out)
    assert again.view is out
    assert torch.equal(out, found.view)
    assert (
        not torch.equal(corrupt(options, clean, seed=4, step=0, view=0).view, out) or kind == "none"
    )
