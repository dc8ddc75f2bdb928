"""Runs of the supernet: a run like others, with and without labels, that goes on exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.jobs.networks import load_method
from sit_engine.models.supernet import Supernet
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.event_log import read_events
from sit_engine.records.events import HealthMeasured, StepReported
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.tiny import DINO, SUPERNET, tiny_config, tiny_finetune
from tests.training.test_resume import stop_at


def config_of(folder: Path, *, labelled: bool, **model: Any) -> RunConfig:
    make = tiny_finetune if labelled else tiny_config
    method = {"head": "linear"} if labelled else {}
    values = make(folder, method=method, optim={"epochs": 4}).model_dump()
    return build(values | {"model": SUPERNET | model})


@pytest.mark.parametrize("labelled", [False, True], ids=["sit", "finetune"])
@pytest.mark.parametrize("sharing", ["ring", "both"])
def test_it_trains_and_goes_on_to_the_bit(
    sharing: str, labelled: bool, few: Path, tmp_path: Path
) -> None:
    config = config_of(few, labelled=labelled, sharing=sharing)
    api.pretrain(config, tmp_path / "whole", emit=lambda _: None)
    api.pretrain(config, tmp_path / "broken", emit=lambda _: None, make_control=stop_at(2))
    api.resume(tmp_path / "broken", emit=lambda _: None)
    one, other = (
        checkpoint.load_model(checkpoint.newest_verified(Run(tmp_path / name))[0])
        for name in ("whole", "broken")
    )
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    begun = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "whole"), 0))
    moved = {name for name, value in one.items() if not torch.equal(value, begun[name])}
    assert "student.backbone.slots.0.value.weight" in moved
    # Each step another network: of both patch sizes.
    for patch in (4, 8):
        assert f"student.backbone.stems.{patch}.proj.weight" in moved
    events = [event for event, _ in read_events(Run(tmp_path / "whole"))]
    losses = [event.loss for event in events if isinstance(event, StepReported)]
    assert len(losses) > 1
    assert all(0 < loss < 1e3 for loss in losses)


@pytest.mark.parametrize("method", [{"name": "sit2021"}, DINO, {"name": "mocov3"}], ids=str)
def test_every_method_trains_it(method: dict[str, Any], few: Path, tmp_path: Path) -> None:
    """Small crops too, which every patch size divides."""
    values = tiny_config(few, method=method, optim={"epochs": 2}).model_dump()
    api.pretrain(build(values | {"model": SUPERNET}), tmp_path / "run", emit=lambda _: None)
    assert summarise(open_run(tmp_path / "run")).status == "completed"


def test_a_run_says_how_often_a_slot_is_none_and_is_read_in_one_network(
    few: Path, tmp_path: Path
) -> None:
    api.pretrain(config_of(few, labelled=False), tmp_path / "run", emit=lambda _: None)
    run = open_run(tmp_path / "run")
    text = (run.path / "config.toml").read_text()
    assert "# so often the mean of drawn networks keeps the budget" in text
    assert any(isinstance(event, HealthMeasured) for event, _ in read_events(run))
    method, _ = load_method(run)
    found = method.backbone("student")
    assert isinstance(found, Supernet)
    image = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        own = found.channels(found.shown, "leading")
        alone = found.extract(found.shown).feature(image)
        torch.testing.assert_close(own.of(found.feature(image), 1), alone, atol=1e-5, rtol=1e-5)
    out = api.export(run.path, format="safetensors", out=tmp_path / "out").path
    with torch.no_grad():
        again = build_from(read_weights(out))
        torch.testing.assert_close(again.feature(image), found.eval().feature(image))
