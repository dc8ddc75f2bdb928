"""MoCo v3 against plain slow references: its loss, its networks, its beginning, and a whole run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Never

import pytest
import timm
import torch
from torch import Tensor, nn

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.resolve import resolve
from sit_engine.data.feed.batches import Batch
from sit_engine.errors import ConfigError
from sit_engine.methods.mocov3.heads import PREDICTOR_LAYERS, PROJECTOR_LAYERS, perceptron
from sit_engine.methods.mocov3.method import MocoV3
from sit_engine.methods.mocov3.options import FIRST_LAYER, MocoV3Options
from sit_engine.methods.protocol import StepInfo
from sit_engine.models.vit import Vit, build_vit
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    HealthMeasured,
    KnnMeasured,
    PreviewWritten,
    RunFinished,
    StepReported,
)
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from tests.tiny import tiny_config, tiny_finetune, vit_of
from tests.training.test_resume import assert_identical, stop_at, weights

NAME = "mocov3"
FACTS = DataFacts(5000, 10, 32)
TAU = 0.2


def make(**more: Any) -> MocoV3:
    """A tiny one from a fixed seed, its teacher a little apart."""
    config = tiny_config(Path("photos"), method={"name": NAME, **more})
    torch.manual_seed(0)
    made = MocoV3(resolve(config, DataFacts(180, 0, 32), DeviceFacts()).config)
    with torch.no_grad():
        for parameter in made.networks.teacher.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return made


def images(count: int = 6) -> Batch:
    """uint8 squares without labels."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 18, 18, 3), dtype=torch.uint8, generator=generator)
    numbers = torch.arange(count)
    return Batch(pixels, torch.ones(count), torch.full_like(numbers, -1), numbers)


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


# The loss


def plain_norm(rows: list[list[float]], scale: list[float], shift: list[float]) -> None:
    """Batch norm in place, one column after the other."""
    for column in range(len(rows[0])):
        values = [row[column] for row in rows]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        for row in rows:
            normed = (row[column] - mean) / math.sqrt(variance + 1e-5)
            row[column] = normed * scale[column] + shift[column]


def plain_head(named: dict[str, Tensor], layers: int, rows: list[list[float]]) -> list[list[float]]:
    """Linear, batch norm, ReLU, … and at last linear and batch norm, number by number."""
    for layer in range(layers):
        weight = named[f"{3 * layer}.weight"].tolist()
        rows = [[sum(map(float.__mul__, out, row)) for out in weight] for row in rows]
        width, is_last = len(weight), layer == layers - 1
        scale = [1.0] * width if is_last else named[f"{3 * layer + 1}.weight"].tolist()
        shift = [0.0] * width if is_last else named[f"{3 * layer + 1}.bias"].tolist()
        plain_norm(rows, scale, shift)
        if not is_last:
            rows = [[max(0.0, value) for value in row] for row in rows]
    return rows


def plain_contrast(queries: list[list[float]], keys: list[list[float]]) -> float:
    """2τ times the mean cross-entropy of finding one's own key."""
    total = 0.0
    for number, query in enumerate(queries):
        cosines = [
            sum(map(float.__mul__, query, key)) / (math.hypot(*query) * math.hypot(*key))
            for key in keys
        ]
        total += math.log(sum(math.exp(c / TAU) for c in cosines)) - cosines[number] / TAU
    return 2 * TAU * total / len(queries)


@torch.no_grad()
def test_the_loss_is_that_of_the_paper_number_by_number() -> None:
    method = make()
    views = method.make_views(images(), StepInfo(0, 0, 10))
    losses = method.loss(views)
    networks = method.networks
    found = []
    for encoder in (networks.student, networks.teacher):
        named = dict(encoder.projector.state_dict())
        tokens = [encoder.backbone.maps(view).token(0).tolist() for view in views.each]
        found.append([plain_head(named, PROJECTOR_LAYERS, rows) for rows in tokens])
    projected, keys = found
    named = dict(networks.predictor.state_dict())
    queries = [plain_head(named, PREDICTOR_LAYERS, rows) for rows in projected]
    expected = plain_contrast(queries[0], keys[1]) + plain_contrast(queries[1], keys[0])
    assert losses.total.item() == pytest.approx(expected, rel=1e-4)
    assert set(losses.terms) == {"contrast"}
    assert set(losses.curves) == {"agreement"}


def test_the_momentum_encoder_gets_no_gradient_and_has_no_predictor() -> None:
    method = make()
    method.loss(method.make_views(images(), StepInfo(0, 0, 10))).total.backward()  # type: ignore[no-untyped-call]
    networks = method.networks
    learning = [*networks.student.named_parameters(), *networks.predictor.named_parameters()]
    # The table of positions is no weight that learns.
    without = {name for name, parameter in learning if parameter.grad is None}
    assert without == {"backbone.pos_embed"}
    assert all(parameter.grad is None for parameter in networks.teacher.parameters())
    names = {name for name, _ in networks.teacher.named_parameters()}
    assert names == {name for name, _ in networks.student.named_parameters()}
    assert {name.split(".")[0] for name in names} == {"backbone", "projector"}


@pytest.mark.parametrize(("step", "momentum"), [(0, 0.9), (49, 0.95), (99, 1.0), (120, 1.0)])
def test_the_momentum_rises_to_one_along_half_a_cosine(step: int, momentum: float) -> None:
    method = make(momentum=0.9)
    networks = method.networks
    before = [p.detach().clone() for p in networks.teacher.parameters()]
    told = method.after_step(StepInfo(0, step, 100), torch.ones(()))["teacher_momentum"]
    # The update belongs to the keys of the next step.
    exact = 1 - (1 + math.cos(math.pi * min(100, step + 1) / 100)) / 2 * (1 - 0.9)
    assert told == pytest.approx(exact)
    assert told == pytest.approx(momentum, abs=1e-3)
    pairs = zip(before, networks.teacher.parameters(), networks.student.parameters(), strict=True)
    for old, new, mine in pairs:
        torch.testing.assert_close(new, told * old + (1 - told) * mine)
    method.after_step(StepInfo(0, 0, 100), torch.zeros(()))
    kept = [p.detach().clone() for p in networks.teacher.parameters()]
    method.after_step(StepInfo(0, 0, 100), torch.zeros(()))
    assert all(map(torch.equal, kept, networks.teacher.parameters()))


# Networks and their beginning


def test_the_heads_have_the_published_sizes() -> None:
    assert count(perceptron(PROJECTOR_LAYERS, 384, 4096, 256)) == 19_415_040
    assert count(perceptron(PROJECTOR_LAYERS, 768, 4096, 256)) == 20_987_904
    predictor = perceptron(PREDICTOR_LAYERS, 256, 4096, 256)
    assert count(predictor) == 2_105_344
    assert not [name for name, _ in predictor.named_buffers()]


def begun(**more: Any) -> Vit:
    """A small network that begins as MoCo v3's does."""
    sizes = {"image_size": 24, "patch_size": 6, "width": 32, "depth": 2, "heads": 4, "tokens": 1}
    plain = {"registers": 0, "variant": "plain"}
    chosen = sizes | plain | {"positions": "sincos", "first_weights": "xavier"} | more
    options: VitOptions[Never] = VitOptions(backbone="custom", **chosen)
    torch.manual_seed(0)
    return build_vit(options, drop_path=0.0, fused_attention=False)


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_positions_are_sines_and_cosines_of_row_and_column(tokens: int) -> None:
    table = begun(tokens=tokens).pos_embed
    assert table is not None
    assert not table.requires_grad
    assert table.shape == (1, tokens + 16, 32)
    assert not table[0, :tokens].any()
    for row in range(4):
        for column in range(4):
            for number in range(8):
                angle = [place * 10000 ** (-number / 8) for place in (row, column)]
                expected = [
                    math.sin(angle[0]), math.cos(angle[0]), math.sin(angle[1]), math.cos(angle[1])
                ]  # fmt: skip
                found = table[0, tokens + 4 * row + column, number::8]
                torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)


def test_a_width_without_four_quarters_is_a_sentence() -> None:
    model = {"width": 30, "heads": 2}
    config = build({"method": {"name": NAME}, "model": model})
    with pytest.raises(ConfigError, match=r"positions = sincos does not fit model\.width = 30"):
        resolve(config, FACTS, DeviceFacts())
    config = build({"method": {"name": NAME}, "model": model | {"positions": "learned"}})
    assert vit_of(resolve(config, FACTS, DeviceFacts()).config).positions == "learned"


def test_first_weights_lie_within_the_bounds_of_each_layer() -> None:
    vit = begun()
    bounds = {"patch_embed.proj": math.sqrt(6 / (3 * 6 * 6 + 32))}
    for block in range(2):
        # Query, key and value are three layers of 32 to 32.
        bounds[f"blocks.{block}.attn.qkv"] = math.sqrt(6 / 64)
        bounds[f"blocks.{block}.attn.proj"] = math.sqrt(6 / 64)
        bounds[f"blocks.{block}.mlp.fc1"] = bounds[f"blocks.{block}.mlp.fc2"] = math.sqrt(6 / 160)
    layers = {n: m for n, m in vit.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    assert layers.keys() == bounds.keys()
    for name, layer in layers.items():
        most = layer.weight.abs().max().item()
        assert 0.97 * bounds[name] < most <= bounds[name], name
        # Of a uniform distribution: bound / √3.
        assert layer.weight.std().item() == pytest.approx(bounds[name] / math.sqrt(3), rel=0.05)
        assert layer.bias is not None
        assert not layer.bias.any()


def test_other_networks_begin_as_before() -> None:
    plain = begun(positions="learned", first_weights="normal")
    torch.manual_seed(0)
    expected = timm.models.vision_transformer.VisionTransformer(
        img_size=24, patch_size=6, embed_dim=32, depth=2, num_heads=4, num_classes=0
    ).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in plain.state_dict().items())


# Settings


def test_the_preset_is_the_published_recipe() -> None:
    found = resolve(build({"preset": "paper-mocov3"}), DataFacts(20_000, 0, 300), DeviceFacts())
    config, model = found.config, vit_of(found.config)
    method = config.method
    assert isinstance(method, MocoV3Options)
    assert (model.width, model.depth, model.heads, model.patch_size) == (384, 12, 12, 16)
    assert (model.image_size, model.stem, model.tokens, model.drop_path) == (224, "patch", 1, 0.0)
    assert (model.positions, model.first_weights) == ("sincos", "xavier")
    assert (method.temperature, method.momentum, method.first_layer) == (0.2, 0.99, "frozen")
    assert (method.head_width, method.head_out) == (4096, 256)
    views = method.views
    assert (views.crop_scale_min, views.crop_scale_max, views.flip) == (0.08, 1.0, 0.5)
    assert (views.jitter, views.grey, views.solarise) == (0.8, 0.2, 0.2)
    assert (views.brightness, views.contrast, views.saturation, views.hue) == (0.4, 0.4, 0.2, 0.1)
    assert (views.blur_first, views.blur_second) == (1.0, 0.1)
    optim = config.optim
    assert (optim.optimiser, optim.learning_rate, optim.learning_rate_end) == ("adamw", 1.5e-4, 0.0)
    assert (optim.weight_decay, optim.weight_decay_end, optim.clip_norm) == (0.1, 0.1, 0)
    assert (optim.epochs, optim.warmup_epochs, optim.batch_size) == (300, 40, 1024)


@pytest.mark.parametrize(("epochs", "momentum"), [(2, 0.9), (20, 1 - 20 / 1400), (200, 0.99)])
def test_short_runs_follow_faster(epochs: int, momentum: float) -> None:
    config = build({"method": {"name": NAME}, "optim": {"epochs": epochs, "batch_size": 64}})
    found = resolve(config, FACTS, DeviceFacts())
    method = found.config.method
    assert isinstance(method, MocoV3Options)
    assert method.momentum == pytest.approx(momentum, abs=1e-4)
    assert method.first_layer == "learned"
    assert method.head_width == 4 * found.config.model.token_width
    assert "published" in found.reasons["method.momentum"] or momentum < 0.99


# A run


@pytest.fixture(scope="module")
def run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete one whose first layer stays as it is."""
    path = tmp_path_factory.mktemp(NAME) / "run"
    config = tiny_config(sample[0], method={"name": NAME, "first_layer": "frozen"})
    api.pretrain(config, path, emit=lambda _: None)
    return path


def reports(run: Path) -> list[StepReported]:
    """One a step."""
    return [event for event, _ in read_events(Run(run)) if isinstance(event, StepReported)]


def test_a_run_is_watched_and_pictured(run: Path) -> None:
    events = [event for event, _ in read_events(Run(run))]
    assert [event.outcome for event in events if isinstance(event, RunFinished)] == ["completed"]
    assert any(isinstance(event, KnnMeasured) for event in events)
    health = [event for event in events if isinstance(event, HealthMeasured)]
    assert health[-1].curves.keys() == {"agreement"}
    previews = [event for event in events if isinstance(event, PreviewWritten)]
    found = {path.name for path in (run / previews[-1].path).iterdir()}
    assert found == {"attention.png", "attention.npz"}


def test_what_is_frozen_has_the_same_bits_after_a_run(run: Path) -> None:
    first = checkpoint.load_model(checkpoint.folder(Run(run), 0))
    last = weights(run)
    frozen = {"patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed"}
    for network in ("student", "teacher"):
        prefix = f"{network}.backbone."
        same = {
            name.removeprefix(prefix)
            for name, value in last.items()
            if name.startswith(prefix) and torch.equal(first[name], value)
        }
        # The class token begins near 0 and moves; norms of the teacher may hardly.
        assert frozen <= same
        assert not [name for name in same if name.endswith((".qkv.weight", "fc1.weight"))]
    assert FIRST_LAYER not in reports(run)[-1].curves


def test_the_first_layers_gradient_is_a_curve_that_a_resumed_run_remembers(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    out, whole = tmp_path / "run", tmp_path / "whole"
    watch = {"readings": 0, "previews": 0}
    config = tiny_config(sample[0], method={"name": NAME}, watch=watch, optim={"epochs": 1})
    api.pretrain(config, whole, emit=lambda _: None)
    api.pretrain(config, out, emit=lambda _: None, make_control=stop_at(3))
    api.resume(out, emit=lambda _: None)
    assert_identical(out, whole)
    found = reports(out)
    newest = checkpoint.load_state(checkpoint.newest_verified(Run(out))[0])["progress"]
    kept = newest["recent_curves"][FIRST_LAYER]
    assert kept == [report.curves[FIRST_LAYER] for report in found]
    assert len(kept) == 5
    assert all(0 < r.curves[FIRST_LAYER] < r.gradient_norm for r in found)
    assert {"agreement", "teacher_momentum"} < found[0].curves.keys()


def test_its_curve_is_taken_before_the_gradient_is_clipped() -> None:
    method = make()
    method.loss(method.make_views(images(), StepInfo(0, 0, 10))).total.backward()  # type: ignore[no-untyped-call]
    layer = method.networks.student.backbone.first_layer()
    squares = [float(v) ** 2 for p in layer if p.grad is not None for v in p.grad.flatten()]
    told = method.gradient_curves()[FIRST_LAYER]
    assert told.item() == pytest.approx(math.sqrt(sum(squares)), rel=1e-4)


def test_it_resumes_exactly(run: Path, sample: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "stopped"
    config = tiny_config(sample[0], method={"name": NAME, "first_layer": "frozen"})
    api.pretrain(config, path, emit=lambda _: None, make_control=stop_at(7))
    api.resume(path, emit=lambda _: None)
    assert_identical(path, run)
    assert reports(path)[-1].loss == reports(run)[-1].loss


def test_timm_loads_what_is_exported(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "weights"
    api.export(run, format="safetensors", out=out)
    loaded = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    views = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    network = begun(image_size=16, patch_size=4, heads=2).eval()
    prefix = "student.backbone."
    named = {n.removeprefix(prefix): v for n, v in weights(run).items() if n.startswith(prefix)}
    network.load_state_dict(named)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(views), network.feature(views), atol=1e-5, rtol=1e-5)
    assert (
        api.export(run, format="torchscript", out=tmp_path / "features.pt").difference is not None
    )


def test_finetuning_begins_with_its_network_and_lets_positions_learn(
    run: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tuned"
    config = tiny_finetune(few, model={"weights": str(run)}, optim={"epochs": 2})
    api.pretrain(config, out, emit=lambda _: None)
    first = checkpoint.load_model(checkpoint.folder(Run(out), 0))
    for name, value in weights(run).items():
        if name.startswith("student.backbone."):
            assert torch.equal(first[name], value), name
    assert not torch.equal(
        weights(out)["student.backbone.pos_embed"], first["student.backbone.pos_embed"]
    )
