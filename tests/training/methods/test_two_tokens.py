"""The recipe of 2021 through the whole engine: train, resume, inspect, finetune, evaluate, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest
import timm
import torch

from sit_engine import api
from sit_engine.config.families.vit import VitOptions
from sit_engine.errors import ConfigError, ExportError
from sit_engine.export.able import can_torchscript
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.networks import load_backbones, load_method
from sit_engine.models.families import build_backbone
from sit_engine.models.timm_folder import timm_config, write_timm_folder
from sit_engine.records.events import Event, StepReported
from sit_engine.records.run_folder import open_run
from sit_engine.training import checkpoint
from tests.models.imports.reading import all_tokens
from tests.tiny import engine, tiny_config, tiny_finetune, tiny_flags, vit_of
from tests.training.test_resume import stop_at

METHOD = {"name": "sit2021", "reconstruction_weight": 1.0}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Of the run below."""
    return []


@pytest.fixture(scope="module")
def run(few: Path, events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pretraining run by the recipe of 2021."""
    out = tmp_path_factory.mktemp("sit2021") / "run"
    api.pretrain(tiny_config(few, method=METHOD), out, emit=events.append)
    return out


@pytest.fixture(scope="module")
def finetuned(few: Path, run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finetuned from it; each token has its own linear classifier."""
    out = tmp_path_factory.mktemp("finetuned") / "run"
    config = tiny_finetune(few, model={"weights": str(run)}, method={"head": "linear"})
    api.finetune(config, out, emit=lambda _: None)
    return out


def test_learned_weights_and_rotation_accuracy_are_curves(run: Path, events: list[Event]) -> None:
    assert run.is_dir()
    reports = [event for event in events if isinstance(event, StepReported)]
    names = {"weight_rotation", "weight_contrast", "weight_reconstruction", "rotation_accuracy"}
    assert all(names < set(report.curves) for report in reports)
    first, last = reports[0].curves, reports[-1].curves
    assert first["weight_reconstruction"] == pytest.approx(np.exp(-0.5))
    assert last["weight_rotation"] != first["weight_rotation"] == pytest.approx(np.exp(-1))
    assert "teacher_momentum" not in last


def test_a_stopped_run_resumes_bit_identically(few: Path, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = tiny_config(few, method=METHOD)
    api.pretrain(config, out, emit=lambda _: None, make_control=stop_at(2))
    api.resume(out, emit=lambda _: None)
    one, other = (
        checkpoint.load_model(checkpoint.newest_verified(open_run(path))[0]) for path in (run, out)
    )
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert "learned_weights.scalars.rotation" in one


def test_its_teacher_that_is_not_there_is_a_sentence(run: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_backbones(open_run(run), network="teacher")
    assert caught.value.code == "config.network"


def test_pictures_and_evaluation_read_both_tokens(
    sample: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    names = {path.name for path in api.inspect(run, images=[], out=tmp_path / "seen")}
    assert {"reconstructions.png", "attention.png"} <= names
    report, _ = api.evaluate(run, EvaluateRequest(train=[str(sample[0])], test=[str(sample[1])]))
    assert report.columns[-1] == "pretrained"
    assert {row.kind for row in report.rows} >= {"knn", "linear"}
    backbone = load_backbones(open_run(run)).trained
    assert backbone.feature(torch.zeros(1, 3, 16, 16)).shape == (1, 64)


def test_embedding_and_neighbours_have_both_tokens(few: Path, run: Path, tmp_path: Path) -> None:
    api.embed(run, [str(few)], tmp_path / "map")
    features = np.load(tmp_path / "map" / "features.npy")
    assert features.shape[1] == 64
    image = str(sorted(few.rglob("*.png"))[0])
    assert len(api.neighbours(tmp_path / "map", image, count=3)) == 3


def test_finetuning_keeps_the_tokens_and_averages_two_heads(run: Path, finetuned: Path) -> None:
    config = open_run(finetuned).config()
    assert (vit_of(config).tokens, vit_of(open_run(run).config()).tokens) == (2, 2)
    method, _ = load_method(open_run(finetuned))
    classifier: Any = method.classifier("teacher")
    views = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        tokens = classifier.backbone.forward_features(views)[:, :2]
        each = [head(tokens[:, t]) for t, head in enumerate(classifier.head)]
        torch.testing.assert_close(classifier(views), (each[0] + each[1]) / 2)


@pytest.mark.skipif(not can_torchscript(), reason="this torch cannot make TorchScript")
def test_its_classifier_travels_as_a_program(finetuned: Path, tmp_path: Path) -> None:
    done = api.export(finetuned, format="torchscript", out=tmp_path / "model.pt")
    assert done.difference is not None
    assert done.difference < 1e-5
    features = api.export(finetuned, format="torchscript", out=tmp_path / "f.pt", head="features")
    assert features.card is not None
    assert "rotation token, then contrastive token" in features.card.read_text("utf-8")


def test_timm_has_no_place_for_two_heads(finetuned: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        api.export(finetuned, format="safetensors", out=tmp_path / "other")
    assert caught.value.code == "export.head"


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_timm_rebuilds_a_backbone_of_any_tokens(tokens: int, tmp_path: Path) -> None:
    options: VitOptions[Never] = VitOptions(
        image_size=16,
        patch_size=4,
        backbone="custom",
        width=32,
        depth=2,
        heads=2,
        tokens=tokens,
        registers=0,
        variant="plain",
    )
    ours = build_backbone(options, drop_path=0.0, fused_attention=False).eval()
    write_timm_folder(tmp_path / "w", ours.state_dict(), timm_config(options), mark="test")
    theirs: Any = timm.create_model(f"local-dir:{tmp_path / 'w'}", pretrained=True).eval()
    views = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(theirs.forward_features(views), all_tokens(ours, views))
        if tokens < 2:
            torch.testing.assert_close(theirs(views), ours.feature(views))


def test_a_run_of_before_with_one_loss_off_can_still_be_looked_at(
    few: Path, tmp_path: Path
) -> None:
    """It has one token, and holds the parts of the loss that was off."""
    out = tmp_path / "run"
    api.pretrain(tiny_config(few), out, emit=lambda _: None)
    file = out / "config.toml"
    lines = file.read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("tokens")]
    text = "\n".join(kept)
    assert "contrast_weight = 1.0" in text
    file.write_text(text.replace("contrast_weight = 1.0", "contrast_weight = 0.0"), "utf-8")
    found = load_backbones(open_run(out))
    whole = checkpoint.load_model(checkpoint.newest_verified(open_run(out))[0])
    name = "student.backbone.cls_token"
    assert torch.equal(found.trained.state_dict()["cls_token"], whole[name])


def test_the_command_line_takes_the_recipe_from_the_preset_or_by_name(
    few: Path, tmp_path: Path
) -> None:
    more = ["--optim.epochs", "1", "--learned-weights", "none", "--watch.readings", "0"]
    more += ["--preset", "small-2021", "--contrast-weight", "0", "--json"]
    done = engine("pretrain", few, "--out", tmp_path / "run", *tiny_flags(), *more)
    assert done.returncode == 0, done.stderr
    config = open_run(tmp_path / "run").config()
    assert (config.preset, config.method.name, vit_of(config).tokens) == (
        "small-2021",
        "sit2021",
        1,
    )
    assert config.method.learned_weights == ()  # type: ignore[attr-defined]
    printed = engine("config", "--method", "sit2021", "--json")
    assert json.loads(printed.stdout)["method"]["rotation_weight"] == 1.0
