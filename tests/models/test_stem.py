"""The convolutional stem: its grid, its norm, its averages, and a start from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from sit_engine import api
from sit_engine.config.families.vit import VitOptions
from sit_engine.errors import ExportError
from sit_engine.jobs.networks import load_backbones
from sit_engine.models.families import build_backbone
from sit_engine.models.stem import ConvStem, StemNorm, freeze_stem, strides
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.run_folder import open_run
from sit_engine.records.starts import describe_start, find_start
from tests.models.imports.reading import all_tokens
from tests.tiny import tiny_config


@pytest.mark.parametrize(
    ("patch", "expected"), [(1, [1]), (3, [3]), (8, [2, 2, 2]), (12, [2, 2, 3]), (14, [2, 7])]
)
def test_strides_make_up_the_patch(patch: int, expected: list[int]) -> None:
    assert strides(patch) == expected


@pytest.mark.parametrize("patch", [1, 3, 4, 5, 12, 14, 16])
def test_there_is_one_token_for_each_patch(patch: int) -> None:
    stem = ConvStem(img_size=2 * patch, patch_size=patch, in_chans=3, embed_dim=32)
    assert stem(torch.randn(2, 3, 2 * patch, 2 * patch)).shape == (2, 4, 32)
    assert stem.num_patches == 4


def test_the_norm_is_that_of_torch() -> None:
    ours, theirs = StemNorm(4), nn.BatchNorm2d(4)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        x = torch.randn(5, 4, 6, 6, generator=generator) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    # torch averages the unbiased variance: with 180 values a channel that is 0.6 % more.
    assert theirs.running_var is not None
    torch.testing.assert_close(ours.variance, theirs.running_var, rtol=0.01, atol=0.0)
    ours.eval()
    theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x), rtol=0.01, atol=0.01)


def test_a_batch_of_nan_leaves_the_averages_alone() -> None:
    norm = StemNorm(2)
    norm(torch.randn(4, 2, 3, 3))
    before = norm.mean.clone(), norm.variance.clone()
    norm(torch.full((4, 2, 3, 3), float("nan")))
    assert torch.equal(norm.mean, before[0])
    assert torch.equal(norm.variance, before[1])


def test_a_frozen_stem_keeps_its_averages() -> None:
    norm = StemNorm(2)
    freeze_stem(nn.Sequential(norm))
    norm(torch.randn(4, 2, 3, 3) + 5)
    assert torch.equal(norm.mean, torch.zeros(2))


def test_a_run_with_a_stem_is_measured_started_from_and_exported(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tiny_config(
        sample[0], model={"stem": "conv"}, optim={"epochs": 2, "optimiser": "muon"}
    )
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    trained = load_backbones(open_run(tmp_path / "run")).trained.eval()
    start = find_start(tmp_path / "run")
    facts = describe_start(start).facts
    assert (facts.stem, facts.patch_size, facts.image_size) == ("conv", 4, 16)
    again = build_from(read_weights(start))
    view = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(again.feature(view), trained.feature(view))
    exported = api.export(tmp_path / "run", format="torchscript", out=tmp_path / "model.pt")
    assert exported.difference is not None
    assert exported.difference < 1e-4
    with pytest.raises(ExportError, match="stem"):
        api.export(tmp_path / "run", format="safetensors", out=tmp_path / "folder")


def test_only_the_stem_differs() -> None:
    plain, conv = (
        build_backbone(
            VitOptions(
                image_size=16, patch_size=4, backbone="custom", width=32, depth=1, heads=2,
                tokens=1, registers=0, variant="plain", stem=stem,
            ),
            drop_path=0.0,
            fused_attention=False,
        )
        for stem in ("patch", "conv")
    )  # fmt: skip
    names = {name for name in conv.state_dict() if not name.startswith("patch_embed.")}
    assert names == {name for name in plain.state_dict() if not name.startswith("patch_embed.")}
    assert all_tokens(conv, torch.zeros(1, 3, 16, 16)).shape == (1, 17, 32)
