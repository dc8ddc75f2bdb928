"""The supernet: shared channels, codes, budgets; what is taken out is what was inside."""

from __future__ import annotations

from typing import Any, Never, get_args

import numpy as np
import pytest
import torch
from torch import nn

from sit_engine.config.backbones import Requirements
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.network_cost import CostTable, Limits, counted_table
from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.families.searched import NAMED
from sit_engine.config.families.sharing import Sharing, ends_of, first_channel, uses
from sit_engine.config.families.space import PUBLISHED, PUBLISHED_LARGE, Space, tenths
from sit_engine.config.families.supernet import SupernetOptions
from sit_engine.config.filling import Filling
from sit_engine.errors import ConfigError
from sit_engine.models.channels import Channels
from sit_engine.models.supernet import Supernet, build_supernet
from tests.tiny import SUPERNET

SHARINGS: tuple[Sharing, ...] = get_args(Sharing)
FACTS = DataFacts(images=1000, classes=2, median_side_px=32)
SMALL = {name: value for name, value in SUPERNET.items() if name != "family"}


def filled(**own: Any) -> SupernetOptions[Never]:
    filling = Filling("model", options := SupernetOptions(**SMALL | own))
    options.fill(filling, FACTS, DeviceFacts(), Requirements(None, None))
    return filling.done()  # type: ignore[no-any-return]


def network(**own: Any) -> Supernet:
    torch.manual_seed(0)
    made = build_supernet(filled(**own), drop_path=0.0, fused_attention=False)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def test_each_way_of_sharing_uses_channels_as_often_as_it_says() -> None:
    """Ten widths 10 … 100 of 100 channels (methods-more.md C2)."""
    widths = range(10, 101, 10)
    leading, both, ring = (uses(list(widths), sharing) for sharing in SHARINGS)
    assert (leading[0], leading[-1]) == (10, 1)
    assert set(both) == {11}
    assert set(ring) == {5, 6}
    # The published widths are rounded tenths.
    assert np.ptp(uses(tenths(384), "ring")) <= 1
    assert [len(ends_of(sharing)) for sharing in SHARINGS] == [1, 2, 1]


def test_channels_that_wrap_are_taken_and_put_back_in_their_order() -> None:
    whole = torch.arange(10.0)
    wrapped = Channels(7, 5, 10)
    assert wrapped.of(whole, 0).tolist() == [7, 8, 9, 0, 1]
    assert wrapped.spread(wrapped.of(whole, 0)).tolist() == [0, 1, 0, 0, 0, 0, 0, 7, 8, 9]
    assert Channels(2, 3, 10).spread(torch.ones(3)).tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    # The first candidate of the ring begins at 0, the next behind it.
    assert [first_channel((4, 8, 12), width, "ring", "leading") for width in (4, 8, 12)] == [
        0,
        4,
        0,
    ]


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_network_taken_out_is_the_same_inside(sharing: Sharing) -> None:
    supernet = network(sharing=sharing, tokens=2)
    image = torch.randn(2, 3, 16, 16)
    generator = np.random.default_rng(0)
    space = supernet.space
    for code in space.canonical(space.draw(20, 0.4, generator)):
        shape = space.shape(code)
        for end in ends_of(sharing):
            alone = supernet.extract(shape, end)
            assert sum(p.numel() for p in alone.parameters()) == shape.parameters(16, tokens=2)
            own = supernet.channels(shape, end)
            with torch.no_grad(), supernet.answering(shape, end):
                inside, outside = supernet.maps(image).tokens, alone.maps(image).tokens
                assert (own.of(inside, 2) - outside).abs().max() < 1e-6 * outside.abs().max()
                torch.testing.assert_close(own.spread(outside), inside, atol=1e-5, rtol=1e-5)
                torch.testing.assert_close(supernet.pooled(image), inside)
                (*_, last) = supernet.layers(image)
                places = alone.layers(image)[-1].places
                torch.testing.assert_close(own.of(last.places, 2), places, atol=1e-5, rtol=1e-5)


def test_both_ends_add_up_in_a_step() -> None:
    supernet, image = network(sharing="both").train(), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        whole = supernet.maps(image).tokens
        parts = []
        for end in ends_of("both"):
            with supernet.answering(supernet.drawn, end):
                parts.append(supernet.maps(image).tokens)
    torch.testing.assert_close(whole, parts[0] + parts[1])
    assert not torch.allclose(parts[0], parts[1])


def test_a_step_trains_the_drawn_networks_channels_and_no_others() -> None:
    supernet, image = network(sharing="ring").train(), torch.randn(2, 3, 16, 16)
    supernet.begin_step(1, 7)
    shape = supernet.drawn
    supernet.maps(image).tokens.square().sum().backward()  # type: ignore[no-untyped-call]
    touched = {name for name, p in supernet.named_parameters() if p.grad is not None}
    assert {name.split(".")[1] for name in touched if name.startswith("stems")} == {
        str(shape.patch_size)
    }
    assert {int(name.split(".")[1]) for name in touched if name.startswith("slots")} == set(
        range(shape.depth)
    )
    queries = {tuple(name.split(".")[1:4:2]) for name in touched if ".query." in name}
    assert queries == {(str(n), str(block.heads)) for n, block in enumerate(shape.blocks)}
    gradient = supernet.norm.weight.grad
    assert gradient is not None
    assert int((gradient != 0).sum()) == shape.width


def test_coarse_places_are_spread_over_the_finest_grid() -> None:
    supernet, image = network(), torch.randn(2, 3, 16, 24)
    assert supernet.stride == 4
    for patch in supernet.space.patches:
        shape = supernet.drawn._replace(patch_size=patch)
        with supernet.answering(shape):
            seen = supernet.maps(image)
            assert (seen.places.shape, seen.grid) == ((2, 24, supernet.width), (4, 6))
            assert supernet.layers(image)[-1].grid == (16 // patch, 24 // patch)
            assert supernet.attention(image).shape[2:] == (16 // patch, 24 // patch)
    # A place of 2 × 2 finer ones says something of its own of each.
    supernet.shown = supernet.drawn._replace(patch_size=8)
    first, *_ = supernet.eval().maps(image).places
    assert not torch.allclose(first[0], first[1])


def test_frozen_slots_neither_learn_nor_drop_their_path() -> None:
    one = build_supernet(filled(), drop_path=0.4, fused_attention=False)
    assert [isinstance(slot.drop_path, nn.Identity) for slot in one.slots] == [True, False, False]
    one.freeze(but_last=1)
    assert [isinstance(slot.drop_path, nn.Identity) for slot in one.slots] == [True, True, False]
    learnt = {name.split(".")[0] for name, p in one.named_parameters() if p.requires_grad}
    assert learnt == {"slots", "norm"}
    one.freeze(but_last=0)
    assert not any(p.requires_grad for p in one.parameters())
    assert all(isinstance(slot.drop_path, nn.Identity) for slot in one.slots)


def test_recomputing_gives_the_same() -> None:
    supernet, image = network().train(), torch.randn(2, 3, 16, 16)
    plain = supernet.maps(image).places
    supernet.set_recompute(on=True)
    supernet.set_fused_attention(fused=True)
    torch.testing.assert_close(supernet.maps(image).places, plain, atol=1e-5, rtol=1e-5)


def test_views_of_another_shape_have_positions_of_their_own() -> None:
    """As many places as usual, but not in their rows."""
    supernet = network(patches="4")
    options = supernet.options
    assert options.takes_view(24)
    assert not filled().takes_view(12)
    shape = supernet.drawn
    with torch.no_grad(), supernet.answering(shape):
        wide = supernet.maps(torch.zeros(1, 3, 8, 32)).places
        alone = supernet.extract(shape).maps(torch.zeros(1, 3, 8, 32)).places
    own = supernet.channels(shape, "leading")
    torch.testing.assert_close(own.of(wide, 2), alone, atol=1e-5, rtol=1e-5)


# Codes and budgets


def test_one_network_has_one_code() -> None:
    """All networks of a space, drawn often: as many codes as networks, there and back."""
    space = Space(16, (4, 8), (8, 16), 1, 2, (1, 2), (8,), (8, 16))
    assert space.networks == 2 * 2 * (4 + 16)
    drawn = space.draw(20_000, 0.5, np.random.default_rng(0))
    codes = np.unique(drawn, axis=0)
    shapes = {space.shape(code) for code in codes}
    assert len(codes) == len(shapes) == space.networks
    for code in codes:
        assert (space.code(space.shape(code)) == code).all()
    # Whatever stands behind the depth makes no other network.
    noisy = drawn.copy()
    noisy[:, 6:][drawn[:, 2] == 0] = 1
    assert (space.canonical(noisy) == drawn).all()


def test_the_published_space_has_the_published_networks_in_it() -> None:
    for name, space in (
        ("vitas_a", PUBLISHED), ("vitas_b", PUBLISHED), ("vitas_e", PUBLISHED),
        ("vitas_f", PUBLISHED_LARGE),
    ):  # fmt: skip
        shape = NAMED[name]
        assert space.shape(space.code(shape)) == shape
    # About 10^43 (ViTAS (arXiv 2106.13700 v1, authors' code)).
    assert PUBLISHED.networks == pytest.approx(1.29e43, rel=1e-2)


@pytest.mark.parametrize("unit", ["multiply-adds", "parameters"])
def test_tables_add_up_to_the_formulas(unit: Any) -> None:
    table = counted_table(PUBLISHED, unit)
    codes = PUBLISHED.draw(50, 0.4, np.random.default_rng(1))
    for code, cost in zip(codes, table.costs(PUBLISHED, codes), strict=True):
        shape = PUBLISHED.shape(code)
        wanted = shape.multiply_adds(224) if unit == "multiply-adds" else shape.parameters(224)
        assert cost == wanted


def test_ten_thousand_draws_keep_the_budget() -> None:
    memory_mb = 20.0
    limits = Limits(counted_table(PUBLISHED, "multiply-adds"), 0.9e9, 1e9, memory_mb)
    identity = limits.calibrate(PUBLISHED)
    codes = limits.draw(PUBLISHED, identity, np.random.default_rng(2), 10_000)
    assert len(codes) == 10_000
    for code in codes:
        shape = PUBLISHED.shape(code)
        assert 0.9e9 <= shape.multiply_adds(224) <= 1e9
        assert shape.answer_bytes(224) <= 1e6 * memory_mb
    # The memory is a bound of its own.
    wide = Limits(limits.table, 0.9e9, 1e9)
    codes = wide.draw(PUBLISHED, identity, np.random.default_rng(2), 50)
    assert 0 < sum(PUBLISHED.shape(code).answer_bytes(224) > 1e6 * memory_mb for code in codes) < 50
    with pytest.raises(ConfigError, match="Too few networks of the space cost between"):
        Limits(limits.table, 1.0, 2.0).draw(PUBLISHED, 0.5, np.random.default_rng(0))


def test_calibration_brings_the_mean_into_the_window() -> None:
    """As published from one half in hundredths; another draw of networks agrees."""
    table = counted_table(PUBLISHED, "multiply-adds")
    found = []
    for budget in (0.6e9, 1e9, 1.6e9):
        limits = Limits(table, 0.9 * budget, budget)
        identity = limits.calibrate(PUBLISHED)
        drawn = PUBLISHED.draw(5000, identity, np.random.default_rng(9))
        assert 0.88 * budget < table.costs(PUBLISHED, drawn).mean() < 1.02 * budget
        found.append(identity)
    assert found[0] > 0.5 > found[2]
    # More than all slots can cost: the end that comes nearest.
    assert Limits(table, 1e12, 2e12).calibrate(PUBLISHED) == 0.0


def test_each_patch_size_may_have_a_probability_of_its_own() -> None:
    options = filled(identities="0,0.9")
    assert options.identity_each == [0.0, 0.9]
    space = options.space
    codes = space.draw(4000, options.identity_each, np.random.default_rng(0))
    fine, coarse = (space.depths(codes[codes[:, 0] == number]) for number in (0, 1))
    assert (fine == space.slots).all()
    assert (coarse == space.least_depth).mean() > 0.5
    assert filled().identity_each == filled().identity


def test_a_table_of_times_is_read_and_asked() -> None:
    space = filled().space
    table = counted_table(space, "parameters")
    text = table.to_text()
    assert (CostTable.of_text(text, space).attention_pdha == table.attention_pdha).all()
    options = filled(unit="milliseconds", times=text, low=0.0, high=1e9)
    assert options.limits.table.first_pd[0, 0] == table.first_pd[0, 0]
    for wrong in ("{}", "no", "[]", text.replace("[[", "[", 1).replace("]]", "]", 1)):
        with pytest.raises(ConfigError, match="table of times"):
            CostTable.of_text(wrong, space)
    with pytest.raises(ConfigError, match="table of times"):
        CostTable.of_text(text, space._replace(heads=(1, 2)))


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"widths": "16,8"}, "not in rising order"),
        ({"patches": "3,4"}, "do not divide views"),
        ({"heads": "3"}, "3 attention heads do not divide"),
        ({"least_depth": 9}, "more than the 3 slots"),
        ({"identities": "0.5,0.2,0.1"}, "not one for each of the"),
    ],
)
def test_lists_that_do_not_fit_are_a_sentence(own: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        filled(**own)


def test_every_rank_and_every_try_of_a_step_draws_one_network() -> None:
    one, other = network(), network()
    drawn = []
    for step in range(20):
        one.begin_step(3, step)
        other.begin_step(3, step)
        assert one.drawn == other.drawn
        drawn.append(one.drawn)
    assert len(set(drawn)) > 10
    assert all(isinstance(shape, NetworkShape) for shape in drawn)
