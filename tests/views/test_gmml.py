"""What is hidden and what stands there instead; the law against a slow one written here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sit_engine.config.views import CorruptionOptions
from sit_engine.views.gmml import (
    ALIEN,
    ELSEWHERE,
    FILLS,
    NOISE,
    ZEROS,
    Corruption,
    corrupt_batch,
    corrupt_each,
    corrupt_gmml,
    draw_gmml,
)
from sit_engine.views.rows import Rows
from tests.gpu import nothing_waits
from tests.views.pictures import largest_gap

Size = tuple[int, int]
ALL_FILLS = CorruptionOptions(fills=("zeros", "noise", "elsewhere"))
HIDE = CorruptionOptions(replace_probability=0.0, drop_share=0.5)
REPLACE = CorruptionOptions(replace_probability=1.0, replace_share=0.3)


def draw(
    options: CorruptionOptions,
    batch: int,
    size: Size,
    align: int = 1,
    step: int = 0,
    device: str = "cpu",
) -> Corruption:
    drawn = draw_gmml(options, batch, size, seed=3, step=step, view=0, align=align)
    return drawn.on(torch.device(device), Rows.all(batch))


def slow_mask(size: Size, align: int, share: float, rng: np.random.Generator) -> Tensor:
    """One mask by the law as written in words, block by block."""
    height, width = size
    mask_YX = np.zeros(size, dtype=bool)
    while mask_YX.sum() < share * height * width:
        place = []
        for length in size:
            if align == 1:
                start = int(rng.integers(0, length - 1))
                side = int(rng.integers(1, int(0.3 * length)))
            else:
                start = int(rng.integers(0, -(-length // align))) * align
                side = int(rng.integers(1, max(1, int(0.3 * length / align)) + 1)) * align
            place.append(slice(start, start + side))
        mask_YX[place[0], place[1]] = True
    return torch.from_numpy(mask_YX)


LAWS = [((224, 224), 1), ((32, 32), 1), ((224, 224), 16), ((32, 32), 4), ((96, 160), 1)]


@pytest.mark.parametrize(("size", "align"), [*LAWS, ((96, 160), 16), ((50, 70), 16)])
@pytest.mark.parametrize(("options", "share"), [(HIDE, 0.5), (REPLACE, 0.3)])
def test_masks_follow_the_slow_law(
    size: Size, align: int, options: CorruptionOptions, share: float
) -> None:
    batch = 150 if size == (224, 224) else 400
    unlikely = 1.95 * (2 / batch) ** 0.5  # exceeded by one in a thousand pairs of equal laws
    ours_BYX = draw(options, batch, size, align).mask_BYX
    rng = np.random.default_rng(8)
    theirs_BYX = torch.stack([slow_mask(size, align, share, rng) for _ in range(batch)])
    ours_area_B, theirs_area_B = (m.float().mean((1, 2)) for m in (ours_BYX, theirs_BYX))
    assert (ours_area_B >= share).all()
    assert largest_gap(ours_area_B.numpy(), theirs_area_B.numpy()) < unlikely
    # How often each row and column is hidden shows where blocks start and how long they are
    for axis in (1, 2):
        ours_line, theirs_line = (m.float().mean((0, axis)) for m in (ours_BYX, theirs_BYX))
        assert (ours_line - theirs_line).abs().max() < 0.1
    # The number of borders between hidden and seen shows the blocks' sides
    ours_edges, theirs_edges = (
        (m[:, 1:] != m[:, :-1]).float().mean((1, 2)) for m in (ours_BYX, theirs_BYX)
    )
    assert largest_gap(ours_edges.numpy(), theirs_edges.numpy()) < unlikely


def test_hidden_areas_are_those_of_the_recipe() -> None:
    hidden = draw(HIDE, 600, (224, 224)).mask_BYX.float().mean((1, 2))
    replaced = draw(REPLACE, 600, (224, 224)).mask_BYX.float().mean((1, 2))
    assert hidden.mean().item() == pytest.approx(0.511, abs=0.003)
    assert hidden.std().item() == pytest.approx(0.010, abs=0.003)
    assert replaced.mean().item() == pytest.approx(0.315, abs=0.004)
    assert replaced.std().item() == pytest.approx(0.013, abs=0.004)


def test_above_half_the_area_is_drawn_between_half_and_the_most() -> None:
    options = CorruptionOptions(replace_probability=0.0, drop_share=0.8)
    area_B = draw(options, 2000, (32, 32)).mask_BYX.float().mean((1, 2)).numpy()
    assert area_B.min() >= 0.5
    assert largest_gap(area_B, np.linspace(0.5, 0.8, 2000)) < 0.1  # the last block overshoots
    assert area_B.mean() == pytest.approx(0.66, abs=0.01)


@pytest.mark.parametrize(("size", "align"), [((32, 32), 1), ((32, 32), 4), ((50, 70), 16)])
def test_a_tenth_in_sight_is_reached_within_the_bound(size: Size, align: int) -> None:
    options = CorruptionOptions(drop_share=0.95, replace_probability=0.0)
    corruption = draw(options, 500, size, align)
    assert (corruption.mask_BYX.float().mean((1, 2)) >= 0.5).all()
    assert int(corruption.bound_reached) <= 1


def test_nothing_is_hidden_where_the_share_is_zero() -> None:
    options = CorruptionOptions(drop_share=0.0, replace_share=0.0)
    assert not draw(options, 8, (32, 32)).mask_BYX.any()


def test_aligned_masks_are_whole_cells() -> None:
    mask_BYX = draw(HIDE, 64, (96, 160), 16).mask_BYX
    cells = mask_BYX.view(64, 6, 16, 10, 16).float().mean((2, 4))
    assert ((cells == 0) | (cells == 1)).all()


def test_treatments_partners_and_shifts_are_uniform() -> None:
    corruption = draw(ALL_FILLS, 6000, (8, 10), 4)
    share_F = torch.bincount(corruption.fill_B.long(), minlength=4) / 6000
    torch.testing.assert_close(share_F, torch.tensor([1, 1, 1, 3]) / 6, atol=0.02, rtol=0)
    partner_B = corruption.partner_B.double().numpy()
    assert largest_gap(partner_B, np.arange(6000)) < 0.03
    flat_B = corruption.shift_B2[:, 0] * 10 + corruption.shift_B2[:, 1]
    assert flat_B.min() == 1
    assert flat_B.max() == 79
    assert corruption.fills == {ZEROS, NOISE, ELSEWHERE, ALIEN}
    assert draw(CorruptionOptions(), 6000, (8, 8), 4).fills == {ZEROS, ALIEN}


def test_drawing_is_pure() -> None:
    before = torch.get_rng_state()
    first, again, other = (draw(ALL_FILLS, 8, (32, 32), step=step) for step in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.mask_BYX, again.mask_BYX)
    assert torch.equal(first.fill_B, again.fill_B)
    assert not torch.equal(first.mask_BYX, other.mask_BYX)


@pytest.mark.parametrize("size", [(32, 32), (72, 80)])
def test_only_hidden_pixels_change(size: Size) -> None:
    view_BCYX = torch.randn(40, 3, *size, generator=torch.Generator().manual_seed(0))
    before = view_BCYX.clone()
    corruption = draw(ALL_FILLS, 40, size)
    out = corrupt_gmml(view_BCYX, corruption, seed=3, step=0, view=0)
    mask_BCYX = corruption.mask_BYX[:, None].expand_as(view_BCYX)
    assert torch.equal(view_BCYX, before)
    assert torch.equal(out[~mask_BCYX], view_BCYX[~mask_BCYX])
    for i in range(40):
        name = FILLS[int(corruption.fill_B[i])]
        mask_YX = corruption.mask_BYX[i]
        hidden = out[i][:, mask_YX]
        if name == "zeros":
            assert (hidden == 0).all()
        elif name == "alien":
            partner = view_BCYX[int(corruption.partner_B[i])]
            assert torch.equal(hidden, partner[:, mask_YX])
        elif name == "elsewhere":
            moved = view_BCYX[i].roll(corruption.shift_B2[i].tolist(), dims=(1, 2))
            assert torch.equal(hidden, moved[:, mask_YX])
        else:
            assert not torch.isclose(hidden, view_BCYX[i][:, mask_YX]).all()
            assert abs(float(hidden.mean())) < 0.2
            assert float(hidden.std()) == pytest.approx(1, abs=0.15)


def test_both_ways_to_fill_agree() -> None:
    options = CorruptionOptions(fills=("zeros", "elsewhere"))
    view_BCYX = torch.randn(24, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    corruption = draw(options, 24, (40, 48), 8)
    each, batch = (
        way(view_BCYX, corruption, torch.Generator()) for way in (corrupt_each, corrupt_batch)
    )
    assert torch.equal(each, batch)
    out = torch.empty_like(view_BCYX)
    assert corrupt_gmml(view_BCYX, corruption, seed=0, step=0, view=0, out=out) is out
    assert torch.equal(out, each)


def test_noise_is_a_function_of_the_place_in_the_run() -> None:
    options = CorruptionOptions(fills=("noise",), replace_probability=0.0)
    view_BCYX = torch.zeros(4, 3, 16, 16)
    corruption = draw(options, 4, (16, 16))
    before = torch.get_rng_state()
    first, again, other = (
        corrupt_gmml(view_BCYX, corruption, seed=0, step=step, view=0) for step in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_masks_without_waiting() -> None:
    with nothing_waits():
        there = draw(HIDE, 16, (96, 160), 8, device="cuda")
        view_BCYX = torch.zeros(16, 3, 96, 160, device="cuda")
        corrupt_gmml(view_BCYX, there, seed=0, step=0, view=0)
    assert torch.equal(there.mask_BYX.cpu(), draw(HIDE, 16, (96, 160), 8).mask_BYX)
