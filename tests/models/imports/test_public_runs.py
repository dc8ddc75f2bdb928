"""Registers and variants stay with a network: in timm, as a start, in runs of every kind and exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.jobs.networks import load_backbones, load_baseline
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.starts import find_start
from sit_engine.training import checkpoint
from tests.models.imports import public_files as files
from tests.models.imports.public_layouts import DINOV2, LAYOUTS, Layout, images, read
from tests.tiny import tiny_config, tiny_finetune, vit_of

SIDE = LAYOUTS["distilled DeiT"].network.size
SMALL = {
    "registers": Layout(
        replace(
            DINOV2,
            names=replace(files.TIMM_SCALED, registers="register_tokens"),
            size=SIDE,
            registers=4,
            rows="class",
        ),
        "DINOv2 with registers",
        registers=4,
    ),
    **{
        name: LAYOUTS[name]
        for name in (
            "norm of the mean patch", "CLIP's tower of Hugging Face", "CLIP's tower of OpenCLIP",
            "SigLIP's tower of Hugging Face", "distilled DeiT",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", list(SMALL))
def test_timm_loads_an_import_without_arguments(name: str, tmp_path: Path) -> None:
    layout = SMALL[name]
    done, tensors = read(layout, tmp_path)
    loaded: Any = timm.create_model(f"local-dir:{done.path}", pretrained=True).eval()
    assert loaded.pretrained_cfg["mean"] == pytest.approx(layout.pixels[0])
    _, theirs = images(layout)
    read_BTD, places = layout.network.forward(tensors, theirs)
    wanted = read_BTD[:, 0] if read_BTD.shape[1] else places.mean(1)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(theirs), wanted, atol=1e-5, rtol=1e-5)


def from_start(config: Any, start: Path, **method: Any) -> Any:
    values = config.model_dump()
    model = {"weights": str(start), "drop_path": 0.0}
    config = build(values | {"model": model, "method": values["method"] | method})
    # As comparisons pass it on: with every setting said, whoever said it.
    return build(config.model_dump())


@pytest.mark.parametrize(
    "name", ["registers", "norm of the mean patch", "CLIP's tower of OpenCLIP"]
)
def test_a_run_keeps_them_and_its_exports_too(name: str, few: Path, tmp_path: Path) -> None:
    layout = SMALL[name]
    start, _ = read(layout, tmp_path)
    config = tiny_finetune(few, method={"head": "linear"}, optim={"epochs": 1})
    api.finetune(from_start(config, start.path), tmp_path / "run", emit=lambda _: None)
    model = vit_of(open_run(tmp_path / "run").config())
    assert (model.registers, model.variant) == (layout.registers, layout.variant)
    begun = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "run"), 0))
    for part, value in read_weights(start.path).tensors.items():
        assert torch.equal(begun[f"student.backbone.{part}"], value), part
    # The run itself is a start, with what no shape says.
    assert read_weights(find_start(tmp_path / "run")).facts.registers == layout.registers
    trained = load_backbones(open_run(tmp_path / "run"))
    out = api.export(tmp_path / "run", format="safetensors", out=tmp_path / "timm")
    folder = out.path
    assert out.card is not None
    card = out.card.read_text("utf-8")
    assert "centre crop, ImageNet mean and deviation" in card
    own = "mean 0.4815, 0.4578, 0.4082 and deviation 0.2686, 0.2613, 0.2758, which was folded"
    assert (own in card) is (layout.variant == "openclip")
    kept = load_file(folder / "model.safetensors")
    assert kept["cls_token"].shape == (1, 1, 32)
    assert ("reg_token" in kept) is (name == "registers")
    view = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert trained.classifier is not None
    with torch.inference_mode():
        theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()(view)
        torch.testing.assert_close(theirs, trained.classifier(view), atol=1e-5, rtol=1e-5)
        again = build_from(read_weights(folder)).feature(view)
        torch.testing.assert_close(again, trained.trained.feature(view), atol=1e-5, rtol=1e-5)
    done = api.export(
        tmp_path / "run", format="torchscript", head="features", out=tmp_path / "model.pt"
    )
    assert done.difference is not None
    assert done.difference < 1e-4


def test_pretraining_goes_on_and_registers_learn(few: Path, tmp_path: Path) -> None:
    start, _ = read(SMALL["registers"], tmp_path)
    config = from_start(tiny_config(few, optim={"epochs": 1}), start.path)
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    network = load_backbones(open_run(tmp_path / "run"), network="student").trained
    assert not torch.equal(
        network.state_dict()["reg_token"], read_weights(start.path).tensors["reg_token"]
    )
    seen = network.maps(torch.zeros(1, 3, 16, 16))
    assert (seen.tokens.shape, seen.places.shape) == ((1, 1, 32), (1, 16, 32))


@pytest.mark.parametrize("name", list(SMALL))
def test_every_import_is_a_baseline(name: str, tmp_path: Path) -> None:
    layout = SMALL[name]
    done, tensors = read(layout, tmp_path)
    column = load_baseline(done.path, "public")
    image, theirs = images(layout)
    read_BTD, places = layout.network.forward(tensors, theirs)
    wanted = read_BTD.flatten(1) if read_BTD.shape[1] else places.mean(1)
    assert column.side == layout.network.size.side
    with torch.inference_mode():
        found = column.backbone.feature(image)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_other_views_keep_what_stands_before_the_patches(tmp_path: Path) -> None:
    done, tensors = read(SMALL["registers"], tmp_path, image_size=24)
    table = load_file(done.path / "model.safetensors")["pos_embed"]
    assert table.shape == (1, 1 + 4 + 36, 32)
    assert torch.equal(table[:, 0], tensors["pos_embed"][:, 0])
    assert not table[:, 1:5].any()
    # As the authors do with registers: antialiased, and without the tenth.
    grid = tensors["pos_embed"][0, 1:].T.reshape(1, 32, 4, 4)
    wanted = torch.nn.functional.interpolate(grid, size=(6, 6), mode="bicubic", antialias=True)
    torch.testing.assert_close(table[:, 5:], wanted.flatten(2).transpose(1, 2))
