"""DINO and SimDINO against plain slow references; heads, schedules, and who sees what."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.methods.dino.head import DinoHead
from sit_engine.methods.dino.losses import (
    coding_rate,
    dino_loss,
    doubt,
    mean_over_pairs,
    rate_weight,
    taught,
)
from sit_engine.methods.dino.method import Dino, DinoViews
from sit_engine.methods.dino.options import DinoOptions
from sit_engine.methods.protocol import StepInfo
from tests.methods.test_sit import images
from tests.tiny import tiny_dino

NOW = StepInfo(0, 7, 100, 5)


def made(**more: Any) -> Dino:
    """A tiny DINO from a fixed seed, whose teacher is not its student any more."""
    config = tiny_dino(Path("photos"), **more)
    torch.manual_seed(0)
    method = Dino(resolve(config, DataFacts(180, 0, 32), DeviceFacts()).config)
    with torch.no_grad():
        for parameter in method.networks.teacher.parameters():
            parameter.mul_(1.1).add_(0.01)
    return method


def simdino() -> Dino:
    return made(method={"loss": "simdino"})


def draws(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


# Losses


def test_the_loss_is_the_mean_over_18_pairs_of_2_and_8_views() -> None:
    student, teacher, centre = draws(10, 3, 7), draws(2, 3, 7) * 2, draws(7)
    found = []
    for t in range(2):
        for v in range(10):
            if v == t:
                continue
            for image in range(3):
                sharp = [
                    math.exp((float(teacher[t, image, k]) - float(centre[k])) / 0.04)
                    for k in range(7)
                ]
                soft = [math.exp(float(student[v, image, k]) / 0.1) for k in range(7)]
                found.append(
                    -sum(
                        p / sum(sharp) * math.log(q / sum(soft))
                        for p, q in zip(sharp, soft, strict=True)
                    )
                )
    assert len(found) == 18 * 3
    loss = dino_loss(student, taught(teacher, centre, 0.04), 0.1)
    assert float(loss) == pytest.approx(sum(found) / len(found), rel=1e-5)


@pytest.mark.parametrize(("views", "pairs"), [(2, 2), (10, 18), (12, 22)])
def test_so_many_pairs_are_counted(views: int, pairs: int) -> None:
    """Of vectors of ones each pair gives their length, and the same view none."""
    ones = torch.ones(2, 4, 5)
    seen = torch.zeros(views, 4, 5)
    for view in range(views):
        alone = seen.clone()
        alone[view] = 1
        terms = 1 if view < 2 else 2
        assert float(mean_over_pairs(ones, alone)) == pytest.approx(5 * terms / pairs)


def test_doubt_is_the_entropy_as_a_share_of_its_largest() -> None:
    assert float(doubt(torch.full((2, 3, 8), 1 / 8))) == pytest.approx(1)
    sure = torch.zeros(2, 3, 8)
    sure[..., 0] = 1
    assert float(doubt(sure)) == 0
    half = torch.zeros(2, 3, 8)
    half[..., :2] = 0.5
    assert float(doubt(half)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_the_coding_rate_is_half_a_logdet(shape: tuple[int, int]) -> None:
    unit = functional.normalize(draws(*shape).double(), dim=-1)
    count, size = shape
    slow = torch.logdet(torch.eye(size).double() + size / (count * 0.05) * unit.T @ unit) / 2
    assert float(coding_rate(unit, 0.05)) == pytest.approx(float(slow), rel=1e-12)


@pytest.mark.parametrize(("count", "random", "most"), [(64, 136.2, 140.6), (256, 309.7, 389.7)])
def test_the_coding_rate_of_random_vectors_of_equal_ones_and_its_bound(
    count: int, random: float, most: float
) -> None:
    unit = functional.normalize(draws(count, 256).double(), dim=-1)
    assert float(coding_rate(unit, 0.05)) == pytest.approx(random, rel=5e-3)
    equal = unit[:1].expand(count, -1)
    assert float(coding_rate(equal, 0.05)) == pytest.approx(math.log(1 + 256 / 0.05) / 2, rel=1e-4)
    spread = torch.eye(256)[:count]
    assert float(coding_rate(spread, 0.05)) == pytest.approx(most, rel=1e-3)


def test_vectors_that_are_not_finite_have_no_rate_and_break_nothing_off() -> None:
    unit = functional.normalize(draws(8, 4), dim=-1)
    unit[2, 1] = math.nan
    assert math.isnan(float(coding_rate(unit, 0.05)))


# The head


def test_the_head_gives_cosines_of_a_unit_vector_with_prototypes() -> None:
    torch.manual_seed(0)
    head = DinoHead(12, 16, 8, 20)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.mul_(50)
    features = draws(30, 12) * 10
    out = head(features)
    assert out.shape == (30, 20)
    assert float(out.detach().abs().max()) <= 1 + 1e-6
    assert head.prototypes is not None
    unit = functional.normalize(head.layers(features), dim=-1)
    weight = head.prototypes.weight
    slow = torch.stack([torch.cosine_similarity(unit, weight[k : k + 1]) for k in range(20)], 1)
    assert torch.allclose(out, slow, atol=1e-5)
    # A gain fixed at 1: the length of a prototype changes nothing.
    with torch.no_grad():
        weight.mul_(7)
    assert torch.allclose(head(features), out, atol=1e-6)


def test_weights_start_with_a_deviation_of_0_02_and_biases_at_0() -> None:
    torch.manual_seed(0)
    head = DinoHead(64, 128, 32, 256)
    for name, parameter in head.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        else:
            assert float(parameter.detach().std()) == pytest.approx(0.02, rel=0.1)


def test_the_published_head_of_vit_small_has_its_parameters() -> None:
    """22.35 million with the 65,536 gains that are fixed at 1 here (DINO, arXiv 2104.14294)."""
    with torch.device("meta"):
        head, vectors = DinoHead(384, 2048, 256, 65_536), DinoHead(384, 2048, 256, 0)
    hidden = 384 * 2048 + 2048 + 2048 * 2048 + 2048 + 2048 * 256 + 256
    assert sum(p.numel() for p in vectors.parameters()) == hidden
    count = sum(p.numel() for p in head.parameters())
    assert count == hidden + 256 * 65_536
    assert (count + 65_536) / 1e6 == pytest.approx(22.35, abs=0.01)


# Who sees what


def test_local_crops_never_reach_the_teacher_and_each_size_passes_once() -> None:
    method = made()
    seen: dict[str, list[tuple[int, ...]]] = {"student": [], "teacher": []}
    for which, shapes in seen.items():
        method.backbone(which).patch_embed.register_forward_hook(  # type: ignore[union-attr]
            lambda _, inputs, __, shapes=shapes: shapes.append(tuple(inputs[0].shape))
        )
    method.loss(method.make_views(images(), NOW))
    assert seen == {"student": [(16, 3, 16, 16), (16, 3, 8, 8)], "teacher": [(16, 3, 16, 16)]}


@pytest.mark.parametrize("make", [made, simdino])
def test_the_student_learns_in_every_weight_and_the_teacher_in_none(make: Any) -> None:
    method = make()
    method.loss(method.make_views(images(), NOW)).total.backward()
    networks = method.networks
    for name, parameter in networks.student.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
    assert all(p.grad is None and not p.requires_grad for p in networks.teacher.parameters())
    trained = [item.name for item in method.trained_parameters()]
    assert all(name.startswith("student.") for name in trained)
    assert len(trained) == len(list(networks.student.parameters()))


def outputs(method: Dino, views: DinoViews) -> tuple[list[Tensor], list[Tensor]]:
    """What both heads give of each view, one after the other."""
    networks = method.networks.eval()
    found = [networks.student.head(networks.student.backbone.feature(v)) for v in views.each]
    known = [networks.teacher.head(networks.teacher.backbone.feature(v)) for v in views.each[:2]]
    networks.train()
    return [one.detach() for one in found], [one.detach() for one in known]


def still(**method: Any) -> Dino:
    return made(method=method, model={"drop_path": 0.0})


def test_a_step_takes_the_centre_as_it_was_and_moves_it_afterwards() -> None:
    method = still()
    views = method.make_views(images(), NOW)
    student, teacher = outputs(method, views)
    before = draws(48) * 0.01
    assert method.networks.centre is not None
    method.networks.centre.copy_(before)
    loss = method.loss(views).total
    slow = []
    for t in range(2):
        target = torch.softmax((teacher[t] - before) / views.temperature, -1)
        slow += [
            -(target * torch.log_softmax(student[v] / 0.1, -1)).sum(-1).mean()
            for v in range(4)
            if v != t
        ]
    assert float(loss.detach()) == pytest.approx(float(torch.stack(slow).mean()), rel=1e-5)
    method.after_step(NOW, torch.ones(()))
    after = 0.9 * before + 0.1 * torch.cat(teacher).mean(0)
    assert torch.allclose(method.networks.centre, after, atol=1e-7)


def test_a_step_that_is_not_finite_moves_neither_centre_nor_teacher() -> None:
    method = made()
    views = method.make_views(images(), NOW)
    views.each[0][:] = math.nan
    assert not torch.isfinite(method.loss(views).total)
    before = {name: value.clone() for name, value in method.networks.state_dict().items()}
    method.after_step(NOW, torch.zeros(()))
    after = method.networks.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_step_tried_again_counts_its_answers_once() -> None:
    method = made()
    method.loss(method.make_views(images(), NOW))
    method.loss(method.make_views(images(), NOW))
    assert len(method.answers) == 1


def test_simdino_is_agreement_of_all_pairs_and_the_rate_of_the_global_views() -> None:
    method = still(loss="simdino")
    assert method.networks.centre is None
    assert method.networks.student.head.prototypes is None
    views = method.make_views(images(), NOW)
    student, teacher = outputs(method, views)
    assert all(torch.allclose(one.norm(dim=-1), torch.ones(8)) for one in student)
    agreement = torch.stack(
        [(student[v] * teacher[t]).sum(-1).mean() for t in range(2) for v in range(4) if v != t]
    ).mean()
    rates = [
        torch.logdet(torch.eye(16) + 16 / (8 * 0.05) * student[v].T @ student[v]) / 2
        for v in range(2)
    ]
    rate = torch.stack(rates).mean()
    weight = (16 + 8) / (16 * 8)
    assert rate_weight(16, 8) == weight
    losses = method.loss(views)
    expected = float(-agreement - weight * rate)
    assert float(losses.total.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(sum(losses.terms.values())) == pytest.approx(expected, rel=1e-5)
    assert float(losses.curves["coding_rate"]) == pytest.approx(float(rate), rel=1e-5)
    assert set(method.after_step(NOW, torch.ones(()))) == {"teacher_momentum"}


def test_parts_of_a_batch_drop_the_same_paths_in_both_passes() -> None:
    """Else the cached gradient would be that of other features."""
    method = made(method={"loss": "simdino"}, model={"drop_path": 0.5})
    views = method.make_views(images(), NOW).split(2)[0]
    seen: list[Tensor] = []
    method.backbone("student").norm.register_forward_hook(  # type: ignore[union-attr]
        lambda _, __, output: seen.append(output.detach())
    )
    found = []
    for work in (method.embed, method.loss):
        seen.clear()
        torch.manual_seed(5)
        work(views)
        found.append(seen[0])
    assert torch.equal(*found)
    torch.manual_seed(6)
    method.embed(views)
    assert not torch.equal(seen[-1], found[0])


# Schedules


def test_the_teachers_temperature_rises_by_epoch_and_its_momentum_by_step() -> None:
    options: Any = DinoOptions(
        teacher_temperature_start=0.04, teacher_temperature=0.07, teacher_warmup_epochs=30
    )
    for epoch in range(40):
        slow = 0.04 + 0.03 * min(epoch, 29) / 29
        assert options.teacher_temperature_at(epoch) == pytest.approx(slow, rel=1e-12)
    constant: Any = DinoOptions(teacher_temperature=0.04, teacher_warmup_epochs=0)
    assert constant.teacher_temperature_at(0) == 0.04
    method = made()
    # Of 5 steps an epoch, the warm-up is 2.
    found = [method.make_views(images(), StepInfo(0, n, 100, 5)).temperature for n in range(11)]
    assert found == [0.04] * 5 + [0.07] * 6
    for step in (0, 30, 100):
        method.loss(method.make_views(images(), StepInfo(0, step, 100, 5)))
        momentum = method.after_step(StepInfo(0, step, 100, 5), torch.ones(()))["teacher_momentum"]
        assert momentum == pytest.approx(1 - 0.1 * (math.cos(math.pi * step / 100) + 1) / 2)


def test_the_teacher_follows_the_student() -> None:
    method = made()
    networks = method.networks
    expected = [
        0.9 * t + 0.1 * s
        for t, s in zip(networks.teacher.parameters(), networks.student.parameters(), strict=True)
    ]
    method.loss(method.make_views(images(), StepInfo(0, 0, 100)))
    method.after_step(StepInfo(0, 0, 100), torch.ones(()))
    for found, wanted in zip(networks.teacher.parameters(), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-6)


def test_prototypes_are_frozen_in_the_first_epoch_alone() -> None:
    method = made()
    prototypes = method.networks.student.head.prototypes
    assert prototypes is not None
    for step, is_frozen in ((0, True), (4, True), (5, False)):
        now = StepInfo(0, step, 100, 5)
        method.loss(method.make_views(images(), now)).total.backward()  # type: ignore[no-untyped-call]
        method.before_update(now)
        assert (prototypes.weight.grad is None) is is_frozen
        assert method.networks.student.head.layers[0].weight.grad is not None
