"""Sizes of the networks and the one way features are read."""

from __future__ import annotations

from typing import Any, Never

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from sit_engine.config.families.vit import VitOptions
from sit_engine.models.heads import ContrastHead, ReconstructionHead
from sit_engine.models.vit import build_vit
from tests.models.imports.reading import all_tokens

SMALL: VitOptions[Never] = VitOptions(
    image_size=224,
    patch_size=16,
    backbone="vit_small",
    width=384,
    depth=12,
    heads=6,
    tokens=1,
    registers=0,
    variant="plain",
)
TINY: VitOptions[Never] = VitOptions(
    image_size=24,
    patch_size=6,
    backbone="custom",
    width=32,
    depth=3,
    heads=4,
    tokens=1,
    registers=0,
    variant="plain",
)


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_totals_are_the_published_ones() -> None:
    trunk = count(build_vit(SMALL, drop_path=0.1, fused_attention=False))
    contrast, reconstruction = (
        count(ContrastHead(384, 4096, 256)),
        count(ReconstructionHead(384, 16, layers=3)),
    )
    assert (trunk, contrast, reconstruction) == (21_665_664, 19_423_488, 738_435)
    assert trunk + contrast + reconstruction == 41_827_587


@pytest.mark.parametrize("fused", [False, True])
def test_the_feature_is_the_class_token_after_the_final_norm(fused: bool) -> None:
    torch.manual_seed(0)
    vit = build_vit(TINY, drop_path=0.0, fused_attention=fused).eval()
    images = torch.randn(3, 3, 24, 24)
    torch.testing.assert_close(vit.feature(images), all_tokens(vit, images)[:, 0])


def test_attention_is_that_of_the_last_block_whether_fused_or_not() -> None:
    torch.manual_seed(0)
    vit = build_vit(TINY, drop_path=0.0, fused_attention=True).eval()
    images = torch.randn(2, 3, 24, 24)
    seen: list[torch.Tensor] = []
    attention: Any = vit.blocks[-1].attn
    attention.attn_drop.register_forward_hook(lambda *args: seen.append(args[2]))
    attention.fused_attn = False
    all_tokens(vit, images)
    attention.fused_attn = True
    found = vit.attention(images).flatten(2)
    assert found.shape == (2, 4, 16)
    torch.testing.assert_close(found, seen[0][:, :, 0, 1:])


def test_the_reconstruction_head_is_its_transposed_convolution() -> None:
    torch.manual_seed(0)
    head = ReconstructionHead(32, 6, layers=3)
    patches = torch.randn(2, 20, 32)
    grid = head.layers(patches).transpose(1, 2).reshape(2, 32, 4, 5)
    torch.testing.assert_close(head(patches, (4, 5)), head.to_pixels(grid))


def test_the_contrast_head_keeps_no_running_statistics() -> None:
    head = ContrastHead(8, 16, 4)
    assert not [name for name, _ in head.named_buffers()]
    out = head(torch.randn(64, 8))
    torch.testing.assert_close(out.mean(0), torch.zeros(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("tokens", [0, 2])
def test_features_are_all_tokens_before_the_patches_or_their_mean(tokens: int) -> None:
    torch.manual_seed(0)
    options = TINY.model_copy(update={"tokens": tokens})
    vit = build_vit(options, drop_path=0.0, fused_attention=False).eval()
    images = torch.randn(2, 3, 24, 24)
    found = all_tokens(vit, images)
    assert found.shape == (2, tokens + 16, 32)
    expected = found[:, :2].flatten(1) if tokens else found.mean(1)
    torch.testing.assert_close(vit.feature(images), expected)
    seen: list[torch.Tensor] = []
    last: Any = vit.blocks[-1]
    last.attn.attn_drop.register_forward_hook(lambda *args: seen.append(args[2]))
    all_tokens(vit, images)
    asked = seen[0][:, :, :2] if tokens else seen[0]
    torch.testing.assert_close(vit.attention(images).flatten(2), asked.mean(2)[:, :, tokens:])


@pytest.mark.parametrize("tokens", [0, 1, 2])
@pytest.mark.parametrize("size", [(24, 24), (12, 12), (18, 30)])
def test_views_of_any_size_pass_with_a_resized_position_table(
    tokens: int, size: tuple[int, int]
) -> None:
    """As timm's own network with dynamic sizes reads them."""
    torch.manual_seed(0)
    vit = build_vit(
        TINY.model_copy(update={"tokens": tokens}), drop_path=0.0, fused_attention=False
    )
    theirs = VisionTransformer(
        img_size=24, patch_size=6, embed_dim=32, depth=3, num_heads=4, num_classes=0,
        class_token=tokens > 0, reg_tokens=max(0, tokens - 1), fc_norm=False,
        global_pool="token" if tokens else "avg", dynamic_img_size=True,
    )  # fmt: skip
    theirs.load_state_dict(vit.state_dict())
    images = torch.randn(2, 3, *size)
    vit.eval()
    theirs.eval()
    seen = vit.maps(images)
    high, wide = size[0] // 6, size[1] // 6
    assert (seen.grid, seen.places.shape) == ((high, wide), (2, high * wide, 32))
    torch.testing.assert_close(all_tokens(vit, images), theirs.forward_features(images))
    pooled = seen.tokens if tokens else seen.places.mean(1, keepdim=True)
    torch.testing.assert_close(vit.pooled(images), pooled)
    assert vit.attention(images).shape == (2, 4, high, wide)


def test_a_size_that_patches_do_not_divide_is_refused() -> None:
    vit = build_vit(TINY, drop_path=0.0, fused_attention=False)
    with pytest.raises(AssertionError, match="divisible by patch size"):
        vit.maps(torch.randn(1, 3, 20, 24))


def test_the_maps_after_each_block_end_in_the_last_one() -> None:
    vit = build_vit(TINY, drop_path=0.0, fused_attention=False).eval()
    images = torch.randn(2, 3, 24, 24)
    layers, last = vit.layers(images), vit.maps(images)
    assert len(layers) == vit.blocks_deep == 3
    torch.testing.assert_close(vit.norm(layers[-1].places), last.places)


def test_levels_rise_from_the_pixels_to_the_norm() -> None:
    vit = build_vit(TINY, drop_path=0.0, fused_attention=False)
    levels = [vit.level(name) for name, _ in vit.named_parameters()]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2, 3, 4}
    assert vit.level("norm.bias") == 4


@pytest.mark.parametrize("but_last", [0, 1, 3])
def test_frozen_blocks_neither_learn_nor_drop_their_path(but_last: int) -> None:
    vit = build_vit(TINY, drop_path=0.2, fused_attention=False)
    vit.freeze(but_last=but_last)
    learns = {vit.level(name) for name, p in vit.named_parameters() if p.requires_grad}
    assert learns == (set(range(4 - but_last, 5)) if but_last else set())
    drops = [getattr(block.drop_path1, "drop_prob", 0.0) > 0 for block in vit.blocks]
    # The first block of a network drops nothing anyway.
    assert drops == [number >= 3 - but_last and number > 0 for number in range(3)]
