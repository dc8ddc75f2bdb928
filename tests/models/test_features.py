"""What a feature is made of: the usual tokens, the mean place beside them, or the last four blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from sit_engine import api
from sit_engine.config.backbones import FeatureKind
from sit_engine.errors import ConfigError
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.networks import load_backbones
from sit_engine.models.backbone import Backbone
from sit_engine.records.run_folder import open_run
from tests.tiny import tiny_config, tiny_finetune, with_cswin

KINDS: tuple[FeatureKind, ...] = ("with-mean", "last-layers")


@pytest.fixture(scope="module")
def run(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("features") / "run"
    config = tiny_config(few, model={"depth": 6}, optim={"epochs": 1})
    api.pretrain(config, path, emit=lambda _: None)
    return path


def network_of(run: Path, features: FeatureKind) -> Backbone:
    return load_backbones(open_run(run), features=features).trained


def test_each_kind_holds_what_it_says(run: Path) -> None:
    image = torch.randn(3, 3, 16, 16)
    usual, mean, layers = (network_of(run, kind) for kind in ("usual", *KINDS))
    with torch.no_grad():
        seen, blocks = usual.maps(image), usual.layers(image)
        tokens = usual.feature(image)
        torch.testing.assert_close(mean.feature(image), torch.cat([tokens, seen.places.mean(1)], 1))
        parts = layers.feature(image).chunk(4, 1)
    width = tokens.shape[1]
    for part, block in zip(parts, blocks[-4:-1], strict=False):
        wanted = functional.layer_norm(block.tokens.flatten(1), (width,))
        torch.testing.assert_close(part, wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(parts[3], functional.layer_norm(tokens, (width,)))
    assert (usual.feature_parts, mean.feature_parts, layers.feature_parts) == (1, 1, 1)


def test_stages_of_other_widths_and_no_token(few: Path, tmp_path: Path) -> None:
    config = with_cswin(tiny_config(few, optim={"epochs": 1}))
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    image = torch.randn(2, 3, 16, 16)
    usual, mean, layers = (network_of(tmp_path / "run", kind) for kind in ("usual", *KINDS))
    with torch.no_grad():
        assert torch.equal(mean.feature(image), usual.feature(image))
        assert layers.feature(image).shape == (2, 16 + 32 + 32)


def test_they_are_embedded_and_leave_in_programs(run: Path, few: Path, tmp_path: Path) -> None:
    kind: FeatureKind = "last-layers"
    about = api.embed(run, [str(few)], tmp_path / "map", features=kind)
    assert about["features"] == kind
    features = np.load(tmp_path / "map/features.npy")
    first = min(few.rglob("*.png"))
    # Asked of one image by the folder alone, they are those of that image.
    found = api.neighbours(tmp_path / "map", str(first), count=1)
    assert features.shape[1] == network_of(run, kind).feature(torch.zeros(1, 3, 16, 16)).shape[1]
    assert len(found) == 1
    done = api.export(run, format="torchscript", out=tmp_path / "model.pt", features=kind)
    assert done.difference is not None
    assert done.difference < 1e-4
    assert done.card is not None
    assert "blocks before it" in done.card.read_text()
    with pytest.raises(ConfigError, match="program that gives features"):
        api.export(run, format="safetensors", out=tmp_path / "weights", features=kind)


def test_every_column_of_an_evaluation_is_read_alike(run: Path, sample: tuple[Path, Path]) -> None:
    asked = [
        api.evaluate(
            run,
            EvaluateRequest(
                train=[str(sample[0])], test=[str(sample[1])], features=kind, knn_only=True
            ),
        )[0]
        for kind in ("usual", "last-layers")
    ]
    usual, layers = asked
    assert (usual.features, layers.features) == ("usual", "last-layers")
    assert "the last four blocks" in layers.to_text()
    assert "Features:" not in usual.to_text()


def test_a_classifier_reads_what_it_learnt_from(few: Path, tmp_path: Path) -> None:
    config = tiny_finetune(few, method={"head": "linear"}, optim={"epochs": 1})
    api.finetune(config, tmp_path / "run", emit=lambda _: None)
    image = torch.randn(2, 3, 16, 16)
    answers = [
        load_backbones(open_run(tmp_path / "run"), features=kind).classifier
        for kind in ("usual", *KINDS)
    ]
    with torch.no_grad():
        first, *others = (answer(image) for answer in answers if answer is not None)
    assert len(others) == 2
    assert all(torch.equal(first, other) for other in others)
