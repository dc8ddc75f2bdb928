"""The family `searched`: the published networks, blocks of sizes of their own, and runs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Never

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sit_engine import api
from sit_engine.config.backbones import Requirements
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.network_shape import uniform
from sit_engine.config.families.searched import NAMED, SearchedOptions
from sit_engine.config.filling import Filling
from sit_engine.errors import ConfigError
from sit_engine.jobs.networks import load_backbones
from sit_engine.models.searched import Searched, build_searched
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.run_folder import open_run
from tests.tiny import DINO, tiny_config, tiny_finetune

OWN: dict[str, Any] = {
    "family": "searched", "image_size": 16, "patch_size": 4, "width": 24, "heads": "2,1,4",
    "attention": "16,8,32", "mlp": "32,64,16",
}  # fmt: skip
SIZES = {name: value for name, value in OWN.items() if name != "family"}


def filled(device: str = "cpu", read: int | None = None, **own: Any) -> SearchedOptions[Never]:
    filling = Filling("model", options := SearchedOptions(**own))
    facts = DataFacts(images=1000, classes=2, median_side_px=224)
    options.fill(filling, facts, DeviceFacts(kind=device), Requirements(None, read))
    return filling.done()  # type: ignore[no-any-return]


def network(**own: Any) -> Searched:
    torch.manual_seed(0)
    made = build_searched(filled(**SIZES | own), drop_path=0.0, fused_attention=False)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


@pytest.mark.parametrize(
    ("name", "millions", "parameters", "published"),
    [
        ("vitas_a", 828.62, 3_679_000, 858), ("vitas_b", 953.18, 4_400_000, 1000),
        ("vitas_c", 1258.19, 6_048_000, 1300), ("vitas_e", 2639.3, 12_551_000, 2700),
        ("vitas_f", 4871.1, 22_540_000, 4900),
    ],
)  # fmt: skip
def test_sizes_are_the_published_ones(
    name: str, millions: float, parameters: int, published: float
) -> None:
    """Counts of ViTAS (arXiv 2106.13700)."""
    options = filled("cuda", backbone=name)
    assert (options.image_size, options.patch_size) == (224, 16)
    shape = options.shape
    assert shape == NAMED[name]
    found = shape.multiply_adds(224, classes=1000) / 1e6
    assert found == pytest.approx(millions, rel=1e-4)
    assert 0 < published - found < 0.05 * published
    with torch.device("meta"):
        made = build_searched(options, drop_path=0.0, fused_attention=False)
        classifier = nn.Linear(made.width, 1000)
    counted = sum(p.numel() for part in (made, classifier) for p in part.parameters())
    assert counted == shape.parameters(224, classes=1000)
    assert counted == pytest.approx(parameters, rel=2e-4)


def test_multiply_adds_are_what_torch_counts() -> None:
    """Of all tokens, without the attention's softmax; the formula leaves the token out."""
    made = network(tokens=0)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        made.maps(torch.zeros(1, 3, 16, 16))
    assert counter.get_total_flops() / 2 == made.options.shape.multiply_adds(16)


def test_memory_of_an_answer_grows_with_each_size() -> None:
    small = uniform(8, 32, depth=2, heads=2, mlp=64)
    least = small.answer_bytes(32)
    assert least > 4 * small.parameters(32)
    for larger in (
        uniform(8, 32, depth=3, heads=2, mlp=64), uniform(8, 64, depth=2, heads=2, mlp=64),
        uniform(8, 32, depth=2, heads=2, mlp=640), uniform(4, 32, depth=2, heads=2, mlp=64),
    ):  # fmt: skip
        assert larger.answer_bytes(32) > least


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_it_gives_what_a_backbone_gives(tokens: int) -> None:
    made = network(tokens=tokens)
    image = torch.randn(2, 3, 16, 24)
    with torch.no_grad():
        seen = made.maps(image)
        assert (seen.tokens.shape, seen.grid) == ((2, tokens, 24), (4, 6))
        wanted = seen.tokens if tokens else seen.places.mean(1, keepdim=True)
        torch.testing.assert_close(made.pooled(image), wanted, atol=1e-5, rtol=1e-5)
        assert made.attention(image).shape == (2, 4, 4, 6)
        made.set_fused_attention(fused=True)
        torch.testing.assert_close(made.maps(image).places, seen.places, atol=1e-5, rtol=1e-5)
    assert made.level("blocks.2.attn.proj.bias") == 3
    assert filled(**SIZES).blocks_alike == pytest.approx(
        ((64 + 64 + 96) + (32 + 128 + 96) + (128 + 32 + 96)) / 256
    )


def test_open_sizes_are_a_plain_transformers_and_wrong_ones_a_sentence() -> None:
    plain = filled()
    assert (plain.heads, plain.attention, plain.mlp) == (
        "3,3,3,3",
        "96,96,96,96",
        "384,384,384,384",
    )
    assert filled(mlp="8,8", width=32).heads == "1,1"
    assert filled(read=2).tokens == 2
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"heads": "2,2", "mlp": "8"}, "disagree"),
        ({"heads": "5", "attention": "32"}, "5 attention heads do not divide"),
        ({"backbone": "vitas_c", "width": 200}, r"model\.width = 200 does not fit"),
    ]
    for own, said in wrong:
        with pytest.raises(ConfigError, match=said):
            filled(**own)
    with pytest.raises(ConfigError, match=r"model\.mlp cannot be '8;8'"):
        build({"model": {"family": "searched", "mlp": "8;8"}})
    with pytest.raises(ConfigError, match="do not divide views"):
        filled(**SIZES | {"image_size": 18}).verify()


@pytest.mark.parametrize(
    "method",
    [{}, {"name": "sit2021"}, DINO, {"name": "mocov3"}],
    ids=lambda m: m.get("name", "sit"),
)
def test_every_method_trains_it(method: dict[str, Any], few: Path, tmp_path: Path) -> None:
    values = tiny_config(few, method=method, optim={"epochs": 1}).model_dump() | {"model": OWN}
    api.pretrain(build(values), tmp_path / "run", emit=lambda _: None)
    loaded = load_backbones(open_run(tmp_path / "run"))
    assert isinstance(loaded.trained, Searched)
    before = loaded.untrained.state_dict()
    learnt = {k for k, v in loaded.trained.state_dict().items() if not torch.equal(v, before[k])}
    assert {"blocks.2.attn.qkv.weight", "patch_embed.proj.weight"} <= learnt


def test_labels_teach_it_from_a_run_and_it_leaves(few: Path, tmp_path: Path) -> None:
    values = tiny_config(few, optim={"epochs": 1}, method={"rotation_weight": 0}).model_dump()
    api.pretrain(build(values | {"model": OWN}), tmp_path / "start", emit=lambda _: None)
    method = {"trained": "blocks", "trained_blocks": 1, "head": "linear"}
    values = tiny_finetune(few, method=method, optim={"epochs": 1}).model_dump()
    config = build(values | {"model": {"weights": str(tmp_path / "start"), "drop_path": 0}})
    api.finetune(config, tmp_path / "run", emit=lambda _: None)
    loaded = load_backbones(open_run(tmp_path / "run"))
    out = api.export(tmp_path / "run", format="safetensors", out=tmp_path / "out").path
    image = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        again = build_from(read_weights(out))
        torch.testing.assert_close(again.feature(image), loaded.trained.feature(image))
    card = (out / "README.md").read_text("utf-8")
    assert "attention widths 16,8,32" in card
    assert "timm cannot load it" in card


def test_a_run_of_it_is_gone_on_with(few: Path, tmp_path: Path) -> None:
    """The last of its blocks learns after the head; the others keep their bits."""
    values = tiny_config(few, optim={"epochs": 1}, method={"rotation_weight": 0}).model_dump()
    api.pretrain(build(values | {"model": OWN}), tmp_path / "start", emit=lambda _: None)
    method = {"name": "continue", "trained_blocks": 1}
    values = tiny_config(few, method=method, optim={"epochs": 2}).model_dump()
    config = build(values | {"model": {"weights": str(tmp_path / "start"), "drop_path": 0}})
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    run = open_run(tmp_path / "run")
    assert run.config().model.family == "searched"
    kept = load_backbones(open_run(tmp_path / "start")).trained.state_dict()
    found = load_backbones(run).trained.state_dict()
    learnt = {name for name in kept if not torch.equal(kept[name], found[name])}
    assert "blocks.2.attn.qkv.weight" in learnt
    assert {name.split(".")[1] for name in learnt if name.startswith("blocks.")} == {"2"}


@pytest.mark.parametrize(
    "format",
    ["torchscript", *(pytest.param(name, marks=pytest.mark.long) for name in ("onnx", "pt2"))],
)
def test_it_leaves_as_a_program(format: Any, few: Path, tmp_path: Path) -> None:
    values = tiny_config(few, optim={"epochs": 1}).model_dump() | {"model": OWN}
    api.pretrain(build(values), tmp_path / "run", emit=lambda _: None)
    done = api.export(tmp_path / "run", format=format, out=tmp_path / f"program.{format}")
    assert done.difference is not None
    assert done.difference < 1e-4
