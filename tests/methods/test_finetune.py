"""Finetuning's losses, freezing, rates and changes of pixels, against plain computations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.errors import ConfigError
from sit_engine.methods.finetune.augment import erase_, mix_, rand_augment
from sit_engine.methods.finetune.method import Finetune
from sit_engine.methods.protocol import StepInfo
from sit_engine.training.optim import Optimiser
from tests.models.imports.reading import all_tokens
from tests.tiny import learn, tiny_finetune

FACTS = DataFacts(48, 3, 32, smallest_class=16, largest_class=16)
NOW = StepInfo(0, 3, 10)


def finetune(tokens: int = 1, **method: Any) -> Finetune:
    """The tiny method, changed by settings of its own."""
    config = tiny_finetune(Path("images"), method=method, model={"tokens": tokens})
    torch.manual_seed(0)
    return Finetune(resolve(config, FACTS, DeviceFacts()).config)


def batch(count: int = 8) -> Batch:
    """uint8 squares of three classes."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 18, 18, 3), dtype=torch.uint8, generator=generator)
    numbers = torch.arange(count)
    return Batch(pixels, torch.ones(count), numbers % 3, numbers)


def batches(labels: np.ndarray) -> Batches:
    """As many noise images as labels, half of them twice as wide as high."""
    count = len(labels)
    pixels = np.random.default_rng(0).integers(0, 256, (count, 18, 18, 3), dtype=np.uint8)
    aspect = np.where(np.arange(count) % 2, 2.0, 1.0).astype(np.float32)
    store = PixelStore(18, pixels, np.arange(count), aspect, None)
    return Batches(
        store, np.arange(count), batch_size=4, seed=0, device=torch.device("cpu"), labels=labels
    )


def test_the_loss_is_the_cross_entropy_with_smoothed_labels() -> None:
    method = finetune(label_smoothing=0.1, mixup=0, cutmix=0)
    views = method.make_views(batch(), NOW)
    found = method.loss(views).total.detach()
    method.networks.student.eval()
    logits = method.networks.student(views.inputs).detach()
    expected = functional.cross_entropy(logits, batch().labels_B, label_smoothing=0.1)
    # The tiny config has no drop path: train and eval mode are the same network.
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_the_published_classifier_reads_class_token_and_mean_patch() -> None:
    method = finetune(head="mlp")
    student = method.networks.student.eval()
    views = torch.randn(2, 3, 16, 16)
    tokens = all_tokens(student.backbone, views)
    joined = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=1)
    first, last = student.head[0], student.head[2]  # type: ignore[index]
    torch.testing.assert_close(student(views), last(functional.gelu(first(joined))))
    assert (first.in_features, first.out_features, last.out_features) == (64, 32, 3)


@pytest.mark.parametrize(
    ("trained", "learns"),
    [
        ("all", {"patch_embed", "cls_token", "pos_embed", "blocks.0", "blocks.1", "norm", "head"}),
        ("blocks", {"blocks.1", "norm", "head"}),
        ("head", {"head"}),
    ],
)
def test_only_what_is_not_frozen_changes(trained: str, learns: set[str]) -> None:
    method = finetune(trained=trained, trained_blocks=1)
    before = {name: p.clone() for name, p in method.networks.student.named_parameters()}
    method.prepare(batches(np.arange(8) % 3))
    optimiser = Optimiser(method.trained_parameters(), clip_norm=0)
    losses = method.loss(method.make_views(batch(), NOW))
    learn(optimiser, losses.total, learning_rate=1e-2, weight_decay=0.1)
    changed = {
        name.removeprefix("backbone.")
        for name, p in method.networks.student.named_parameters()
        if not torch.equal(p, before[name])
    }
    parts = {".".join(name.split(".")[: 2 if name.startswith("blocks") else 1]) for name in changed}
    assert parts == learns


def test_earlier_blocks_learn_slower() -> None:
    method = finetune(layer_decay=0.5)
    rates = {item.name: item.rate for item in method.trained_parameters()}
    assert rates["head.0.weight"] == rates["backbone.norm.weight"] == 1
    assert rates["backbone.blocks.1.mlp.fc1.weight"] == 0.5
    assert rates["backbone.blocks.0.mlp.fc1.weight"] == 0.25
    assert rates["backbone.pos_embed"] == rates["backbone.patch_embed.proj.weight"] == 0.125
    slow, fast = (finetune(layer_decay=decay) for decay in (1e-6, 1.0))
    for one in (slow, fast):
        optimiser = Optimiser(one.trained_parameters(), clip_norm=0)
        losses = one.loss(one.make_views(batch(), NOW))
        learn(optimiser, losses.total, learning_rate=1e-2, weight_decay=0.0)
    start = finetune().networks.student.backbone.state_dict()["pos_embed"]
    moved = [
        float((one.networks.student.backbone.state_dict()["pos_embed"] - start).abs().max())
        for one in (slow, fast)
    ]
    assert moved[0] < 1e-6 < moved[1]


def test_kept_features_are_those_of_the_centre_crop_in_evaluation_mode() -> None:
    labels = np.arange(6) % 3
    method = finetune(trained="head")
    found = batches(labels)
    method.prepare(found)
    views = method.make_views(found.at(0), NOW)
    assert views.inputs.shape == (4, 64)
    again = finetune(trained="head")
    again.prepare(found)
    assert again.kept_features is not None
    assert torch.equal(again.kept_features[found.at(0).positions_B], views.inputs)
    with pytest.raises(ConfigError, match="features are computed once"):
        finetune(trained="head", mixup=0.8)


def test_a_weighted_loss_counts_each_class_alike() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 2])
    method = finetune(balance="loss", label_smoothing=0)
    method.prepare(batches(labels))
    assert method.weight_C is not None
    np.testing.assert_allclose(method.weight_C.numpy() * np.bincount(labels), 8 / 3, rtol=1e-6)
    assert method.order_weights(labels) is None
    weights = finetune(balance="sampling").order_weights(labels)
    assert weights is not None
    np.testing.assert_allclose(np.bincount(labels, weights), 1)


def test_the_average_follows_the_student_and_skips_a_step_that_is_not_finite() -> None:
    method = finetune(momentum=0.75)
    student, teacher = (method.classifier(which).head for which in ("student", "teacher"))
    old = teacher[0].weight.clone()  # type: ignore[index]
    with torch.no_grad():
        student[0].weight.add_(1.0)  # type: ignore[index]
    late = StepInfo(0, 1000, 2000)
    method.after_step(late, torch.tensor(0.0))
    assert torch.equal(teacher[0].weight, old)  # type: ignore[index]
    method.after_step(late, torch.tensor(1.0))
    torch.testing.assert_close(teacher[0].weight, old + 0.25)  # type: ignore[index]


def test_changes_are_drawn_by_the_step_alone() -> None:
    method = finetune(mixup=0.8, cutmix=1.0, randaugment=9, random_erasing=0.5)
    torch.manual_seed(5)
    first = method.make_views(batch(), NOW)
    torch.manual_seed(6)
    again = method.make_views(batch(), NOW)
    other = method.make_views(batch(), StepInfo(0, 4, 10))
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.inputs, other.inputs)
    # Torch's own stream stands where it stood: drop path draws from it.
    torch.manual_seed(6)
    method.make_views(batch(), NOW)
    after = torch.rand(3)
    torch.manual_seed(6)
    assert torch.equal(after, torch.rand(3))


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0)])
def test_mixed_targets_say_what_the_pixels_say(mixup: float, cutmix: float) -> None:
    """Views of zeros and ones: the mean of a view is the share of the second class in it."""
    shares = []
    for step in range(20):
        views = torch.stack([torch.zeros(3, 12, 12), torch.ones(3, 12, 12)])
        targets = mix_(
            views, torch.eye(2), mixup=mixup, cutmix=cutmix, step_info=StepInfo(0, step, 10)
        )
        torch.testing.assert_close(views.mean((1, 2, 3)), targets[:, 1])
        torch.testing.assert_close(targets.sum(1), torch.ones(2))
        if cutmix:
            assert set(torch.unique(views).tolist()) <= {0.0, 1.0}
        shares.append(float(targets[0, 0]))
    assert min(shares) < 0.5
    assert max(shares) > 0.6


def test_both_mixings_are_tossed_for_as_in_deit() -> None:
    cut = 0
    for step in range(200):
        views = torch.stack([torch.zeros(1, 12, 12), torch.ones(1, 12, 12)])
        mix_(views, torch.eye(2), mixup=1.0, cutmix=1.0, step_info=StepInfo(0, step, 10))
        cut += set(torch.unique(views).tolist()) <= {0.0, 1.0}
    assert 70 < cut < 130


def test_erased_blocks_have_the_law_of_the_paper() -> None:
    views = torch.full((400, 3, 64, 64), 100.0)
    erase_(views, 0.25, NOW)
    area = (views[:, 0] != 100).flatten(1).float().mean(1)
    erased = area[area > 0]
    assert 0.18 < len(erased) / 400 < 0.32
    assert erased.min() > 0.01
    assert erased.max() < 0.36
    noise = views[views != 100]
    assert abs(float(noise.mean())) < 0.02
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    untouched = views.clone()
    erase_(views, 0.0, NOW)
    assert torch.equal(views, untouched)


def test_rand_augment_changes_images_and_keeps_their_kind() -> None:
    images = batch(16).images_BSSC
    changed = rand_augment(images, 9, NOW)
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert changed.is_contiguous()
    assert sum(not torch.equal(one, other) for one, other in zip(images, changed, strict=True)) > 8
    assert rand_augment(images, 0, NOW) is images


def test_small_and_large_sets_get_their_recipes_with_reasons() -> None:
    config = tiny_finetune(Path("images"))
    few = resolve(config, FACTS, DeviceFacts())
    many = resolve(config, DataFacts(50_000, 10, 32, 1000, 9000), DeviceFacts()).config.method
    assert (many.mixup, many.cutmix, many.randaugment) == (0.8, 1.0, 9)  # type: ignore[attr-defined]
    assert many.balance == "sampling"  # type: ignore[attr-defined]
    assert few.config.method.balance == "none"  # type: ignore[attr-defined]
    assert "48 images" in few.reasons["method.randaugment"]
    assert "auto" not in few.config.model_dump_json().replace('"data"', "")
    assert math.isfinite(few.config.optim.epochs)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_two_tokens_have_a_head_each_whose_losses_are_summed(head: str) -> None:
    method = finetune(tokens=2, head=head, label_smoothing=0.1, mixup=0, cutmix=0)
    views = method.make_views(batch(), NOW)
    losses = method.loss(views)
    student: Any = method.classifier("student")
    tokens = student.backbone.forward_features(views.inputs)[:, :2]
    total = 0.0
    for t, one in enumerate(student.head):
        log = torch.log_softmax(one(tokens[:, t]), -1)
        total += float(-(views.targets * log).sum(-1).mean().detach())
    assert float(losses.total.detach()) == pytest.approx(total, rel=1e-5)
    assert len(student.head) == 2
    parts = [type(part).__name__ for part in student.head[0].children()]
    assert parts == ([] if head == "linear" else ["Linear", "Tanh", "Linear"])


def test_without_a_token_the_mean_patch_is_read() -> None:
    method = finetune(tokens=0, head="linear")
    student: Any = method.classifier("student")
    images = torch.randn(2, 3, 16, 16)
    mean = student.backbone.forward_features(images).mean(1)
    torch.testing.assert_close(student(images), student.head(mean))
