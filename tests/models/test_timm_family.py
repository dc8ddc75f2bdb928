"""Networks of timm's own classes: rotary positions, stages and convolutions start, learn and leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.families.timm import TimmOptions
from sit_engine.errors import ConfigError, DataError
from sit_engine.jobs.networks import load_backbones, load_baseline
from sit_engine.models.timm_network import Timm, build_timm, converted
from sit_engine.models.weights import build_from, load_weights, read_weights
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.training import checkpoint
from sit_engine.views.apply_common import MEAN, STD
from tests.tiny import tiny_config, tiny_dino, tiny_finetune

HALF = ((0.5, 0.5, 0.5), (0.5, 0.4, 0.3))
EVA = {"patch_size": 4, "embed_dim": 32, "depth": 2, "num_heads": 2}
KINDS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    # timm's name, arguments of a small one, tokens that are read, pixels across a place
    "DINOv3": ("vit_small_patch16_dinov3", EVA, 1, 4),
    "EVA-02": ("eva02_tiny_patch14_224", EVA, 0, 4),
    "ConvNeXt": ("convnext_atto", {"dims": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}, 0, 32),
    "ResNet": ("resnet10t", {"channels": [8, 8, 8, 16]}, 0, 32),
    "Swin": (
        "swin_tiny_patch4_window7_224",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}, 0, 8,
    ),
}  # fmt: skip
SIDE = 32


def made(kind: str) -> nn.Module:
    name, arguments, _, _ = KINDS[kind]
    torch.manual_seed(1)
    more: dict[str, Any] = {"img_size": SIDE} if kind in ("DINOv3", "EVA-02", "Swin") else {}
    network: nn.Module = timm.create_model(name, num_classes=3, **arguments, **more)
    for parameter in network.parameters():
        if parameter.dim() < 2:
            nn.init.normal_(parameter, 0.5, 0.3)
    return network.eval()


def folder(kind: str, place: Path) -> tuple[Path, nn.Module]:
    """As timm writes one."""
    network = made(kind)
    name, arguments, _, _ = KINDS[kind]
    place.mkdir()
    save_file(
        {part: value.contiguous() for part, value in network.state_dict().items()},
        place / "model.safetensors",
    )
    about = {
        "architecture": name, "model_args": arguments,
        "pretrained_cfg": {"mean": HALF[0], "std": HALF[1], "input_size": [3, SIDE, SIDE]},
    }  # fmt: skip
    (place / "config.json").write_text(json.dumps(about))
    return place, network


def pixels(side: int = SIDE) -> tuple[Tensor, Tensor]:
    """The same, normalised as ours and as theirs."""
    raw = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    (mean, std), (own, spread) = (
        [torch.tensor(values).view(1, 3, 1, 1) for values in pair] for pair in ((MEAN, STD), HALF)
    )
    return (raw - mean) / std, (raw - own) / spread


def feature_of(network: Any, kind: str, image: Tensor) -> Tensor:
    found = network.forward_features(image)
    if KINDS[kind][2]:
        token: Tensor = found[:, 0]
        return token
    pooled: Tensor = network.forward_head(found, pre_logits=True)
    return pooled


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_network_of_timm_answers_as_timm_does(kind: str, tmp_path: Path) -> None:
    theirs, network = folder(kind, tmp_path / "theirs")
    done = api.import_weights(theirs, tmp_path / "out", image_size=SIDE)
    assert (done.facts.family, done.facts.tokens, done.facts.patch_size) == (
        "timm",
        *KINDS[kind][2:],
    )
    assert {part.why for part in done.dropped} == {"classifier, or for training alone"}
    ours = build_from(read_weights(done.path))
    image, own = pixels()
    with torch.inference_mode():
        wanted = feature_of(network, kind, own)
        torch.testing.assert_close(ours.feature(image), wanted, atol=1e-5, rtol=1e-5)
        seen = ours.maps(image)
        torch.testing.assert_close(seen.token(0), wanted, atol=1e-5, rtol=1e-5)
    rows = SIDE // KINDS[kind][3]
    assert seen.grid == (rows, rows)
    assert seen.places.shape == (2, rows * rows, ours.width)
    assert len(ours.layers(image)) >= 2
    assert ours.attention(image) is None
    assert load_baseline(done.path, "public").side == SIDE
    loaded = timm.create_model(f"local-dir:{done.path}", pretrained=True).eval()
    with torch.inference_mode():
        torch.testing.assert_close(loaded(own), wanted, atol=1e-5, rtol=1e-5)


def test_its_twin_starts_from_nothing(few: Path, tmp_path: Path) -> None:
    theirs, _ = folder("EVA-02", tmp_path / "theirs")
    start = api.import_weights(theirs, tmp_path / "start", image_size=SIDE).path
    finetuned(start, few, tmp_path / "run", with_scratch=True)
    twin = open_run(tmp_path / "run-scratch").config()
    assert (twin.model.family, twin.model.weights) == ("timm", None)
    begun = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "run-scratch"), 0))
    name = "network.blocks.0.attn.proj.weight"
    assert not torch.equal(begun[f"student.backbone.{name}"], read_weights(start).tensors[name])


def finetuned(
    start: Path, few: Path, run: Path, *, with_scratch: bool = False, **method: Any
) -> None:
    values = tiny_finetune(
        few, method={"head": "linear"} | method, optim={"epochs": 1}
    ).model_dump()
    config = build(values | {"model": {"weights": str(start)}})
    # As comparisons pass it on: with every setting said, whoever said it.
    again = build(config.model_dump())
    api.finetune(again, run, emit=lambda _: None, with_scratch=with_scratch)


@pytest.mark.parametrize("kind", ["DINOv3", "EVA-02", "ConvNeXt"])
def test_it_is_finetuned_and_leaves_with_its_pixels(kind: str, few: Path, tmp_path: Path) -> None:
    theirs, _ = folder(kind, tmp_path / "theirs")
    start = api.import_weights(theirs, tmp_path / "start", image_size=SIDE).path
    finetuned(start, few, tmp_path / "run")
    config = open_run(tmp_path / "run").config()
    assert config.model.family == "timm"
    begun = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "run"), 0))
    for name, value in read_weights(start).tensors.items():
        assert torch.equal(begun[f"student.backbone.{name}"], value), name
    trained = load_backbones(open_run(tmp_path / "run"))
    assert trained.classifier is not None
    image, own = pixels()
    out = api.export(tmp_path / "run", format="safetensors", out=tmp_path / "timm")
    with torch.inference_mode():
        wanted = trained.classifier(image)
        loaded: Any = timm.create_model(f"local-dir:{out.path}", pretrained=True).eval()
        torch.testing.assert_close(loaded(own), wanted, atol=1e-5, rtol=1e-5)
        again = build_from(read_weights(out.path)).feature(image)
        torch.testing.assert_close(again, trained.trained.feature(image), atol=1e-5, rtol=1e-5)
    assert loaded.pretrained_cfg["std"] == pytest.approx(HALF[1])
    assert out.card is not None
    assert "mean 0.5, 0.5, 0.5 and deviation 0.5, 0.4, 0.3" in out.card.read_text("utf-8")
    if kind == "DINOv3":
        check_programs(tmp_path / "run", "torchscript")


def check_programs(run: Path, *formats: Any) -> None:
    for format in formats:
        done = api.export(run, format=format, out=run.with_name(f"program.{format}"))
        assert done.difference is not None
        assert done.difference < 1e-4


@pytest.mark.long
@pytest.mark.parametrize("kind", list(KINDS))
def test_it_leaves_as_a_program_of_every_format(kind: str, few: Path, tmp_path: Path) -> None:
    theirs, _ = folder(kind, tmp_path / "theirs")
    start = api.import_weights(theirs, tmp_path / "start", image_size=SIDE).path
    finetuned(start, few, tmp_path / "run")
    check_programs(tmp_path / "run", "torchscript", "onnx", "pt2")


@pytest.mark.parametrize("kind", ["DINOv3", "EVA-02", "ConvNeXt"])
def test_views_of_other_sizes_are_those_of_timm(kind: str, tmp_path: Path) -> None:
    theirs, network = folder(kind, tmp_path / "theirs")
    weights = read_weights(api.import_weights(theirs, tmp_path / "out", image_size=SIDE).path)
    options: TimmOptions[Never] = TimmOptions(
        **{**weights.facts.network, "image_size": 64, "drop_path": 0.0}
    )
    larger = build_timm(options, drop_path=0.0, fused_attention=False).eval()
    load_weights(larger, weights)
    name, arguments, _, place = KINDS[kind]
    more: dict[str, Any] = {"img_size": 64} if kind != "ConvNeXt" else {}
    wanted: Any = timm.create_model(name, num_classes=3, **arguments, **more).eval()
    wanted.load_state_dict(converted(wanted, network.state_dict()))
    image, own = pixels(64)
    with torch.inference_mode():
        found = larger.feature(image)
        torch.testing.assert_close(found, feature_of(wanted, kind, own), atol=1e-5, rtol=1e-5)
        assert larger.maps(torch.zeros(1, 3, 64, 96)).grid == (64 // place, 96 // place)


@pytest.mark.parametrize(
    ("make", "kind"), [(tiny_config, "DINOv3"), (tiny_config, "ResNet"), (tiny_dino, "DINOv3")]
)
def test_pretraining_goes_on_from_it(
    make: Callable[..., Any], kind: str, few: Path, tmp_path: Path
) -> None:
    theirs, _ = folder(kind, tmp_path / "theirs")
    start = api.import_weights(theirs, tmp_path / "start", image_size=SIDE).path
    config = make(few, optim={"epochs": 1})
    values = config.model_dump() | {"model": {"weights": str(start), "image_size": SIDE}}
    if make is tiny_dino:
        values["method"]["local"]["size"] = 16
    api.pretrain(build(values), tmp_path / "run", emit=lambda _: None)
    network = load_backbones(open_run(tmp_path / "run"), network="student").trained
    assert isinstance(network, Timm)
    before = read_weights(start).tensors
    after = network.state_dict()
    assert any(not torch.equal(after[name], value) for name, value in before.items())
    # The run is a start itself.
    assert (
        build_from(read_weights(checkpoint.folder(Run(tmp_path / "run"), 0))).width == network.width
    )


def test_frozen_parts_stay_bit_for_bit(few: Path, tmp_path: Path) -> None:
    theirs, _ = folder("ResNet", tmp_path / "theirs")
    start = api.import_weights(theirs, tmp_path / "start", image_size=SIDE).path
    finetuned(start, few, tmp_path / "run", trained="blocks", trained_blocks=1)
    after = load_backbones(open_run(tmp_path / "run"), network="student").trained.state_dict()
    changed = {
        name.split(".")[1]
        for name, value in read_weights(start).tensors.items()
        if not torch.equal(after[name], value)
    }
    assert changed == {"layer4"}


def test_a_file_alone_is_read_by_the_name_of_its_network(tmp_path: Path) -> None:
    network = timm.create_model("eva02_tiny_patch14_224", num_classes=2, depth=1).eval()
    torch.save({"model": network.state_dict()}, tmp_path / "eva.pt")
    with pytest.raises(DataError, match="as EVA and BEiT"):
        api.import_weights(tmp_path / "eva.pt", tmp_path / "out")
    with pytest.raises(DataError, match="is missing"):
        api.import_weights(tmp_path / "eva.pt", tmp_path / "out", timm="eva02_tiny_patch14_224")
    for name in ("no_such_network", "hf-hub:timm/eva02_tiny_patch14_224.mim_in22k", "local-dir:/"):
        with pytest.raises(ConfigError, match="none of that name"):
            api.import_weights(tmp_path / "eva.pt", tmp_path / "out", timm=name)
    for more in ({"checkpoint_path": "x"}, {"depth": 10**9}, {"pretrained": True}):
        (tmp_path / "config.json").write_text(
            json.dumps({"architecture": "eva02_tiny_patch14_224", "model_args": more})
        )
        (tmp_path / "eva.pt").replace(tmp_path / "pytorch_model.bin")
        with pytest.raises(ConfigError, match="its arguments are of no network"):
            api.import_weights(tmp_path, tmp_path / "out")
        (tmp_path / "pytorch_model.bin").replace(tmp_path / "eva.pt")
    with pytest.raises(ConfigError, match="no_such_network"):
        api.import_weights(tmp_path / "eva.pt", tmp_path / "out", timm="no_such_network")
    assert not (tmp_path / "out").exists()


def test_what_it_cannot_do_is_said(few: Path, tmp_path: Path) -> None:
    alone = build(tiny_config(few).model_dump() | {"model": {"family": "timm"}})
    with pytest.raises(ConfigError, match="starts from weights, and none are named"):
        api.pretrain(alone, tmp_path / "run", emit=lambda _: None)
    theirs, _ = folder("EVA-02", tmp_path / "theirs")
    start = api.import_weights(theirs, tmp_path / "start", image_size=SIDE).path
    values = tiny_config(few, method={"name": "sit2021"}).model_dump()
    two = build(values | {"model": {"weights": str(start)}})
    with pytest.raises(ConfigError, match="read 2 tokens of their own"):
        api.pretrain(two, tmp_path / "run", emit=lambda _: None)
    model = {"family": "timm", "weights": str(start), "width": 7}
    other = build(tiny_config(few).model_dump() | {"model": model})
    with pytest.raises(ConfigError, match=r"model\.width = 7 does not fit"):
        api.pretrain(other, tmp_path / "run", emit=lambda _: None)
