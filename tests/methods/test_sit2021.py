"""The recipe of 2021: its losses against plain slow references, tokens, weights, sizes, switches."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch
from sit_engine.errors import ConfigError
from sit_engine.methods.contrast import nt_xent
from sit_engine.methods.finetune.method import Finetune
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.losses import LearnedWeights, l1
from sit_engine.methods.sit.method import Sit
from sit_engine.methods.sit.options2021 import Sit2021Options
from sit_engine.training.optim import Optimiser
from tests.models.imports.reading import all_tokens
from tests.tiny import tiny_config, vit_of

TASKS = ("contrast", "rotation", "reconstruction")


def settled(**more: Any) -> ResolvedConfig:
    """The tiny config with this recipe, resolved."""
    method = {"name": "sit2021", "reconstruction_weight": 1.0} | more.pop("method", {})
    config = tiny_config(Path("photos"), method=method, **more)
    return resolve(config, DataFacts(180, 0, 32), DeviceFacts()).config


def make(**more: Any) -> Sit:
    """A tiny one from a fixed seed."""
    config = settled(**more)
    torch.manual_seed(0)
    return Sit(config)


def images(count: int = 8) -> Batch:
    """uint8 squares without labels."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 18, 18, 3), dtype=torch.uint8, generator=generator)
    numbers = torch.arange(count)
    return Batch(pixels, torch.ones(count), torch.full_like(numbers, -1), numbers)


def slow_nt_xent(z: Tensor, temperature: float) -> float:
    """Row by row, as arXiv 2104.03602 v1 writes it."""
    count, total = len(z), 0.0
    for i in range(count):
        sims = [
            float(torch.cosine_similarity(z[i], z[k], dim=0)) / temperature for k in range(count)
        ]
        others = sum(math.exp(sims[k]) for k in range(count) if k != i)
        total -= math.log(math.exp(sims[(i + count // 2) % count]) / others)
    return total / count


def test_nt_xent_is_that_of_its_formula() -> None:
    z = torch.randn(12, 7, generator=torch.Generator().manual_seed(0))
    loss, agreement = nt_xent(z, 0.5)
    assert float(loss) == pytest.approx(slow_nt_xent(z, 0.5), rel=1e-5)
    pairs = [torch.cosine_similarity(z[i], z[(i + 6) % 12], dim=0) for i in range(12)]
    assert float(agreement) == pytest.approx(float(torch.stack(pairs).mean()), abs=1e-6)


def test_learned_weights_have_their_exact_form_and_optimum() -> None:
    weights = LearnedWeights(TASKS)
    assert [tuple(p.shape) for p in weights.parameters()] == [(1,)] * 3
    for task in TASKS:
        a = 0.5 if task == "reconstruction" else 1.0
        weighed, weight = weights.weigh(task, torch.tensor(0.8))
        assert float(weighed.detach()) == pytest.approx(math.exp(-a) * 0.8 + 0.5)
        assert float(weight) == pytest.approx(math.exp(-a))
        with torch.no_grad():  # 1/(2L) for a = 1 and 1/L for a = ½
            weights.scalars[task].fill_(math.log(2 * a * 0.8) / a)
        weighed, weight = weights.weigh(task, torch.tensor(0.8))
        weighed.backward()  # type: ignore[no-untyped-call]
        assert float(weight) == pytest.approx(1 / (2 * a * 0.8))
        assert float(weights.scalars[task].grad) == pytest.approx(0, abs=1e-6)


def test_the_loss_is_the_weighed_sum_of_three_tasks_on_two_tokens_and_all_pixels() -> None:
    method = make()
    views = method.make_views(images(), StepInfo(0, 0, 10))
    torch.manual_seed(5)  # drop path
    losses = method.loss(views)
    torch.manual_seed(5)
    networks = method.networks
    assert networks.student.contrast_head
    assert networks.rotation_head
    assert networks.reconstruction_head
    networks.requires_grad_(False)
    tokens = all_tokens(networks.student.backbone, views.corrupted)
    assert tokens.shape == (16, 2 + 16, 32)
    logits = networks.rotation_head(tokens[:, 0])
    rotation = -functional.log_softmax(logits, -1)[torch.arange(16), views.rotations].mean()
    contrast = slow_nt_xent(networks.student.contrast_head(tokens[:, 1]), 0.5)
    output = networks.reconstruction_head(tokens[:, 2:], (4, 4))
    reconstruction = float((output - views.clean).abs().mean())
    expected = {
        "rotation": float(rotation), "contrast": contrast, "reconstruction": reconstruction,
    }  # fmt: skip
    assert {name: float(term) for name, term in losses.terms.items()} == pytest.approx(expected)
    total = sum(
        math.exp(-(0.5 if task == "reconstruction" else 1.0)) * expected[task] + 0.5
        for task in TASKS
    )
    assert float(losses.total.detach()) == pytest.approx(total, rel=1e-5)
    assert {f"weight_{task}" for task in TASKS} < set(losses.curves)
    assert float(l1(output, views.clean)) == pytest.approx(reconstruction)


def test_the_target_is_the_turned_clean_view_and_both_views_turn_by_their_own() -> None:
    plain, turned = make(method={"rotation_weight": 0.0}), make()
    clean = plain.make_views(images(), StepInfo(0, 0, 10)).clean
    views = turned.make_views(images(), StepInfo(0, 0, 10))
    for found, one, turns in zip(views.clean, clean, views.rotations.tolist(), strict=True):
        assert torch.equal(found, torch.rot90(one, -turns, (1, 2)))
    first, second = views.rotations.chunk(2)
    assert not torch.equal(first, second)
    assert not torch.equal(views.clean, views.corrupted)


def test_there_is_no_teacher_and_every_part_learns() -> None:
    method = make()
    assert method.networks.teacher is None
    assert method.backbone("teacher") is method.backbone("student")
    assert method.after_step(StepInfo(0, 0, 10), torch.ones(())) == {}
    method.loss(method.make_views(images(), StepInfo(0, 0, 10))).total.backward()  # type: ignore[no-untyped-call]
    assert all(item.parameter.grad is not None for item in method.trained_parameters())


@pytest.mark.parametrize("task", TASKS)
def test_each_task_alone_has_its_token_and_its_parts_only(task: str) -> None:
    weights = {f"{other}_weight": float(other == task) for other in TASKS}
    method = make(method=weights)
    tokens = method.backbone("student").pooled(torch.randn(2, 3, 16, 16))
    assert tokens.shape == (2, 1, 32)
    prefix = 0 if task == "reconstruction" else 1
    assert method.backbone("student").tokens_before == prefix
    losses = method.loss(method.make_views(images(), StepInfo(0, 0, 10)))
    assert list(losses.terms) == [task]
    parts = {
        "contrast": method.networks.student.contrast_head,
        "rotation": method.networks.rotation_head,
        "reconstruction": method.networks.reconstruction_head,
    }
    assert [name for name, part in parts.items() if part is not None] == [task]
    assert list(method.networks.learned_weights.scalars) == [task]
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert all(item.parameter.grad is not None for item in method.trained_parameters())


def test_tasks_of_both_recipes_combine() -> None:
    """All three with a teacher, masked pixels, GMML, and one learned weight."""
    method = make(
        method={
            "contrast_loss": "info_nce", "reconstruct": "corrupted", "head_kind": "mlp",
            "corruption": {"kind": "gmml"}, "learned_weights": ["rotation"],
            "contrast_weight": 2.0, "reconstruction_weight": 3.0,
        }
    )  # fmt: skip
    assert method.networks.teacher is not None
    losses = method.loss(method.make_views(images(), StepInfo(0, 0, 10)))
    terms = {name: float(term) for name, term in losses.terms.items()}
    total = 2 * terms["contrast"] + 3 * terms["reconstruction"]
    total += math.exp(-1) * terms["rotation"] + 0.5
    assert float(losses.total.detach()) == pytest.approx(total, rel=1e-5)
    assert method.after_step(StepInfo(0, 0, 10), torch.ones(()))["teacher_momentum"] >= 0.9


def test_tokens_positions_biases_norms_and_scalars_do_not_decay() -> None:
    method = make()
    found = {
        item.name: item.decays and item.parameter.ndim > 1 for item in method.trained_parameters()
    }
    kept = {name for name, decays in found.items() if not decays}
    expected = {
        name
        for name in found
        if name.endswith(("bias", "cls_token", "reg_token", "pos_embed"))
        or ".norm" in name
        or name.startswith("learned_weights")
    }
    assert kept == expected
    groups = Optimiser(method.trained_parameters(), clip_norm=0).adamw.param_groups
    still = {id(p) for group in (groups[1],) for p in group["params"]}
    assert still == {
        id(item.parameter) for item in method.trained_parameters() if item.name in kept
    }


def count(*modules: Any) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_parameter_totals_are_the_published_ones() -> None:
    config = build({"preset": "paper-2021", "data": {"folders": ["photos"]}})
    config = resolve(config, DataFacts(100_000, 10, 300), DeviceFacts(kind="cuda")).config
    with torch.device("meta"):
        method = Sit(config)
        finetuned = Finetune(
            resolve(
                build({
                    "model": {"backbone": "vit_base", "image_size": 224, "patch_size": 16, "tokens": 2},
                    "method": {"name": "finetune", "head": "linear"},
                }),
                DataFacts(1000, 10, 300, 100, 100), DeviceFacts(kind="cuda"),
            ).config
        )  # fmt: skip
    assert count(method.backbone("student")) == 85_800_192
    # With the three scalars of the learned weights
    assert count(method.networks) == 86_786_826
    assert count(finetuned.networks.student) == 85_815_572


def test_two_tokens_start_apart_and_as_large_as_the_recipe_says() -> None:
    vit: Any = make(model={"width": 512, "heads": 8}).backbone("student")
    for token in (vit.cls_token, vit.reg_token):
        assert float(token.detach().std()) == pytest.approx(0.02, rel=0.2)
    assert not torch.equal(vit.cls_token, vit.reg_token)
    assert vit.pos_embed.shape == (1, 2 + 16, 512)


def test_the_presets_are_the_recipe_and_one_sized_for_the_images() -> None:
    facts = DataFacts(5000, 10, 32)
    paper, small = (
        resolve(
            build({"preset": name, "data": {"folders": ["photos"]}}), facts, DeviceFacts()
        ).config
        for name in ("paper-2021", "small-2021")
    )
    for config in (paper, small):
        assert isinstance(config.method, Sit2021Options)
        assert (config.optim.weight_decay, config.optim.weight_decay_end) == (0.05, 0.05)
    assert paper.optim.clip_norm == 0
    # 1e-3 · 288/512, in units of 256 images
    assert paper.optim.learning_rate * 288 / 256 == pytest.approx(5.63e-4, rel=1e-3)
    assert vit_of(small).width < vit_of(paper).width == 768
    shifted = resolve(
        build({"preset": "paper-2021", "model": {"image_size": 32, "patch_size": 4}}),
        facts, DeviceFacts(),
    ).config  # fmt: skip
    assert [config.method.views.crop_scale_min for config in (paper, small)] == [0.08, 0.2]  # type: ignore[attr-defined]
    assert [config.method.views.shift for config in (paper, small, shifted)] == [0, 0, 4]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"method": {"features": "teacher"}}, "config.no_teacher"),
        (
            {"method": {"corruption": {"kind": "none"}, "reconstruct": "corrupted"}},
            "config.nothing_corrupted",
        ),
        (
            {
                "method": {
                    "reconstruct": "corrupted",
                    "corruption": {
                        "local": dict.fromkeys(
                            ("grey_block", "blur_block", "noise_share", "alien_share"), 0
                        )
                    },
                }
            },
            "config.nothing_corrupted",
        ),
        ({"model": {"tokens": 1}}, "config.tokens"),
        ({"method": dict.fromkeys([f"{task}_weight" for task in TASKS], 0)}, "config.no_loss"),
    ],
)
def test_what_cannot_work_is_a_sentence(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settled(**settings)
    assert caught.value.code == code


def test_without_learned_weights_every_weight_is_one_however_long_the_run() -> None:
    method = {"name": "sit2021", "learned_weights": "none"}
    config = build({"method": method, "optim": {"epochs": 2000}, "data": {"folders": ["photos"]}})
    options = resolve(config, DataFacts(5000, 10, 32), DeviceFacts()).config.method
    assert isinstance(options, Sit2021Options)
    assert [options.weight_of(task) for task in TASKS] == [1, 1, 1]


@pytest.mark.parametrize(("tokens", "head"), [(0, "linear"), (1, "mlp"), (2, "linear")])
def test_auto_finetunes_by_the_published_classifier_of_the_network(tokens: int, head: str) -> None:
    config = build({"method": {"name": "finetune"}, "model": {"tokens": tokens}})
    found = resolve(config, DataFacts(1000, 10, 32, 100, 100), DeviceFacts())
    assert found.config.method.head == head  # type: ignore[attr-defined]
    assert "published classifier" in found.reasons["method.head"]
