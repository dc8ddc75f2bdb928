"""SiT's losses against plain slow references, its teacher, its switches, its parameter names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.views import CorruptionOptions
from sit_engine.data.feed.batches import Batch
from sit_engine.methods.contrast import info_nce
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.losses import masked_l1
from sit_engine.methods.sit.method import Sit
from tests.models.imports.reading import all_tokens
from tests.tiny import tiny_config

NAMES = Path(__file__).with_name("sit_parameter_names.txt")


def make(**more: Any) -> Sit:
    """A tiny SiT from a fixed seed."""
    config = tiny_config(Path("photos"), **more)
    torch.manual_seed(0)
    return Sit(resolve(config, DataFacts(180, 0, 32), DeviceFacts()).config)


def images(count: int = 8) -> Batch:
    """uint8 squares without labels."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 18, 18, 3), dtype=torch.uint8, generator=generator)
    numbers = torch.arange(count)
    return Batch(pixels, torch.ones(count), torch.full_like(numbers, -1), numbers)


def test_the_contrastive_loss_is_that_of_moco_v3_with_the_teachers_keys() -> None:
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(10, 6, generator=generator)
    key = torch.randn(10, 6, generator=generator)
    tau = 0.2
    total = 0.0
    for mine, other in ((range(5), range(5, 10)), (range(5, 10), range(5))):
        part = 0.0
        for row, i in enumerate(mine):
            cosines = [float(torch.cosine_similarity(query[i], key[j], dim=0)) / tau for j in other]
            part += -cosines[row] + math.log(sum(math.exp(value) for value in cosines))
        total += 2 * tau * part / 5
    loss, agreement = info_nce(query, key, tau)
    assert float(loss) == pytest.approx(total, rel=1e-5)
    own = [torch.cosine_similarity(query[i], key[(i + 5) % 10], dim=0) for i in range(10)]
    assert float(agreement) == pytest.approx(float(torch.stack(own).mean()), abs=1e-6)


def test_reconstruction_is_the_mean_difference_over_corrupted_pixels_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    output, target = torch.randn(2, 3, 4, 4, generator=generator), torch.randn(2, 3, 4, 4)
    mask = torch.rand(2, 4, 4, generator=generator) < 0.4
    differences = [
        abs(float(output[b, c, y, x] - target[b, c, y, x]))
        for b in range(2) for c in range(3) for y in range(4) for x in range(4)
        if mask[b, y, x]
    ]  # fmt: skip
    found = masked_l1(output, target, mask, mask.sum())
    assert float(found) == pytest.approx(sum(differences) / len(differences), rel=1e-5)
    assert float(masked_l1(output, target, torch.zeros_like(mask), torch.tensor(0))) == 0.0


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({"contrast_weight": 1, "reconstruction_weight": 5}, {"contrast", "reconstruction"}),
        ({"contrast_weight": 0, "reconstruction_weight": 2}, {"reconstruction"}),
        ({"contrast_weight": 3, "reconstruction_weight": 0}, {"contrast"}),
    ],
)
def test_each_term_is_weighted_and_can_be_switched_off(
    weights: dict[str, float], terms: set[str]
) -> None:
    method = make(method=weights)
    losses = method.loss(method.make_views(images(), StepInfo(0, 0, 10)))
    assert set(losses.terms) == terms
    total = sum(weights[f"{name}_weight"] * value.item() for name, value in losses.terms.items())
    assert losses.total.item() == pytest.approx(total, rel=1e-5)


def teacher_of(method: Sit) -> nn.Module:
    """The slow network, which is there in this recipe."""
    assert method.networks.teacher is not None
    return method.networks.teacher


def test_the_teacher_sees_clean_views_and_gets_no_gradient() -> None:
    method = make()
    views = method.make_views(images(), StepInfo(0, 0, 10))
    changed = views.clean != views.corrupted
    assert not changed.any(dim=1)[~views.mask].any()
    method.loss(views).total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in teacher_of(method).parameters())
    assert all(p.grad is not None for p in method.networks.student.parameters())


@pytest.mark.parametrize(("step", "momentum"), [(0, 0.9), (50, 0.95), (100, 1.0)])
def test_the_teacher_follows_with_a_momentum_that_rises_to_one(step: int, momentum: float) -> None:
    method = make(method={"momentum": 0.9})
    before = [p.detach().clone() for p in teacher_of(method).parameters()]
    with torch.no_grad():
        for parameter in method.networks.student.parameters():
            parameter.add_(1.0)
    student = [p.detach().clone() for p in method.networks.student.parameters()]
    curves = method.after_step(StepInfo(0, step, 100), torch.ones(()))
    assert curves["teacher_momentum"] == pytest.approx(momentum)
    for old, new, mine in zip(before, teacher_of(method).parameters(), student, strict=True):
        torch.testing.assert_close(new, momentum * old + (1 - momentum) * mine)


def test_the_teacher_keeps_its_values_when_a_step_was_not_finite() -> None:
    method = make()
    with torch.no_grad():
        for parameter in method.networks.student.parameters():
            parameter.add_(1.0)
    before = [p.detach().clone() for p in teacher_of(method).parameters()]
    method.after_step(StepInfo(0, 0, 100), torch.zeros(()))
    for old, new in zip(before, teacher_of(method).parameters(), strict=True):
        assert torch.equal(old, new)


def test_views_are_a_function_of_seed_and_step() -> None:
    method = make()
    first = method.make_views(images(), StepInfo(0, 3, 10)).corrupted.clone()
    torch.manual_seed(99)
    again = method.make_views(images(), StepInfo(0, 3, 10)).corrupted.clone()
    other = method.make_views(images(), StepInfo(0, 4, 10)).corrupted.clone()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_parameter_names_are_frozen() -> None:
    """They are the public face of every checkpoint ever written: change them with a migration."""
    found = [f"{name} {tuple(value.shape)}" for name, value in make().networks.state_dict().items()]
    assert found == NAMES.read_text().splitlines()


def test_repairing_changes_only_what_was_corrupted_and_says_where() -> None:
    method = make()
    views = torch.randn(4, 3, 16, 16)
    made = method.reconstruct(views, seed=0)
    assert made is not None
    assert made.output.shape == views.shape
    same = (made.corrupted == views).all(dim=1)
    assert same[~made.mask].all()
    assert make(method={"reconstruction_weight": 0}).reconstruct(views, seed=0) is None


@pytest.mark.parametrize(("views", "corrupted"), [("first", [True, False]), ("both", [True, True])])
def test_the_second_view_may_be_left_whole(views: str, corrupted: list[bool]) -> None:
    method = make(method={"corruption": {"views": views}}, model={"drop_path": 0})
    made = method.make_views(images(), StepInfo(0, 3, 10))
    pairs = zip(made.clean.chunk(2), made.corrupted.chunk(2), strict=True)
    assert [not torch.equal(*pair) for pair in pairs] == corrupted
    assert [bool(mask.any()) for mask in made.mask.chunk(2)] == corrupted
    found = method.loss(made)
    head = method.networks.reconstruction_head
    assert head is not None
    with torch.no_grad():
        tokens = all_tokens(method.networks.student.backbone, made.corrupted)
        output = head(tokens[:, 1:], (4, 4))
    expected = masked_l1(output, made.clean, made.mask, made.mask.sum())
    torch.testing.assert_close(found.terms["reconstruction"], expected)
    first = made.mask.chunk(2)[0] if views == "first" else made.mask
    assert float(found.curves["mask_share"]) == pytest.approx(float(first.float().mean()))


def test_settings_from_before_there_was_a_choice_corrupt_both_views() -> None:
    assert CorruptionOptions().of_view(1).kind == "gmml"
