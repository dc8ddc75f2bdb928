"""A run of DINO has all that any run has: readings of its teacher, exact resume, export, finetuning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from sit_engine import api
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.data.decode.preprocess import Preprocess, load_views
from sit_engine.inspection.prototypes import MOST_IMAGES, count_choices
from sit_engine.inspection.shown_views import show
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.networks import load_method
from sit_engine.methods.dino.method import Dino
from sit_engine.methods.dino.options import DinoOptions
from sit_engine.models.weights import read_weights
from sit_engine.records.event_log import read_events
from sit_engine.records.events import HealthMeasured, KnnMeasured, PreviewWritten, StepReported
from sit_engine.records.places import places_of
from sit_engine.records.run import Run
from sit_engine.records.starts import find_start
from sit_engine.training import checkpoint
from sit_engine.training.memory import _view_bytes
from tests.tiny import tiny_dino, tiny_finetune
from tests.training.test_resume import assert_identical, stop_at, weights

LOSSES = ("dino", "simdino")


@pytest.fixture(scope="module")
def runs(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A complete run with each loss: 5 steps an epoch, 20 steps."""
    folder = tmp_path_factory.mktemp("dino")
    for loss in LOSSES:
        config = tiny_dino(sample[0], method={"loss": loss})
        api.pretrain(config, folder / loss, emit=lambda _: None)
    return {loss: folder / loss for loss in LOSSES}


@pytest.mark.parametrize(("loss", "step"), [("dino", 3), ("dino", 8), ("simdino", 8)])
def test_it_resumes_exactly(
    loss: str, step: int, runs: dict[str, Path], sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """Before the prototypes learn too, when the optimiser knows nothing of them yet."""
    path, config = tmp_path / "stopped", tiny_dino(sample[0], method={"loss": loss})
    api.pretrain(config, path, emit=lambda _: None, make_control=stop_at(step))
    centre = weights(path).get("centre")
    assert (centre is not None and bool(centre.any())) is (loss == "dino")
    api.resume(path, emit=lambda _: None)
    assert_identical(path, runs[loss])
    assert set(weights(path)) == set(weights(runs[loss]))


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_prototypes_stay_through_the_first_epoch(
    optimiser: str, runs: dict[str, Path], sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """Of the teacher too, which averages the same ones."""
    path, name = tmp_path / "stopped", "head.prototypes.weight"
    config = tiny_dino(sample[0], optim={"optimiser": optimiser})
    api.pretrain(config, path, emit=lambda _: None, make_control=stop_at(5))
    first = checkpoint.load_model(checkpoint.folder(Run(path), 0))
    early, last = weights(path), weights(runs["dino"])
    assert torch.equal(early[f"student.{name}"], first[f"student.{name}"])
    assert torch.allclose(early[f"teacher.{name}"], first[f"student.{name}"], atol=1e-7)
    learnt = "student.head.layers.0.weight"
    assert not torch.equal(early[learnt], first[learnt])
    assert not torch.equal(last[f"student.{name}"], first[f"student.{name}"])


def test_its_teacher_is_watched_and_its_curves_are_told(runs: dict[str, Path]) -> None:
    for loss, own in (("dino", "doubt"), ("simdino", "agreement")):
        events = [event for event, _ in read_events(Run(runs[loss]))]
        reports = [event for event in events if isinstance(event, StepReported)]
        assert own in reports[-1].curves
        momenta = [report.curves["teacher_momentum"] for report in reports]
        assert momenta[0] == pytest.approx(0.9)
        assert momenta == sorted(momenta)
        if loss == "dino":
            heat = [report.curves["teacher_temperature"] for report in reports]
            assert heat == [0.04] * 5 + [0.07] * 15
        knn = [event for event in events if isinstance(event, KnnMeasured)]
        assert {event.network for event in knn} == {"teacher"}
        health = [event for event in events if isinstance(event, HealthMeasured)]
        assert set(health[-1].curves) == {own}
        previews = [event for event in events if isinstance(event, PreviewWritten)]
        found = {path.name for path in (runs[loss] / previews[-1].path).iterdir()}
        usage = {"usage.png", "usage.npz"} if loss == "dino" else set()
        assert found == {"attention.png", "attention.npz"} | usage


def test_a_preview_shows_global_and_local_views_in_their_sizes(sample: tuple[Path, Path]) -> None:
    images = [str(path) for path in sorted(sample[0].rglob("000.png"))[:3]]
    wanted = {"method": {"name": "dino", "local": {"count": 3}}, "model": {"patch_size": 8}}
    found = show(images, wanted, seed=0, image_size=32)
    assert [view.clean.shape[1] for view in found.views] == [32, 32, 16, 16, 16]


def test_memory_counts_small_views_as_small(sample: tuple[Path, Path]) -> None:
    config = resolve(tiny_dino(sample[0]), DataFacts(180, 0, 32), DeviceFacts()).config
    assert _view_bytes(config) == 2 * 3 * 4 * (2 * 16**2 + 2 * 8**2)


def test_the_teacher_is_exported_measured_and_finetuned(
    runs: dict[str, Path], sample: tuple[Path, Path], tmp_path: Path
) -> None:
    run = runs["dino"]
    kept = weights(run)
    made = api.export(run, format="safetensors", out=tmp_path / "exported")
    exported = load_file(made.path / "model.safetensors")
    assert torch.equal(exported["cls_token"], kept["teacher.backbone.cls_token"])
    assert not torch.equal(exported["cls_token"], kept["student.backbone.cls_token"])
    asked = EvaluateRequest(train=[str(sample[0])], test=[str(sample[1])], knn_only=True)
    report = api.evaluate(run, asked)[0]
    assert report.network == "teacher"
    tensors = read_weights(find_start(run)).tensors
    assert torch.equal(tensors["cls_token"], kept["teacher.backbone.cls_token"])
    config = tiny_finetune(sample[0], model={"weights": str(run)}, optim={"epochs": 1})
    api.finetune(config, tmp_path / "tuned", emit=lambda _: None)
    assert (tmp_path / "tuned" / "checkpoints").is_dir()


def test_a_preview_counts_what_the_teacher_chooses_first(runs: dict[str, Path]) -> None:
    run = Run(runs["dino"])
    config = run.config()
    method, step = load_method(run)
    assert isinstance(method, Dino)
    assert isinstance(config.method, DinoOptions)
    counts = np.load(run.path / "previews" / f"step-{step:08d}" / "usage.npz")["counts"]
    assert len(counts) == config.method.prototypes
    split = run.split()
    images = sorted(split["train"]) + sorted(split.get("watch", []))
    assert counts.sum() == min(MOST_IMAGES, len(images))
    # One image by hand: its logits less the centre.
    views = load_views([places_of(run).path(split["train"][0])], 16)
    chosen = count_choices(method, views, torch.device("cpu"))
    assert chosen is not None
    network = method.networks.teacher
    with torch.no_grad():
        feature = network.backbone.eval().feature(Preprocess(16).normalise(views))
        assert network.head.prototypes is not None
        assert method.networks.centre is not None
        unit = functional.normalize(network.head.layers(feature), dim=-1)
        cosines = unit @ functional.normalize(network.head.prototypes.weight, dim=-1).T
        expected = (cosines - method.networks.centre).argmax().item()
    assert np.flatnonzero(chosen).tolist() == [expected]
    assert count_choices(load_method(Run(runs["simdino"]))[0], views, torch.device("cpu")) is None
