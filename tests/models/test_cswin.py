"""The family `cswin`: sizes, stripes against the paper's words, and what a backbone gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sit_engine.config.backbones import Requirements
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.cswin import NAMED, CswinOptions, numbers
from sit_engine.config.filling import Filling
from sit_engine.errors import ConfigError
from sit_engine.inspection.pictures import find_crosses
from sit_engine.models.backbone import compiled, stages
from sit_engine.models.cswin import Cswin, build_cswin
from sit_engine.training.memory import counted_bytes
from tests.models import cswin_plain

SMALL: dict[str, Any] = {
    "image_size": 32, "width": 16, "depths": "1,2,1,1", "heads": "2,2,4,3",
    "stripes": "1,2,2", "stem_stride": 2, "stages": 4,
}  # fmt: skip


def filled(device: str = "cpu", median_px: int = 224, **own: Any) -> CswinOptions[Never]:
    """The settings with every "auto" worked out."""
    return _fill(CswinOptions(**own), device, median_px).done()  # type: ignore[no-any-return]


def _fill(options: CswinOptions, device: str, median_px: int) -> Filling:
    filling = Filling("model", options)
    facts = DataFacts(images=1000, classes=2, median_side_px=median_px)
    options.fill(filling, facts, DeviceFacts(kind=device), Requirements(None, None))
    return filling


def small(*, fused: bool = False, **own: Any) -> Cswin:
    """A network of four stages whose every parameter counts."""
    torch.manual_seed(0)
    options = filled(**SMALL | {"heads": "2,2,4,4"} | own)
    network = build_cswin(options, drop_path=0.0, fused_attention=fused)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return network.eval()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("cswin_tiny", 22_320_552),
        ("cswin_small", 34_643_304),
        ("cswin_base", 77_382_184),
        ("cswin_large", 173_262_664),
    ],
)
def test_sizes_are_the_published_ones(name: str, count: int) -> None:
    """With the classifier of a thousand classes that they are told with (CSWin, arXiv 2107.00652)."""
    with torch.device("meta"):
        network = build_cswin(filled("cuda", backbone=name), drop_path=0.0, fused_attention=False)
        classifier = nn.Linear(network.width, 1000)
    found = sum(p.numel() for part in (network, classifier) for p in part.parameters())
    assert found == count
    assert network.options.stripes == "1,2,7"
    assert filled("cuda", backbone=name, image_size=384).stripes == "1,2,12"


def test_the_smallest_takes_as_many_products_as_published() -> None:
    options = filled("cuda", backbone="cswin_tiny")
    with torch.device("meta"):
        network = build_cswin(options, drop_path=0.0, fused_attention=False)
        image = torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.feature(image)
    # The counter has a product and its sum as two.
    assert counter.get_total_flops() / 2 == pytest.approx(4.32e9, rel=0.01)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("size", [(32, 32), (32, 64), (96, 32)])
def test_a_place_reads_its_stripes_and_no_other(size: tuple[int, int], fused: bool) -> None:
    network = small(fused=fused)
    image = torch.randn(2, 3, *size)
    options = network.options
    with torch.no_grad():
        wanted = cswin_plain.layers(
            network.state_dict(), image,
            depths=numbers(options.depths), heads=numbers(options.heads),
            stripes=numbers(options.stripes), stem=options.stem_stride,
        )  # fmt: skip
        found = network.layers(image)
        assert len(found) == len(wanted) == network.blocks_deep
        for mine, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(mine.places, theirs, atol=1e-4, rtol=1e-4)
            assert mine.tokens.shape[1] == 0
        seen, feature = network.maps(image), network.feature(image)
    torch.testing.assert_close(
        feature, cswin_plain.feature(network.state_dict(), wanted[-1]), atol=1e-5, rtol=1e-4
    )
    high, wide = size[0] // 16, size[1] // 16
    assert (seen.grid, seen.places.shape) == ((high, wide), (2, high * wide, 128))
    torch.testing.assert_close(seen.token(0), feature)
    torch.testing.assert_close(network.pooled(image), feature[:, None])


def test_a_stripe_wider_than_the_map_is_the_whole_map() -> None:
    """As published 96 of 224 px: small crops of a network of wide stripes."""
    assert filled("cuda", backbone="cswin_tiny").takes_view(96)
    assert not filled("cuda", backbone="cswin_tiny").takes_view(160)
    wide, whole = (small(image_size=64, stripes=each) for each in ("1,2,4", "1,2,2"))
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        for name, stripe in (("wide", 4), ("whole", 2)):
            network = {"wide": wide, "whole": whole}[name]
            wanted = cswin_plain.layers(
                network.state_dict(), image, depths=(1, 2, 1, 1), heads=(2, 2, 4, 4),
                stripes=(1, 2, stripe), stem=2,
            )  # fmt: skip
            torch.testing.assert_close(
                network.layers(image)[-1].places, wanted[-1], atol=1e-4, rtol=1e-4
            )


@pytest.mark.parametrize("size", [(32, 32), (32, 64)])
def test_crosses_hold_what_each_place_reads(size: tuple[int, int]) -> None:
    """Against every pair of places under the mask of stripes, and to a pass through the values."""
    network, image = small(), torch.randn(2, 3, *size)
    with torch.no_grad():
        found = network.crosses(image)
        layers, ends = (
            network.layers(image),
            torch.tensor(numbers(network.options.depths)).cumsum(0),
        )
        crosses = find_crosses(
            network, (image * 20 + 128).clamp(0, 255).byte(), torch.device("cpu")
        )
    assert crosses is not None
    assert [len(stage) for stage in found] == [2, 2, 2, 1]
    for number, stage in enumerate(found):
        grid = layers[int(ends[number]) - 1].grid
        stripe = (*numbers(network.options.stripes), None)[number]
        for is_vertical, each in zip((True, False), stage, strict=False):
            assert each.shape[:3] == (2, *grid)
            torch.testing.assert_close(each.sum((3, 4)), torch.ones(2, *grid))
            sees = cswin_plain.sees(*grid, stripe, is_vertical=is_vertical)
            assert each.shape[3] * each.shape[4] == int(sees[0].sum())
        row, column = grid[0] - 1, 1
        heat = crosses.heat(1, number, row, column)
        assert heat.shape == grid
        assert heat.sum() == pytest.approx(1, abs=0.01)
        seen = torch.zeros(grid, dtype=torch.bool)
        for is_vertical in (True, False):
            own = cswin_plain.sees(*grid, stripe, is_vertical=is_vertical)
            seen |= own[row * grid[1] + column].reshape(grid)
        assert not heat[~seen.numpy()].any()
        assert (heat[seen.numpy()] > 0).all()


def test_a_cross_is_worked_out_of_queries_and_keys() -> None:
    network, image = (
        small(depths="1", heads="4", stages=1, stripes="none"),
        torch.randn(1, 3, 16, 16),
    )
    with torch.no_grad():
        ((whole,),) = network.crosses(image)
        block: Any = network.stage1[0]  # type: ignore[index]
        query, key, _ = (
            block.qkv(block.norm1(network.stage1_conv_embed(image))).flatten(1, 2).chunk(3, -1)
        )
        of_heads = [
            (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1)
            for q, k in zip(query.chunk(4, -1), key.chunk(4, -1), strict=True)
        ]
    high, wide = whole.shape[1:3]
    wanted = torch.stack(of_heads).mean(0).reshape(1, high, wide, high, wide)
    torch.testing.assert_close(whole, wanted, atol=1e-6, rtol=1e-4)


def test_attention_is_that_of_the_mean_query_of_the_last_block() -> None:
    network = small()
    image = torch.randn(2, 3, 32, 64)
    with torch.no_grad():
        found = network.attention(image)
        before = network.layers(image)[-2].places
        state = network.state_dict()
        high, wide = 4, 8
        merged = network.merge3(torch.unflatten(before, 1, (high, wide))).flatten(1, 2)  # type: ignore[operator]
        last: Any = network.stage4[0]  # type: ignore[index]
        query, key, _ = last.qkv(last.norm1(merged)).chunk(3, -1)
        for head in range(4):
            own = slice(32 * head, 32 * (head + 1))
            scores = (
                query[..., own].mean(1, keepdim=True) @ key[..., own].transpose(1, 2)
            ) / 32**0.5
            torch.testing.assert_close(found[:, head].flatten(1), scores.softmax(-1)[:, 0])
    assert found.shape == (2, 4, 2, 4)
    assert state["stage4.0.qkv.weight"].shape == (384, 128)


def test_half_precision_is_near() -> None:
    network, image = small(fused=True), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = network.feature(image)
        with torch.autocast("cpu", torch.bfloat16):
            found = network.feature(image)
    assert torch.nn.functional.cosine_similarity(found.float(), wanted).min() > 0.99


def test_the_map_of_each_stage_is_that_of_its_last_block() -> None:
    network, image = (
        small(depths="2,1", heads="2,2", stripes="2", stages=2),
        torch.randn(2, 3, 32, 48),
    )
    found, layers = network.stages(image), network.layers(image)
    torch.testing.assert_close(found[0].places, layers[1].places)
    torch.testing.assert_close(found[1].places, network.maps(image).places)
    for each, (stride, width) in zip(found, network.stage_sizes, strict=True):
        assert each.grid == (32 // stride, 48 // stride)
        assert each.places.shape[-1] == width
    assert network.stage_sizes[-1] == (network.stride, network.width)


def _worked(network: Cswin, read: Any = stages) -> tuple[Tensor, list[Tensor]]:
    """The last map, and how the parameters would move."""
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    places = read(network, image)[-1].places
    moved = torch.autograd.grad(places.square().mean(), list(network.parameters()))
    return places.detach(), list(moved)


def test_worked_again_in_the_backward_pass_it_gives_the_same() -> None:
    network = small()
    wanted = _worked(network)
    network.set_recompute(on=True)
    torch.testing.assert_close(_worked(network), wanted)


def test_what_its_largest_block_keeps_is_foretold() -> None:
    """Gradient checkpointing holds one block in full: the largest, not the mean."""
    network, image = small(image_size=64, width=32, depths="1,2,4,1"), torch.randn(2, 3, 64, 64)
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}

    def kept(read: Callable[[], object]) -> int:
        with counted_bytes(set(weights)) as count:
            read()
        return count.bytes

    first: Any = network.stage1[0]  # type: ignore[index]
    before = network.stage1_conv_embed(image).detach()
    of_first = kept(lambda: first(before))
    assert kept(lambda: network.maps(image)) / network.options.blocks_alike == pytest.approx(
        of_first, rel=0.35
    )
    assert network.options.blocks_alike < network.blocks_deep / 2


@pytest.mark.long
@pytest.mark.parametrize("recompute", [False, True])
def test_compiled_the_pass_gives_the_same(recompute: bool) -> None:
    network = small(width=8, stages=3, depths="1,1,1", heads="2,2,2", stripes="1,2")
    wanted = _worked(network)
    network.set_recompute(on=recompute)
    torch.testing.assert_close(_worked(network, compiled(stages)), wanted, atol=1e-4, rtol=1e-3)


def test_levels_count_blocks_over_the_stages_and_freezing_follows_them() -> None:
    network = small()
    levels = {name: network.level(name) for name, _ in network.named_parameters()}
    assert levels["stage1_conv_embed.0.weight"] == 0
    assert levels["stage1.0.qkv.weight"] == levels["merge1.conv.weight"] == 1
    assert [levels[f"stage2.{number}.proj.bias"] for number in (0, 1)] == [2, 3]
    assert levels["merge3.norm.bias"] == levels["stage3.0.attns.1.get_v.weight"] == 4
    assert levels["stage4.0.mlp.fc1.weight"] == network.blocks_deep == 5
    assert levels["norm.weight"] == 6
    network.freeze(but_last=2)
    learnt = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learnt == {"stage3", "merge3", "stage4", "norm"}
    network.freeze(but_last=0)
    assert not any(p.requires_grad for p in network.parameters())
    first = {
        name for name, p in network.named_parameters() if any(p is q for q in network.first_layer())
    }
    assert {name.split(".")[0] for name in first} == {"stage1_conv_embed"}


def test_blocks_drop_their_path_more_often_the_deeper_they_lie() -> None:
    torch.manual_seed(0)
    options = filled(**SMALL | {"heads": "2,2,4,4"})
    network = build_cswin(options, drop_path=0.4, fused_attention=False)
    assert [round(block.drop_path, 3) for block in network._blocks()] == [0, 0.1, 0.2, 0.3, 0.4]
    image = torch.randn(64, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(network.feature(image), network.feature(image))
        network.eval()
        torch.testing.assert_close(network.feature(image), network.feature(image))
    network.freeze(but_last=2)
    assert [block.drop_path > 0 for block in network._blocks()] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("side", "stem", "stages", "stripes", "depths"),
    [
        (32, 4, 3, "1,2", "1,2,1"),
        (64, 4, 3, "1,2", "1,2,1"),
        (96, 4, 3, "1,2", "1,2,1"),
        (128, 4, 4, "1,2,4", "1,2,4,1"),
        (224, 4, 4, "1,2,7", "1,2,4,1"),
        (384, 4, 4, "1,2,12", "1,2,4,1"),
        (512, 4, 4, "1,2,16", "1,2,4,1"),
        (50, 2, 1, "none", "4"),
    ],
)
def test_what_is_left_open_divides_the_view_and_says_why(
    side: int, stem: int, stages: int, stripes: str, depths: str
) -> None:
    filling = _fill(CswinOptions(image_size=side), "cpu", 224)
    made: CswinOptions[Never] = filling.done()
    assert (made.stem_stride, made.stages, made.stripes) == (stem, stages, stripes)
    assert made.depths == depths
    assert made.takes_view(side)
    with torch.device("meta"):
        network = build_cswin(made, drop_path=0.0, fused_attention=False)
        assert network.maps(torch.empty(1, 3, side, side)).grid == (side // made.stride,) * 2
    assert network.stride == made.stride
    assert network.width == made.token_width
    assert network.blocks_deep == made.blocks_deep
    assert filling.reasons["model.stem_stride"] == f"it divides views of {side} px"
    assert "places" in filling.reasons["model.stages"]


def test_an_open_view_is_the_nearest_that_comes_out_whole() -> None:
    made = filled("cuda", 160, stripes="1,2,7", stages=4, stem_stride=4)
    assert made.image_size in (96, 224)
    assert made.takes_view(made.image_size)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"image_size": 100, "backbone": "cswin_tiny"}, r"Views of 100 px .* 96 or 128"),
        ({"image_size": 160, "backbone": "cswin_tiny", "stripes": "1,2,7"}, "96 or 224"),
        ({"backbone": "cswin_tiny", "width": 32}, r"model\.width = 32 does not fit"),
        ({"stages": 3, "depths": "1,2"}, r"model\.depths = 1,2 has 2 numbers, and 3 are needed"),
        ({"stages": 3, "stripes": "1"}, r"model\.stripes = 1 has 1 number, and 2 are needed"),
        ({"stages": 2, "heads": "3,4"}, "3 attention heads do not fit stage 1"),
        ({"stages": 2, "heads": "4,5"}, "5 attention heads do not fit stage 2"),
        ({"stages": 2, "depths": "1,999"}, "more than 64 blocks"),
        ({"stem_stride": 3}, "stem of 3 px"),
    ],
)
def test_what_does_not_fit_is_a_sentence(own: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        filled("cuda", 128, **{"image_size": 64} | own if "image_size" not in own else own)
    assert told.value.hint


def test_named_sizes_are_the_tables() -> None:
    for name, size in NAMED.items():
        made = filled("cuda", backbone=name)
        assert (made.width, made.depths, made.heads) == size
        assert made.stem_stride << 3 == made.stride == 32
