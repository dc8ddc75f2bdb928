"""Heads of pretraining in a file, or in a run, go on in a run of the same method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.records.event_log import read_events
from sit_engine.records.events import Warned
from sit_engine.records.imported import Imported
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from tests.models.imports import foreign_files as files
from tests.tiny import tiny_config

METHODS: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, int]]] = {
    "dino": (files.dino, {"head_width": 48, "bottleneck": 12, "prototypes": 40}),
    "mocov3": (files.moco, {"head_width": 40, "head_out": 8}),
}


def imported(method: str, folder: Path, **changed: Tensor) -> Imported:
    """Its authors' file as a start; of DINO with prototypes of length 1, as it is published."""
    content = METHODS[method][0]()
    if method == "dino":
        for network in ("student", "teacher"):
            for name, value in content[network].items():
                if name.endswith("weight_g"):
                    value.fill_(1)
        content["teacher"] |= changed
    torch.save(content, folder / "checkpoint.pth")
    return api.import_weights(folder / "checkpoint.pth", folder / "start", heads=4)


def begun(few: Path, out: Path, method: str, start: Path, **options: Any) -> dict[str, Tensor]:
    """The networks before the first step of a run that starts there."""
    config = tiny_config(few, method={"name": method}, optim={"epochs": 0.5})
    values = config.model_dump()
    api.pretrain(
        build(values | {
            "model": {"weights": str(start), "drop_path": 0.0},
            "method": values["method"] | dict.fromkeys(("head_width",), "auto") | options,
        }),
        out,
        emit=lambda _: None,
    )  # fmt: skip
    return checkpoint.load_model(checkpoint.folder(Run(out), 0))


def is_warned(run: Path) -> bool:
    return any(isinstance(e, Warned) and e.code == "start.heads" for e, _ in read_events(Run(run)))


@pytest.mark.parametrize("method", METHODS)
def test_heads_of_a_file_go_on_in_its_method(method: str, few: Path, tmp_path: Path) -> None:
    done = imported(method, tmp_path)
    sizes = METHODS[method][1]
    assert (done.facts.method, done.facts.head_sizes) == (method, sizes)
    named = {part.theirs: part.ours for part in done.mapped}
    dropped = {part.name for part in done.dropped}
    own = {"bottleneck": 12, "prototypes": "auto"} if method == "dino" else {"head_out": 8}
    networks = begun(few, tmp_path / "run", method, done.path, **own)
    file = torch.load(tmp_path / "checkpoint.pth", weights_only=False)
    theirs = file["teacher"] if method == "dino" else file["state_dict"]
    heads = {
        name: ours
        for name, ours in named.items()
        if ours.startswith(("head.", "projector.", "predictor."))
    }
    assert len(heads) == (7 if method == "dino" else 11)
    assert not heads.keys() & dropped
    for name, ours in heads.items():
        alone = ours.startswith("predictor.")
        for place in ("",) if alone else ("student.", "teacher."):
            assert torch.equal(networks[f"{place}{ours}"], theirs[name]), ours
    assert not is_warned(tmp_path / "run")


@pytest.mark.parametrize("method", METHODS)
def test_other_sizes_or_another_method_leave_the_heads(
    method: str, few: Path, tmp_path: Path
) -> None:
    done = imported(method, tmp_path)
    other = next(name for name in METHODS if name != method)
    begun(few, tmp_path / "other", other, done.path)
    assert not is_warned(tmp_path / "other")
    networks = begun(few, tmp_path / "run", method, done.path, head_width=16)
    assert is_warned(tmp_path / "run")
    part = "head.layers.0.weight" if method == "dino" else "projector.0.weight"
    assert networks[f"student.{part}"].shape[0] == 16


def test_prototypes_with_lengths_of_their_own_are_no_head_of_ours(tmp_path: Path) -> None:
    done = imported("dino", tmp_path, **{"head.last_layer.weight_g": torch.full((40, 1), 2.0)})
    assert not done.facts.method
    assert any(part.name.endswith("weight_v") for part in done.dropped)


def test_a_run_of_the_same_method_gives_its_heads(few: Path, tmp_path: Path) -> None:
    config = tiny_config(few, method={"name": "dino", "prototypes": 24}, optim={"epochs": 1})
    api.pretrain(config, tmp_path / "first", emit=lambda _: None)
    newest = max((tmp_path / "first/checkpoints").iterdir())
    before = checkpoint.load_model(newest)
    after = begun(few, tmp_path / "second", "dino", newest, prototypes="auto")
    for name in ("head.prototypes.weight", "head.layers.2.bias"):
        assert torch.equal(after[f"student.{name}"], before[f"teacher.{name}"])
