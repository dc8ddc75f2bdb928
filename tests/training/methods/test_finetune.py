"""A finetuning run: exact resume, validation, early stop, what it starts from, and its twin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from sit_engine import api
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.errors import ConfigError, DataError
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.events import (
    CheckpointWritten,
    Event,
    RunFinished,
    StepReported,
    ValidationMeasured,
    Warned,
)
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, open_run, write_settings
from sit_engine.records.starts import find_start
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from sit_engine.training.start import scratch_config
from tests.conftest import FEW_CLASSES as CLASSES
from tests.tiny import tiny_config, tiny_finetune, vit_of
from tests.training.test_resume import assert_identical, stop_at


@pytest.fixture(scope="module")
def pretrained(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny pretraining run."""
    out = tmp_path_factory.mktemp("pretrained") / "run"
    api.pretrain(tiny_config(few, optim={"epochs": 1, "batch_size": 16}), out, emit=lambda _: None)
    return out


def finetune(
    folder: Path, out: Path, how: dict[str, Any] | None = None, **more: Any
) -> list[Event]:
    """Train a tiny finetuning run in this process; gives its events."""
    events: list[Event] = []
    api.finetune(tiny_finetune(folder, **more), out, emit=events.append, **(how or {}))
    return events


@pytest.mark.parametrize(
    "method",
    [
        {"mixup": 0.8, "cutmix": 1.0, "randaugment": 5, "random_erasing": 0.25},
        {"trained": "head", "balance": "loss"},
    ],
    ids=["all, with every change of pixels", "head, on kept features"],
)
def test_a_stopped_run_resumes_bit_identically(
    few: Path, pretrained: Path, tmp_path: Path, method: dict[str, Any]
) -> None:
    more = {"method": method, "model": {"drop_path": 0.2, "weights": str(pretrained)}}
    finetune(few, tmp_path / "whole", **more)
    finetune(few, tmp_path / "run", {"make_control": stop_at(7)}, **more)
    again: list[Event] = []
    api.resume(tmp_path / "run", emit=again.append)
    assert_identical(tmp_path / "whole", tmp_path / "run")
    assert isinstance(again[-1], RunFinished)


def test_validation_is_held_out_stratified_and_told(few: Path, tmp_path: Path) -> None:
    events = finetune(few, tmp_path / "run", optim={"epochs": 8})
    split = open_run(tmp_path / "run").split()
    classes = [name.partition(":")[2].split("/")[0] for name in split["watch"]]
    assert {name: classes.count(name) for name in CLASSES} == dict.fromkeys(CLASSES, 2) | {
        name: classes.count(name) for name in CLASSES if classes.count(name) == 3
    }
    assert len(split["watch"]) == 10
    assert not set(split["watch"]) & set(split["train"])
    readings = [event for event in events if isinstance(event, ValidationMeasured)]
    assert [event.step for event in readings] == [0, 16, 32]
    assert all(event.images == 10 and event.majority == 0.3 for event in readings)
    assert readings[-1].accuracy > readings[0].accuracy
    assert readings[-1].loss < readings[0].loss
    steps = [event for event in events if isinstance(event, StepReported)]
    assert set(steps[-1].terms) == {"classification"}
    assert steps[-1].curves.keys() == {"teacher_momentum", "train_accuracy"}
    assert sum(event.curves["train_accuracy"] for event in steps[-8:]) / 8 > 0.3
    best = [event.step for event in events if isinstance(event, CheckpointWritten) if event.best]
    assert find_start(tmp_path / "run").name == f"step-{best[-1]:08d}"


def test_a_class_of_one_image_cannot_be_validated_on(few: Path, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    shutil.copytree(few, folder)
    for image in sorted((folder / "cat").iterdir())[1:]:
        image.unlink()
    with pytest.raises(DataError, match="a single image, the first is cat") as caught:
        finetune(folder, tmp_path / "run")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "run").exists()
    events = finetune(folder, tmp_path / "run", data={"watch_share": 0})
    assert not [event for event in events if isinstance(event, ValidationMeasured)]
    assert summarise(Run(tmp_path / "run")).status == "completed"


def test_labels_are_needed(few: Path, tmp_path: Path) -> None:
    for labels, count in (("none", "none"), ("folders", "one class only")):
        with pytest.raises(DataError, match=f"the images have {count}"):
            finetune(
                few / "cat", tmp_path / "run", data={"labels": labels}
            ) if labels == "none" else (finetune(only(few, tmp_path), tmp_path / "run"))


def only(few: Path, place: Path) -> Path:
    """A folder with one class."""
    shutil.copytree(few / "cat", place / "only" / "cat")
    return place / "only"


def test_images_without_a_label_are_left_out_and_counted(few: Path, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    shutil.copytree(few, folder)
    shutil.copy(next((few / "cat").iterdir()), folder / "loose.png")
    events = finetune(folder, tmp_path / "run")
    told = [event for event in events if isinstance(event, Warned)]
    assert [event.values["count"] for event in told if event.code == "data.unlabelled"] == ["1"]
    assert not [name for name in Run(tmp_path / "run").split()["train"] if "loose" in name]


def test_it_ends_early_when_nothing_gets_better_and_can_go_on(few: Path, tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "method": {"patience": 2},
        "watch": {"readings": 40},
        "optim": {"learning_rate": 1e-9},
    }
    events = finetune(few, tmp_path / "run", **more)
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert (last.outcome, last.step) == ("completed", 3)
    assert [e for e in events if isinstance(e, Warned)][-1].code == "finetune.early_stop"
    again: list[Event] = []
    api.resume(tmp_path / "run", emit=again.append, epochs=20)
    assert isinstance(again[-1], RunFinished)
    # One reading every second step of 80 now.
    assert again[-1].step == 6


def test_it_starts_from_the_backbone_of_a_run(few: Path, pretrained: Path, tmp_path: Path) -> None:
    finetune(few, tmp_path / "run", model={"weights": str(pretrained)})
    run = open_run(tmp_path / "run")
    theirs = checkpoint.load_model(checkpoint.newest_verified(Run(pretrained))[0])
    ours = checkpoint.load_model(checkpoint.folder(run, 0))
    names = [name for name in theirs if name.startswith("student.backbone.")]
    assert len(names) > 20
    for name in names:
        assert torch.equal(theirs[name], ours[name]), name
    found = open_run(tmp_path / "run").config()
    assert str(found.model.weights).endswith("step-00000003")
    # The start may go: the first checkpoint holds all of it.
    assert found.method.layer_decay == 0.75  # type: ignore[attr-defined]


def test_a_start_may_name_one_of_a_runs_networks(few: Path, pretrained: Path) -> None:
    kept = checkpoint.load_model(find_start(pretrained))
    for network in ("student", "teacher"):
        named = find_start(Path(f"{pretrained}#{network}"))
        tensors = read_weights(named).tensors
        assert torch.equal(tensors["cls_token"], kept[f"{network}.backbone.cls_token"])
    assert not torch.equal(kept["student.backbone.cls_token"], kept["teacher.backbone.cls_token"])
    assert find_start(pretrained / "#teacher") == find_start(Path(f"{pretrained}#teacher"))
    config = tiny_finetune(few, model={"weights": f"{pretrained}#third"})
    with pytest.raises(DataError, match="no network third, but student or teacher"):
        api.finetune(config, pretrained.with_name("third"), emit=lambda _: None)


def test_the_twin_from_scratch_has_the_same_images_network_and_length(
    few: Path, pretrained: Path, tmp_path: Path
) -> None:
    finetune(few, tmp_path / "run", {"with_scratch": True}, model={"weights": str(pretrained)})
    ours, twin = (open_run(tmp_path / name) for name in ("run", "run-scratch"))
    assert ours.split()["train"] == twin.split()["train"]
    one, other = ours.config(), twin.config()
    assert other.model.weights is None
    assert (vit_of(one).width, one.optim.epochs) == (vit_of(other).width, other.optim.epochs)
    assert other.method.layer_decay == 1.0  # type: ignore[attr-defined]
    assert summarise(twin).status == "completed"


def test_the_twin_of_a_run_that_was_given_minutes_has_its_epochs(few: Path, tmp_path: Path) -> None:
    chosen = tiny_finetune(few, optim={"epochs": "auto", "minutes": 5})
    run = create_run(tmp_path / "run", chosen)
    facts = DataFacts(images=48, classes=4, median_side_px=32, labelled=48)
    resolved = resolve(chosen, facts, DeviceFacts(images_per_s=10.0))
    split: dict[str, Any] = {"classes": [], "train": [], "watch": []}
    write_settings(run, resolved.config, resolved.reasons, split)
    twin = scratch_config(run)
    assert (twin.optim.epochs, twin.optim.minutes) == (resolved.config.optim.epochs, None)
    assert twin.optim.weight_decay == "auto"


def public(place: Path, **config: Any) -> tuple[Path, torch.nn.Module]:
    """A folder as timm writes it, with a classifier and foreign normalisation, and its network."""
    torch.manual_seed(3)
    vit = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=4,
        num_classes=5,
    ).eval()  # fmt: skip
    place.mkdir()
    save_file(vit.state_dict(), place / "model.safetensors")
    about = {"architecture": "vit_tiny_patch16_224", "model_args": {"num_heads": 4}} | config
    (place / "config.json").write_text(json.dumps(about))
    return place, vit


def test_public_weights_give_their_own_features_whatever_their_normalisation(
    tmp_path: Path,
) -> None:
    half = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.4, 0.3]}
    folder, theirs = public(tmp_path / "timm", pretrained_cfg=half)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    mean, std = (torch.tensor(half[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    ours = build_from(read_weights(folder))
    with torch.no_grad():
        expected = theirs.forward_features((images / 255 - mean) / std)  # type: ignore[operator]
        found = ours.forward_features(Preprocess(32).normalise(images.float()))  # type: ignore[operator]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_set_the_sizes_and_other_views_resize_the_positions(
    few: Path, tmp_path: Path
) -> None:
    folder, _ = public(tmp_path / "timm")
    base = tiny_finetune(few).model_dump()
    model = {"weights": str(folder), "image_size": 48}
    values = base | {"model": model, "method": {"name": "finetune"}}
    from sit_engine.config.build import build

    api.pretrain(build(values), tmp_path / "run", emit=lambda _: None)
    found = vit_of(open_run(tmp_path / "run").config())
    assert (found.width, found.depth, found.heads, found.patch_size) == (48, 2, 4, 8)
    assert found.image_size == 48
    tensors = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "run"), 0))
    assert tensors["student.backbone.pos_embed"].shape == (1, 37, 48)
    assert torch.equal(
        tensors["student.backbone.pos_embed"][:, 0], read_weights(folder).tensors["pos_embed"][:, 0]
    )


def test_pretraining_starts_from_weights_too(few: Path, tmp_path: Path) -> None:
    folder, vit = public(tmp_path / "timm")
    config = tiny_config(few, optim={"epochs": 1, "batch_size": 16})
    sizes = {"weights": str(folder), "image_size": 32, "patch_size": 8, "width": 48, "depth": 2}
    model = config.model.model_copy(update=sizes | {"heads": 4, "backbone": "custom"})
    api.pretrain(config.model_copy(update={"model": model}), tmp_path / "run", emit=lambda _: None)
    tensors = checkpoint.load_model(checkpoint.folder(Run(tmp_path / "run"), 0))
    for which in ("student", "teacher"):
        assert torch.equal(
            tensors[f"{which}.backbone.blocks.1.mlp.fc2.weight"],
            vit.state_dict()["blocks.1.mlp.fc2.weight"],
        )


@pytest.mark.parametrize(
    ("damage", "error", "sentence"),
    [
        ({"width": 64}, ConfigError, "model.width = 64 does not fit"),
        ({"patch_size": 4}, ConfigError, "model.patch_size = 4 does not fit"),
        ({"weights": "missing"}, DataError, "cannot be opened"),
        ({"weights": "text"}, DataError, "a safetensors file is needed"),
        ({"weights": "convolutions"}, DataError, "parts that this program does not know"),
        ({"weights": "no heads"}, ConfigError, "do not say how many attention heads"),
    ],
)
def test_weights_that_cannot_be_used_are_a_sentence(
    few: Path, tmp_path: Path, damage: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    folder, vit = public(tmp_path / "timm")
    (tmp_path / "text").write_text("not tensors")
    save_file({"conv1.weight": torch.zeros(2, 3, 7, 7)}, tmp_path / "convolutions")
    save_file(vit.state_dict(), tmp_path / "no heads")
    weights = tmp_path / damage["weights"] if "weights" in damage else folder
    config = tiny_finetune(few)
    model = config.model.model_copy(
        update=dict.fromkeys(("image_size", "patch_size", "width", "depth", "heads"), "auto")
        | damage | {"weights": str(weights)}
    )  # fmt: skip
    with pytest.raises(error, match=sentence):
        api.pretrain(
            config.model_copy(update={"model": model}), tmp_path / "run", emit=lambda _: None
        )
    assert not (tmp_path / "run").exists()
