"""Continuing: the loss between chance and floor, who shares a number, what stays as it was, a run."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch.nn import functional

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.methods import entrants, pretraining_methods
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import RunConfig
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.errors import ConfigError, OutOfMemoryError
from sit_engine.jobs.networks import load_method
from sit_engine.methods.continuing import copies
from sit_engine.methods.continuing.copies import of_copies
from sit_engine.methods.continuing.losses import least_loss, number_loss, told_apart
from sit_engine.methods.continuing.method import Continuing
from sit_engine.methods.continuing.numbering import numbered
from sit_engine.methods.continuing.options import ContinuingOptions
from sit_engine.methods.protocol import StepInfo
from sit_engine.models.families import build_backbone
from sit_engine.records.event_log import read_events
from sit_engine.records.events import Event, KnnMeasured, PhaseChanged, RunFinished, StepReported
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from tests.tiny import tiny_config
from tests.training.test_resume import assert_identical, stop_at, weights

NAME = "continue"
WEIGHTS = {"weights": "start.safetensors"}


# The loss


@pytest.mark.parametrize(
    ("numbers", "smoothing", "least"),
    [(100, 0.3, 1.973), (1000, 0.3, 2.681), (5000, 0.3, 3.165), (20_000, 0.3, 3.582),
     (1000, 0.8, 6.021), (1000, 0.0, 0.0)],
)  # fmt: skip
def test_the_floor_is_the_entropy_of_the_smoothed_target(
    numbers: int, smoothing: float, least: float
) -> None:
    assert least_loss(numbers, smoothing) == pytest.approx(least, abs=1e-3)


def test_the_loss_is_a_cross_entropy_on_unit_features_number_by_number() -> None:
    torch.manual_seed(0)
    features, weight = torch.randn(3, 8) * 7, torch.randn(5, 8)
    targets = [4, 0, 2]
    total = 0.0
    for row, target in zip(features.tolist(), targets, strict=True):
        length = math.hypot(*row)
        logits = [
            sum(a * b for a, b in zip(row, out, strict=True)) / length for out in weight.tolist()
        ]
        log_sum = math.log(sum(math.exp(value) for value in logits))
        for place, value in enumerate(logits):
            share = 0.3 / 5 + (0.7 if place == target else 0.0)
            total += share * (log_sum - value)
    found = number_loss(features, weight, torch.tensor(targets), 0.3)
    assert found.item() == pytest.approx(total / 3, rel=1e-5)


def test_a_new_head_says_nothing_so_that_the_loss_is_that_of_chance() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(384, 1000, bias=False)
    loss = number_loss(torch.randn(256, 384), head.weight, torch.arange(256), 0.3)
    assert loss.item() == pytest.approx(math.log(1000), abs=0.01)


def test_told_apart_goes_from_chance_to_the_floor() -> None:
    chance, least = math.log(1000), least_loss(1000, 0.3)
    assert told_apart(torch.tensor(chance), 1000, 0.3).item() == pytest.approx(0, abs=1e-6)
    assert told_apart(torch.tensor(least), 1000, 0.3).item() == pytest.approx(1, abs=1e-6)


def test_eight_images_are_overfitted_to_the_floor() -> None:
    torch.manual_seed(0)
    features = torch.randn(8, 32, requires_grad=True)
    head = torch.nn.Linear(32, 8, bias=False)
    optimiser = torch.optim.Adam([features, *head.parameters()], lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        loss = number_loss(features, head.weight, torch.arange(8), 0.3)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() == pytest.approx(least_loss(8, 0.3), rel=0.02)


# Numbers


def some_features(count: int) -> np.ndarray:
    """Far apart."""
    return np.random.default_rng(0).standard_normal((count, 64)).astype(np.float32)


def test_every_image_has_its_own_number_and_near_duplicates_share_one() -> None:
    features = some_features(6)
    assert numbered(features, duplicates_above=0.98, most=6).tolist() == list(range(6))
    features[3] = features[1] + 0.01
    features[5] = features[3] + 0.01
    found = numbered(features, duplicates_above=0.98, most=6)
    assert found[1] == found[3] == found[5]
    assert len(set(found)) == 4
    assert sorted(set(found)) == list(range(4))
    assert len(set(numbered(features, duplicates_above=1, most=6))) == 6


def test_where_numbers_end_an_image_takes_that_of_the_one_most_like_it() -> None:
    features = some_features(8)
    features[6] = features[2] + 0.5 * features[6]
    features[7] = features[0] + 0.5 * features[7]
    found = numbered(features, duplicates_above=0.98, most=6)
    assert found[:6].tolist() == list(range(6))
    assert found[6:].tolist() == [2, 0]


# Settings


def test_it_needs_a_start_and_says_so() -> None:
    facts = DataFacts(200, 4, 32)
    with pytest.raises(ConfigError, match="continue goes on from weights, and none are named"):
        resolve(build({"method": {"name": NAME}}), facts, DeviceFacts())
    assert NAME in pretraining_methods()
    assert NAME not in entrants()


def test_auto_is_the_published_recipe() -> None:
    config = build({"method": {"name": NAME}, "model": WEIGHTS})
    found = resolve(config, DataFacts(1000, 0, 300), DeviceFacts()).config
    method, optim = found.method, found.optim
    assert isinstance(method, ContinuingOptions)
    assert (method.images, method.head_rows, method.label_smoothing) == (1000, 1000, 0.3)
    assert (method.trained_blocks, method.frozen_share) == (2, 0.1)
    assert (optim.optimiser, optim.batch_size, optim.epochs) == ("adamw", 32, 150)
    assert optim.learning_rate * optim.batch_size / 256 == pytest.approx(1e-4)
    views = method.views
    assert (views.crop_scale_min, views.jitter, views.blur_first, views.solarise) == (
        0.08,
        0.3,
        0.2,
        0,
    )
    assert (views.brightness, views.contrast, views.saturation, views.hue) == (0.4, 0.4, 0.4, 0.2)


# A run


@pytest.fixture(scope="module")
def base(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run to start from and a few photographs, one of them twice."""
    folder = tmp_path_factory.mktemp(NAME)
    shutil.copytree(sample[0], folder / "photos")
    one = sorted((folder / "photos" / "cat").iterdir())[0]
    shutil.copy(one, one.with_name("copy" + one.suffix))
    api.pretrain(
        tiny_config(folder / "photos", watch={"readings": 0}), folder / "start", emit=lambda _: None
    )
    return folder


def going_on(base: Path, **more: Any) -> RunConfig:
    """From the start there, with batches of 16."""
    given: dict[str, Any] = {
        "method": {"name": NAME, "trained_blocks": 1, "frozen_share": 0.5},
        "model": {"weights": str(base / "start")},
        "optim": {"batch_size": 16, "epochs": 2, "learning_rate": 0.01},
        "data": {"watch_share": 0.0},
    }
    return tiny_config(base / "photos", **{name: given.get(name, {}) | more.get(name, {})
                                           for name in {*given, *more}})  # fmt: skip


@pytest.fixture(scope="module")
def run(base: Path) -> Path:
    """A complete one."""
    api.pretrain(going_on(base), base / "run", emit=lambda _: None)
    return base / "run"


def reports(run: Path) -> list[StepReported]:
    return [event for event, _ in read_events(Run(run)) if isinstance(event, StepReported)]


def test_it_begins_at_chance_and_learns(run: Path) -> None:
    found = reports(run)
    images = len(Run(run).split()["train"])
    # Of 32 numbers of an image the head's first weights make more than of 384 (below).
    assert found[0].loss == pytest.approx(math.log(images), abs=0.06)
    assert found[0].curves["told_apart"] == pytest.approx(0, abs=0.03)
    assert found[-1].loss < found[0].loss - 0.01
    assert found[-1].curves["told_apart"] > 0


def test_what_is_frozen_has_the_same_bits_and_at_first_all_of_the_network_has(base: Path) -> None:
    out = base / "stopped"
    api.pretrain(going_on(base), out, emit=lambda _: None, make_control=stop_at(reports_half(base)))
    start = weights(base / "start")
    half, last = weights(out), weights(base / "run") if (base / "run").exists() else None
    prefix = "student.backbone."
    names = [name for name in half if name.startswith(prefix)]
    assert all(torch.equal(half[name], start[name]) for name in names)
    api.resume(out, emit=lambda _: None)
    last = weights(out)
    moved = {
        name.removeprefix(prefix) for name in names if not torch.equal(last[name], start[name])
    }
    assert moved
    assert all(name.startswith("blocks.1.") for name in moved)
    whole = base / "whole"
    api.pretrain(going_on(base), whole, emit=lambda _: None)
    assert_identical(whole, out)


def reports_half(base: Path) -> int:
    """Half of the steps of such a run."""
    images = sum(1 for path in (base / "photos").rglob("*") if path.is_file())
    return images // 16


def test_copies_share_a_row_and_the_numbers_stay(base: Path, run: Path) -> None:
    first = checkpoint.load_model(checkpoint.folder(Run(run), 0))["numbers"]
    last = weights(run)["numbers"]
    assert torch.equal(first, last)
    names = Run(run).split()["train"]
    own = sorted(name for name in names if "cat" in name and "/copy" not in name)[0]
    copy = next(name for name in names if "/copy" in name)
    assert last[names.index(own)] == last[names.index(copy)]
    assert len(set(last.tolist())) < len(names)
    assert min(last.tolist()) == 0


def test_the_start_stands_in_the_curve_as_the_first_reading(base: Path) -> None:
    config = going_on(base, data={"watch_share": 0.25}, watch={"readings": 1, "previews": 1})
    api.pretrain(config, base / "watched", emit=lambda _: None)
    readings = [e for e, _ in read_events(Run(base / "watched")) if isinstance(e, KnnMeasured)]
    assert readings[0].step == 0
    assert readings[-1].untrained == readings[0].accuracy
    assert readings[-1].had_start
    assert readings[-1].before == "the start"


def test_the_gradient_does_not_vanish_where_all_features_are_one() -> None:
    torch.manual_seed(0)
    features = functional.normalize(torch.ones(16, 64), dim=-1).requires_grad_()
    head = torch.nn.Linear(64, 1000, bias=False)
    number_loss(features, head.weight, torch.arange(16), 0.3).backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert features.grad.norm(dim=-1).mean().item() * 16 > 0.1


def test_its_speed_is_measured_on_more_images_than_train(base: Path) -> None:
    """Before a run it is not known which images are held out."""
    config = going_on(base, data={"watch_share": 0.5})
    found = api.dry_run(config, on_progress=lambda *_: None)
    assert found.images_per_s > 0


def test_numbers_that_are_given_stay_with_fewer_images_and_in_a_replay(
    base: Path, run: Path
) -> None:
    method, _ = load_method(Run(run))
    assert isinstance(method, Continuing)
    numbers = method.networks.numbers
    before = numbers.clone()
    method.for_positions(torch.tensor([7, 3, 5]))
    batches = SimpleNamespace(rows=np.arange(3))
    # With numbers for all three nothing is read again.
    method.prepare(cast("Batches", batches))
    assert numbers[:3].tolist() == before[[7, 3, 5]].tolist()
    assert set(numbers[3:].tolist()) == {-1}


def test_much_alike_features_are_not_taken_for_duplicates() -> None:
    features = some_features(6) + 100
    assert len(set(numbered(features, duplicates_above=0.98, most=6))) == 6


# Kept copies


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_going_on_inside_gives_what_the_whole_pass_gives(tokens: int) -> None:
    torch.manual_seed(0)
    options: VitOptions[Any] = VitOptions(
        image_size=32, patch_size=8, width=24, depth=4, heads=2, tokens=tokens, registers=1,
        variant="plain", positions="learned", first_weights="normal", stem="patch",
    )  # fmt: skip
    network = build_backbone(options, drop_path=0.0, fused_attention=False)
    image = torch.randn(3, 3, 32, 48)
    with torch.no_grad():
        for last in (1, 2, 4):
            entered = network.entering(image, but_last=last)
            torch.testing.assert_close(
                network.pooled_after(entered, but_last=last), network.pooled(image)
            )


def test_kept_copies_train_the_same_blocks_and_resume_with_the_same_bits(base: Path) -> None:
    with_copies = going_on(base, method={"copies": 3})
    out, whole = base / "copies", base / "copies-whole"
    api.pretrain(with_copies, out, emit=lambda _: None, make_control=stop_at(reports_half(base)))
    api.resume(out, emit=lambda _: None)
    api.pretrain(with_copies, whole, emit=lambda _: None)
    assert_identical(whole, out)
    start, last = weights(base / "start"), weights(whole)
    prefix = "student.backbone."
    moved = {
        name.removeprefix(prefix)
        for name in last
        if name.startswith(prefix) and not torch.equal(last[name], start[name])
    }
    assert moved
    assert all(name.startswith("blocks.1.") for name in moved)
    found = reports(whole)
    assert found[-1].loss < found[0].loss
    # One that is stopped before its copies are kept begins with them when it goes on.
    early: list[Event] = []
    api.pretrain(with_copies, base / "early", emit=early.append, make_control=stop_at(2))
    phases = [event.phase for event in early if isinstance(event, PhaseChanged)]
    assert phases[-3:] == ["reading images", "reading images", "keeping copies"]
    assert early[-1] == RunFinished("stopped", 0, 0)
    api.resume(base / "early", emit=lambda _: None)
    assert_identical(whole, base / "early")


def test_each_step_takes_one_of_the_copies_of_each_image() -> None:
    kept = torch.arange(5 * 4, dtype=torch.float16).reshape(5, 4, 1, 1)
    batch = cast(Batch, SimpleNamespace(positions_B=torch.tensor([4, 0, 2]), own=slice(1, 3)))
    seen = set()
    for step in range(30):
        info = StepInfo(0, step, 30)
        found = of_copies(kept, batch, info).flatten().int().tolist()
        assert [value // 4 for value in found] == [0, 2]
        assert torch.equal(of_copies(kept, batch, info).flatten().int(), torch.tensor(found))
        seen.add(found[0] % 4)
    assert seen == {0, 1, 2, 3}


def test_copies_without_room_or_a_place_to_stop_are_sentences(
    base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = build({"method": {"name": NAME, "copies": 2}, "model": {"family": "cswin"} | WEIGHTS})
    start = StartFacts("w", 0, 0, None, 0, 32, family="cswin", network={"image_size": 32})
    with pytest.raises(ConfigError, match="network of this kind"):
        resolve(config, DataFacts(100, 0, 64), DeviceFacts(), start)
    monkeypatch.setattr(copies, "MOST_OF_MEMORY", 0.0)
    with pytest.raises(OutOfMemoryError, match=r"copies would take 0\.0 GB"):
        api.pretrain(going_on(base, method={"copies": 2}), tmp_path / "run", emit=lambda _: None)
