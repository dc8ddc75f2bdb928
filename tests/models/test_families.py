"""A family of backbones is two classes and a line: everything else asks them and needs no word of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.config import backbones
from sit_engine.config.backbones import BackboneOptions, FamilyEntry
from sit_engine.config.build import build
from sit_engine.config.methods import load
from sit_engine.config.schema import settings
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError, ExportError
from sit_engine.jobs.networks import load_backbones
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.starts import find_start
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from sit_engine.training.prepare import with_start
from tests.tiny import TINY, tiny_config, tiny_finetune, vit_of


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    here = "tests.models.toy_family"
    entry = FamilyEntry(f"{here}:ToyOptions", f"{here}:build_toy")
    monkeypatch.setitem(backbones.FAMILIES, "toy", entry)


@pytest.mark.parametrize("family", backbones.FAMILIES)
def test_whose_settings_do_not_tell_all_has_its_tensors_read(family: str) -> None:
    entry = backbones.FAMILIES[family]
    is_shown = load(entry.options).unshown is BackboneOptions.unshown
    assert bool(entry.tensors) != is_shown


@pytest.mark.parametrize("method", ["sit", "sit2021"])
def test_another_family_pretrains_is_measured_resumed_and_exported(
    method: str, few: Path, tmp_path: Path
) -> None:
    own = {"name": method} if method != "sit" else {}
    config = tiny_config(few, method=own, optim={"epochs": 2})
    config = build(config.model_dump() | {"model": {"family": "toy", "channels": 16}})
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    run = open_run(tmp_path / "run")
    assert run.config().model.family == "toy"
    assert 'family = "toy"' in run.config_file.read_text("utf-8")
    api.resume(run.path, epochs=3, emit=lambda _: None)
    assert summarise(Run(run.path)).status == "completed"
    # What it cannot show is left out; what it reconstructs is there.
    previews = [path.name for path in run.previews.rglob("*.npz")]
    assert "reconstructions.npz" in previews
    assert "attention.npz" not in previews
    trained = load_backbones(run).trained
    assert trained.feature(torch.zeros(2, 3, 16, 16)).shape == (2, 16)
    done = api.export(run.path, format="torchscript", out=tmp_path / "toy.pt")
    assert done.difference is not None
    assert done.difference < 1e-4
    with pytest.raises(ExportError, match="timm"):
        api.export(run.path, format="safetensors", out=tmp_path / "toy")
    weights = {"family": "toy", "weights": str(run.path)}
    api.pretrain(build(config.model_dump() | {"model": weights}), tmp_path / "on", emit=_ignore)
    begun = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "on"), 0))
    kept = checkpoint.load_model(find_start(run.path))
    features = config.method.features
    names = [name for name in kept if name.startswith(f"{features}.backbone.")]
    assert names
    for name in names:
        mine = f"student.backbone.{name.removeprefix(f'{features}.backbone.')}"
        assert torch.equal(begun[mine], kept[name]), name
    assert open_run(tmp_path / "on").config().model.token_width == 16
    with pytest.raises(ConfigError, match=r"model\.channels = 24 does not fit the weights"):
        _begin(config, weights | {"channels": 24}, tmp_path)
    with pytest.raises(ConfigError, match="of the family toy, and the run's is vit"):
        _begin(config, {"weights": str(run.path), "patch_size": 4}, tmp_path)
    # Where nobody names a family or a setting of one, it is that of the weights.
    alone = build(config.model_dump() | {"model": {"weights": str(run.path)}})
    assert with_start(alone)[0].model.family == "toy"


def _ignore(_: object) -> None:
    pass


def _begin(config: RunConfig, model: dict[str, Any], place: Path) -> None:
    api.pretrain(build(config.model_dump() | {"model": model}), place / "not", emit=_ignore)


def test_another_family_finetunes_some_of_its_blocks(few: Path, tmp_path: Path) -> None:
    method = {"name": "finetune", "trained": "blocks", "trained_blocks": 1, "head": "linear"}
    config = tiny_finetune(few, method=method, optim={"epochs": 2})
    config = build(config.model_dump() | {"model": {"family": "toy"}})
    api.finetune(config, tmp_path / "run", emit=lambda _: None)
    loaded = load_backbones(open_run(tmp_path / "run"), network="student")
    learnt = {
        name
        for name, value in loaded.trained.named_parameters()
        if not torch.equal(value, dict(loaded.untrained.named_parameters())[name])
    }
    assert {name.split(".")[1] for name in learnt if name.startswith("blocks.")} == {"1"}
    assert loaded.classifier is not None
    assert np.isfinite(loaded.classifier(torch.zeros(1, 3, 16, 16)).detach().numpy()).all()


def test_its_settings_are_its_own() -> None:
    paths = [item.path for item in settings(family="toy")]
    assert "model.channels" in paths
    assert "model.patch_size" not in paths
    with pytest.raises(ConfigError, match=r"no setting model\.patch_size"):
        build({"model": {"family": "toy", "patch_size": 4}})
    with pytest.raises(ConfigError, match=r"model.channels cannot be 100"):
        build({"model": {"family": "toy", "channels": 100}})
    with pytest.raises(ConfigError, match="no family of backbones swin"):
        build({"model": {"family": "swin"}})
    # What a preset says of plain transformers is no word about others.
    assert build({"preset": "paper-2022", "model": {"family": "toy"}}).model.family == "toy"


def test_settings_that_name_no_family_mean_plain_transformers() -> None:
    config = build(TINY)
    assert vit_of(config).width == 32
    assert "family" not in config.model_dump()["model"]
