"""Sizes of the networks and the one way features are read."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sit_engine.config.tree import ModelOptions
from sit_engine.models.heads import ContrastHead, ReconstructionHead
from sit_engine.models.vit import all_tokens, build_backbone, class_attention, feature

SMALL = ModelOptions(
    image_size=224, patch_size=16, backbone="vit_small", width=384, depth=12, heads=6
)
TINY = ModelOptions(image_size=24, patch_size=6, backbone="custom", width=32, depth=3, heads=4)


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_totals_are_the_published_ones() -> None:
    trunk = count(build_backbone(SMALL, drop_path=0.1, fused_attention=False))
    contrast, reconstruction = (
        count(ContrastHead(384, 4096, 256)),
        count(ReconstructionHead(384, 16, layers=3)),
    )
    assert (trunk, contrast, reconstruction) == (21_665_664, 19_423_488, 738_435)
    assert trunk + contrast + reconstruction == 41_827_587


@pytest.mark.parametrize("fused", [False, True])
def test_the_feature_is_the_class_token_after_the_final_norm(fused: bool) -> None:
    torch.manual_seed(0)
    vit = build_backbone(TINY, drop_path=0.0, fused_attention=fused).eval()
    images = torch.randn(3, 3, 24, 24)
    torch.testing.assert_close(feature(vit, images), all_tokens(vit, images)[:, 0])


def test_attention_is_that_of_the_last_block_whether_fused_or_not() -> None:
    torch.manual_seed(0)
    vit = build_backbone(TINY, drop_path=0.0, fused_attention=True).eval()
    images = torch.randn(2, 3, 24, 24)
    seen: list[torch.Tensor] = []
    attention = vit.blocks[-1].attn  # type: ignore[union-attr, index]
    attention.attn_drop.register_forward_hook(lambda *args: seen.append(args[2]))
    attention.fused_attn = False
    all_tokens(vit, images)
    attention.fused_attn = True
    found = class_attention(vit, images)
    assert found.shape == (2, 4, 16)
    torch.testing.assert_close(found, seen[0][:, :, 0, 1:])


def test_the_reconstruction_head_is_its_transposed_convolution() -> None:
    torch.manual_seed(0)
    head = ReconstructionHead(32, 6, layers=3)
    patches = torch.randn(2, 16, 32)
    grid = head.layers(patches).transpose(1, 2).reshape(2, 32, 4, 4)
    torch.testing.assert_close(head(patches), head.to_pixels(grid))


def test_the_contrast_head_keeps_no_running_statistics() -> None:
    head = ContrastHead(8, 16, 4)
    assert not [name for name, _ in head.named_buffers()]
    out = head(torch.randn(64, 8))
    torch.testing.assert_close(out.mean(0), torch.zeros(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("tokens", [0, 2])
def test_features_are_all_tokens_before_the_patches_or_their_mean(tokens: int) -> None:
    torch.manual_seed(0)
    options = TINY.model_copy(update={"tokens": tokens})
    vit = build_backbone(options, drop_path=0.0, fused_attention=False).eval()
    images = torch.randn(2, 3, 24, 24)
    found = all_tokens(vit, images)
    assert found.shape == (2, tokens + 16, 32)
    expected = found[:, :2].flatten(1) if tokens else found.mean(1)
    torch.testing.assert_close(feature(vit, images), expected)
    seen: list[torch.Tensor] = []
    vit.blocks[-1].attn.attn_drop.register_forward_hook(lambda *args: seen.append(args[2]))  # type: ignore[union-attr, index]
    all_tokens(vit, images)
    asked = seen[0][:, :, :2] if tokens else seen[0]
    torch.testing.assert_close(class_attention(vit, images), asked.mean(2)[:, :, tokens:])


def test_settings_that_do_not_say_how_many_tokens_mean_one() -> None:
    vit = build_backbone(TINY, drop_path=0.0, fused_attention=False)
    assert TINY.tokens == "auto"
    assert vit.num_prefix_tokens == 1
