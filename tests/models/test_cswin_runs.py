"""Runs of the family `cswin`: every method trains it, it goes on exactly, learns labels and leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.errors import ConfigError
from sit_engine.jobs.networks import load_backbones
from sit_engine.models.cswin import Cswin
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.starts import find_start
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.tiny import CSWIN, DINO, tiny_config, tiny_finetune, with_cswin

SHORT: dict[str, Any] = {"optim": {"epochs": 1}}
METHODS: dict[str, dict[str, Any]] = {
    "sit": {}, "sit2021": {"name": "sit2021"}, "dino": DINO, "mocov3": {"name": "mocov3"},
}  # fmt: skip


def _ignore(_: object) -> None:
    pass


def pretrained(folder: Path, run: Path, **more: Any) -> Run:
    config = with_cswin(tiny_config(folder, **SHORT | more))
    api.pretrain(config, run, emit=_ignore)
    return open_run(run)


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_trains_it(method: str, few: Path, tmp_path: Path) -> None:
    run = pretrained(few, tmp_path / "run", method=METHODS[method])
    assert summarise(run).status == "completed"
    config = run.config()
    assert config.model.family == "cswin"
    before = checkpoint.load_model(checkpoint.folder(run, 0))
    after = checkpoint.load_model(checkpoint.newest_verified(run)[0])
    names = [name for name in after if name.startswith("student.backbone.")]
    assert names
    assert not [name for name in names if torch.equal(before[name], after[name])]
    loaded = load_backbones(run).trained
    assert loaded.feature(torch.zeros(2, 3, 16, 16)).shape == (2, 32)
    previews = {path.name for path in run.previews.rglob("*.npz")}
    assert "attention.npz" in previews
    assert ("reconstructions.npz" in previews) is method.startswith("sit")


def test_pixels_may_come_from_the_maps_of_all_stages(few: Path, tmp_path: Path) -> None:
    run = pretrained(few, tmp_path / "run", method={"reconstruct_from": "stages"})
    before = checkpoint.load_model(checkpoint.folder(run, 0))
    after = checkpoint.load_model(checkpoint.newest_verified(run)[0])
    narrow = [name for name in after if ".narrow." in name]
    assert {name.split(".")[2] for name in narrow} == {"0", "1"}
    assert not [name for name in narrow if torch.equal(before[name], after[name])]
    assert (max(run.previews.iterdir()) / "reconstructions.npz").is_file()


def test_a_run_that_is_resumed_is_one_that_was_never_broken(few: Path, tmp_path: Path) -> None:
    """With drop path, and the schedule of the whole."""
    whole = with_cswin(tiny_config(few, optim={"epochs": 2}), drop_path=0.3)
    api.pretrain(whole, tmp_path / "whole", emit=_ignore)

    class Stop:
        def __init__(self) -> None:
            self.polls = 0

        def poll(self) -> list[Any]:
            from sit_engine.records.commands import Command

            self.polls += 1
            return [Command("stop", -1)] if self.polls == 2 else []

    api.pretrain(whole, tmp_path / "broken", emit=_ignore, make_control=lambda _: Stop())
    assert summarise(Run(tmp_path / "broken")).status == "stopped"
    api.resume(tmp_path / "broken", emit=_ignore)
    one, other = (
        checkpoint.load_model(checkpoint.newest_verified(Run(tmp_path / name))[0])
        for name in ("whole", "broken")
    )
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_labels_teach_its_last_blocks_from_a_run_and_it_leaves(few: Path, tmp_path: Path) -> None:
    start = pretrained(few, tmp_path / "start")
    method = {"trained": "blocks", "trained_blocks": 2, "head": "linear"}
    values = tiny_finetune(few, method=method, optim={"epochs": 1}).model_dump()
    # Nobody names the family: it is that of the weights.
    config = build(values | {"model": {"weights": str(start.path), "drop_path": 0}})
    api.finetune(config, tmp_path / "run", emit=_ignore)
    run = open_run(tmp_path / "run")
    begun = checkpoint.load_model(checkpoint.folder(run, 0))
    kept = checkpoint.load_model(find_start(start.path))
    loaded = load_backbones(run, network="student")
    assert isinstance(loaded.trained, Cswin)
    learnt = set()
    for name, value in loaded.trained.state_dict().items():
        first = begun[f"student.backbone.{name}"]
        assert torch.equal(first, kept[f"student.backbone.{name}"]), name
        learnt |= set() if torch.equal(first, value) else {name.split(".")[0]}
    assert learnt == {"stage2", "norm"}
    assert loaded.classifier is not None
    rates = {part.rate for part in _trained(run)}
    assert len(rates) == 3
    out = api.export(run.path, format="safetensors", out=tmp_path / "out")
    _leaves_as_a_folder(out.path, run)


def test_a_run_of_it_is_gone_on_with(few: Path, tmp_path: Path) -> None:
    """Its last two blocks learn after the head; the rest, the last norm too, keeps its bits."""
    start = pretrained(few, tmp_path / "start")
    values = tiny_config(few, method={"name": "continue"}, optim={"epochs": 2}).model_dump()
    config = build(values | {"model": {"weights": str(start.path), "drop_path": 0}})
    api.pretrain(config, tmp_path / "run", emit=_ignore)
    run = open_run(tmp_path / "run")
    assert run.config().model.family == "cswin"
    kept = checkpoint.load_model(find_start(start.path))
    found = checkpoint.load_model(checkpoint.newest_verified(run)[0])
    names = [name for name in kept if name.startswith("student.backbone.")]
    learnt = {name.split(".")[2] for name in names if not torch.equal(kept[name], found[name])}
    assert learnt == {"stage2"}


def _trained(run: Run) -> list[Any]:
    from sit_engine.methods.finetune.method import Finetune

    return Finetune(run.config()).trained_parameters()


def _leaves_as_a_folder(out: Path, run: Run) -> None:
    """Weights under the authors' names, sizes of our own, and a snippet that loads them."""
    tensors = load_file(out / "model.safetensors")
    assert {"stage1_conv_embed.0.weight", "head.weight", "norm.bias"} <= tensors.keys()
    about = json.loads((out / "config.json").read_text("utf-8"))
    assert about["sit_studio_network"]["family"] == "cswin"
    card = (out / "README.md").read_text("utf-8")
    assert "timm cannot load it" in card
    assert "A network finetuned with labels (finetune): CSWin of width" in card
    assert "ision transformer" not in card
    snippet = card.split("```python")[1].split("```")[0]
    loaded = load_backbones(run)
    assert loaded.classifier is not None
    image = torch.randn(2, 3, 16, 16)
    names: dict[str, Any] = {"FOLDER": str(out), "views": image}
    exec(compile(snippet.replace('"FOLDER"', "FOLDER"), "card", "exec"), names)
    with torch.inference_mode():
        torch.testing.assert_close(names["features"], loaded.trained.feature(image))
        # A start like any other folder.
        again = build_from(read_weights(out))
        torch.testing.assert_close(again.feature(image), loaded.trained.feature(image))


@pytest.mark.parametrize(
    "format",
    ["torchscript", *(pytest.param(name, marks=pytest.mark.long) for name in ("onnx", "pt2"))],
)
def test_it_leaves_as_a_program(format: Any, few: Path, tmp_path: Path) -> None:
    run = pretrained(few, tmp_path / "run")
    done = api.export(run.path, format=format, out=tmp_path / f"program.{format}")
    assert done.difference is not None
    assert done.difference < 1e-4


def test_what_its_start_does_not_have_is_a_sentence(few: Path, tmp_path: Path) -> None:
    start = pretrained(few, tmp_path / "start", optim={"epochs": 0.5})
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"width": 8}, r"model\.width = 8 does not fit the weights"),
        ({"depths": "1,1"}, r"model\.depths = 1,1 does not fit the weights"),
        ({"image_size": 18}, "Views of 18 px"),
    ]
    for own, said in wrong:
        model: dict[str, Any] = {"family": "cswin", "weights": str(start.path)} | own
        config = build(tiny_config(few).model_dump() | {"model": model})
        with pytest.raises(ConfigError, match=said):
            api.pretrain(config, tmp_path / "not", emit=_ignore)
    # Weights know no view: another size is but another setting, with stripes for it.
    model = {"family": "cswin", "weights": str(start.path), "image_size": 32}
    api.pretrain(
        build(tiny_config(few, **SHORT).model_dump() | {"model": model}),
        tmp_path / "on",
        emit=_ignore,
    )
    assert open_run(tmp_path / "on").config().model.image_size == 32
    assert CSWIN["image_size"] == 16
