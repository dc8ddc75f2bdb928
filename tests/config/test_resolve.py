"""Every "auto" becomes a value that fits, with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.config.build import build
from sit_engine.config.facts import CueFacts, DataFacts, DeviceFacts, StartFacts
from sit_engine.config.resolve import resolve, total_steps, watch_count
from sit_engine.config.tree import RunConfig
from sit_engine.config.views import ViewOptions
from sit_engine.errors import ConfigError
from tests.tiny import SUPERNET, vit_of

CPU = DeviceFacts(cores=2, why_precision="measured")
GPU = DeviceFacts(kind="cuda", name="GPU", cores=16, precision="bf16", why_precision="has bf16")


def autos(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted paths of settings that are "auto"."""
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += autos(value, f"{prefix}{key}.")
        elif value == "auto":
            found.append(prefix + key)
    return found


@given(
    images=st.integers(16, 2_000_000),
    classes=st.integers(0, 50),
    side=st.integers(1, 6000),
    device=st.sampled_from([CPU, GPU]),
    preset=st.sampled_from(["quick", "standard"]),
)
def test_nothing_stays_auto_and_everything_has_a_reason(
    images: int, classes: int, side: int, device: DeviceFacts, preset: str
) -> None:
    config = build({"preset": preset})
    resolved = resolve(config, DataFacts(images, classes, side), device)
    assert autos(resolved.config.model_dump()) == []
    assert set(resolved.reasons) == set(autos(config.model_dump()))
    assert all(resolved.reasons.values())
    model, optim = vit_of(resolved.config), resolved.config.optim
    assert isinstance(model.image_size, int)
    assert isinstance(model.patch_size, int)
    assert isinstance(model.width, int)
    assert isinstance(model.heads, int)
    assert model.image_size % model.patch_size == 0
    assert model.width % model.heads == 0
    assert isinstance(optim.batch_size, int)
    assert 2 <= optim.batch_size <= images
    assert build(json.loads(resolved.config.model_dump_json())) == resolved.config


def test_the_paper_preset_is_the_published_recipe() -> None:
    # Whatever the labels live on, colours change as published.
    cues = CueFacts(2000, 0.9, 0.3, 0.02, 0.4, 0.2, 0.02)
    facts = DataFacts(1_281_167, 1000, 400, labelled=1_281_167, cues=cues)
    config = resolve(build({"preset": "paper-2022"}), facts, GPU).config
    method = config.method.model_dump()
    views, corruption = method["views"], method["corruption"]
    published = ViewOptions.PUBLISHED
    assert {name: views[name] for name in published} == published
    assert [views[name] for name in ("crop_scale_min", "shift", "flip", "turn", "jitter")] == [
        0.2, 0, 0.5, 0, 0.8
    ]  # fmt: skip
    assert [corruption[name] for name in ("kind", "views", "drop_share", "replace_share")] == [
        "gmml", "both", 0.5, 0.3
    ]  # fmt: skip
    assert (method["contrast_loss"], method["head_kind"]) == ("info_nce", "mlp")
    assert (vit_of(config).stem, config.optim.optimiser) == ("patch", "adamw")
    assert (config.optim.epochs, config.optim.batch_size, config.optim.warmup_epochs) == (
        800,
        256,
        10,
    )
    assert (vit_of(config).width, vit_of(config).depth, vit_of(config).heads) == (384, 12, 6)
    assert (config.model.image_size, vit_of(config).patch_size) == (224, 16)
    assert (method["head_width"], method["head_out"], method["temperature"]) == (4096, 256, 0.2)
    assert (method["momentum"], method["reconstruction_weight"]) == (0.996, 1.0)
    assert method["corruption"]["align"] == 1
    assert (method["views"]["blur_first"], method["views"]["blur_second"]) == (1.0, 0.1)
    assert config.optim.learning_rate == 5e-4
    assert (config.optim.weight_decay, config.optim.weight_decay_end) == (0.04, 0.1)


@pytest.mark.parametrize(
    ("width", "batch", "rate"),
    [(96, 256, 1.5e-3), (128, 256, 1.5e-3), (96, 64, 6e-3), (384, 256, 5e-4), (384, 128, 1e-3)],
)
def test_the_learning_rate_is_what_was_tuned_for_this_width_and_batch(
    width: int, batch: int, rate: float
) -> None:
    """docs/adr/0004-auto-settings.md."""
    chosen = {"model": {"width": width, "heads": 2}, "optim": {"batch_size": batch}}
    resolved = resolve(build(chosen), DataFacts(5000, 0, 64), CPU)
    assert resolved.config.optim.learning_rate == pytest.approx(rate)
    assert f"{min(1.5e-3, 1.5e-3 * 128 / width):.2g}" in resolved.reasons["optim.learning_rate"]


@pytest.mark.parametrize(("epochs", "warmup"), [(5, 0.5), (40, 4), (100, 10), (800, 10)])
def test_a_tenth_of_the_run_warms_up_and_at_most_ten_epochs(epochs: int, warmup: float) -> None:
    chosen = {"optim": {"epochs": epochs}}
    optim = resolve(build(chosen), DataFacts(5000, 0, 64), CPU).config.optim
    assert optim.warmup_epochs == pytest.approx(warmup)


@pytest.mark.parametrize(
    ("tree", "schedule"),
    [
        ({}, "level"),
        ({"preset": "quick"}, "level"),
        ({"preset": "paper-2022"}, "cosine"),
        ({"preset": "paper-2021"}, "cosine"),
        ({"method": {"name": "sit2021"}}, "cosine"),
        ({"method": {"name": "dino"}}, "cosine"),
        ({"method": {"name": "mocov3"}}, "cosine"),
        ({"method": {"name": "finetune"}}, "cosine"),
    ],
)
def test_the_rate_of_sit_stays_level_and_published_recipes_keep_their_course(
    tree: dict[str, Any], schedule: str
) -> None:
    """docs/adr/0019-fifteen-minutes.md."""
    facts = DataFacts(5000, 4, 64, labelled=5000)
    assert resolve(build(tree), facts, CPU).config.optim.schedule == schedule


@pytest.mark.parametrize("method", ["finetune", "svrtn"])
def test_minutes_go_before_a_methods_own_length(method: str) -> None:
    tree = {"method": {"name": method}, "model": {"weights": "w"}, "optim": {"minutes": 2}}
    start = StartFacts("w", width=64, depth=2, heads=2, patch_size=4, image_size=32)
    facts = DataFacts(1000, 4, 64, labelled=1000)
    whole = resolve(build(tree), facts, DeviceFacts(cores=2, images_per_s=100.0), start)
    optim = whole.config.optim
    # Of a thousand images some validate.
    assert 12_000 / 1000 <= optim.epochs <= 12_000 / 700
    assert str(whole.reasons["optim.epochs"]).startswith("2 minutes at 100 images/s")


def test_minutes_become_epochs_by_the_measured_speed() -> None:
    config = build({"preset": "quick", "optim": {"minutes": 2, "batch_size": 50}})
    device = DeviceFacts(cores=2, images_per_s=100.0)
    epochs = resolve(config, DataFacts(500, 0, 32), device).config.optim.epochs
    assert epochs == pytest.approx(2 * 60 * 100 / 500)


def test_a_batch_larger_than_the_set_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="batch size 64 is larger than the 20 training images"):
        resolve(build({"optim": {"batch_size": 64}}), DataFacts(20, 0, 32), CPU)


def test_sizes_that_do_not_fit_a_named_backbone_are_a_sentence() -> None:
    config = build({"model": {"backbone": "vit_tiny", "width": 100}})
    with pytest.raises(
        ConfigError, match=r"model.width = 100 does not fit model.backbone = vit_tiny"
    ):
        resolve(config, DataFacts(100, 0, 32), CPU)


def test_own_sizes_are_kept() -> None:
    config = build({"model": {"image_size": 128, "width": 96, "depth": 4, "heads": 3}})
    model = vit_of(resolve(config, DataFacts(1000, 0, 300), CPU).config)
    assert (model.image_size, model.patch_size) == (128, 16)
    assert (model.backbone, model.width, model.depth, model.heads) == ("custom", 96, 4, 3)


def test_watched_images_need_labels() -> None:
    assert watch_count(0.1, DataFacts(1000, 1, 32)) == 0
    assert watch_count(0.1, DataFacts(1000, 2, 32)) == 100
    assert watch_count(0.1, DataFacts(1_000_000, 2, 32)) == 1000
    assert total_steps(2.5, 105, 10) == 25


def test_the_default_tree_is_valid() -> None:
    assert build({}) == RunConfig()


def test_a_named_network_that_the_weights_are_not_is_a_sentence() -> None:
    """Its name in the settings would say one network, its sizes another."""
    start = StartFacts("w", width=192, depth=12, heads=3, patch_size=8, image_size=32)
    told = {"backbone": "vit_tiny", "weights": "w"}
    config = resolve(build({"model": told}), DataFacts(100, 0, 64), DeviceFacts(), start).config
    assert vit_of(config).backbone == "vit_tiny"
    other = build({"model": told | {"backbone": "vit_small"}})
    with pytest.raises(ConfigError, match="backbone = vit_small does not fit the weights w"):
        resolve(other, DataFacts(100, 0, 64), DeviceFacts(), start)


@pytest.mark.parametrize(("model", "compiled"), [({}, "on"), (SUPERNET, "off")])
def test_a_network_that_is_another_in_each_step_is_not_compiled(
    model: dict[str, Any], compiled: str
) -> None:
    device = DeviceFacts(kind="cuda", can_compile=True, why_compile="it pays on a GPU")
    found = resolve(build({"model": model}), DataFacts(1000, 0, 64), device)
    assert found.config.compute.compile == compiled
    assert ("another network" in found.reasons["compute.compile"]) == (compiled == "off")
