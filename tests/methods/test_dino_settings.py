"""Settings of DINO: what "auto" gives, what cannot be, and the published recipe."""

from __future__ import annotations

from typing import Any

import pytest

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import Resolved, resolve
from sit_engine.errors import ConfigError
from sit_engine.methods.dino.options import DinoOptions


def resolved(
    image_count: int = 3000, *, cores: int = 2, kind: str = "cpu", **values: Any
) -> Resolved:
    values.setdefault("method", {"name": "dino"})
    return resolve(
        build(values), DataFacts(image_count, 0, 200), DeviceFacts(kind=kind, cores=cores)
    )


@pytest.mark.parametrize(
    ("count", "prototypes"), [(180, 1024), (3000, 1024), (5000, 2048), (9000, 4096), (60_000, 4096)]
)
def test_prototypes_follow_the_number_of_images(count: int, prototypes: int) -> None:
    found = resolved(count)
    options = found.config.method
    assert isinstance(options, DinoOptions)
    assert options.prototypes == prototypes
    assert (options.head_width, options.bottleneck) == (512, 256)
    assert f"{count} images" in found.reasons["method.prototypes"]
    assert all(found.reasons[f"method.{name}"] for name in ("momentum", "local.size", "head_width"))


@pytest.mark.parametrize(
    ("batch", "epochs", "momentum"), [(64, 5000, 0.9995), (512, 5000, 0.996), (64, 20, 0.97826)]
)
def test_momentum_follows_the_batch_and_the_length(
    batch: int, epochs: float, momentum: float
) -> None:
    options = resolved(optim={"batch_size": batch, "epochs": epochs}).config.method
    assert isinstance(options, DinoOptions)
    assert options.momentum == momentum


@pytest.mark.parametrize(
    ("epochs", "warmup", "last", "frozen"), [(5, 0, 0.04, 0), (50, 0, 0.04, 1), (200, 10, 0.07, 1)]
)
def test_the_teacher_warms_up_and_prototypes_freeze_in_runs_that_are_long_enough(
    epochs: float, warmup: int, last: float, frozen: int
) -> None:
    """At 0.07 from the start a short run gave every image the same answer (docs/adr/0028)."""
    config = resolved(optim={"epochs": epochs}).config
    options = config.method
    assert isinstance(options, DinoOptions)
    assert (options.teacher_warmup_epochs, options.frozen_epochs) == (warmup, frozen)
    assert options.teacher_temperature_at(0) == 0.04
    assert options.teacher_temperature_at(20) == last
    assert (config.optim.optimiser, config.optim.learning_rate) == ("muon", 1.5e-3)


@pytest.mark.parametrize(
    ("size", "patch", "local"), [(16, 4, 8), (32, 4, 16), (48, 8, 24), (96, 16, 48), (224, 16, 96)]
)
def test_local_views_are_whole_patches(size: int, patch: int, local: int) -> None:
    method = {"name": "dino", "local": {"count": 4}}
    config = resolved(model={"image_size": size, "patch_size": patch}, method=method).config
    assert isinstance(config.method, DinoOptions)
    kinds = config.method.view_kinds(size)
    assert [(kind.size, kind.count, kind.for_teacher) for kind in kinds] == [
        (size, 1, True), (size, 1, True), (local, 4, False),
    ]  # fmt: skip
    law = kinds[-1].law
    assert law is not None
    published = (0.05, 0.4) if size >= 128 else (0.2, 0.5)
    assert (law.crop_scale_min, law.crop_scale_max) == published


def test_local_views_that_cannot_be_are_sentences() -> None:
    model = {"image_size": 32, "patch_size": 8}
    with pytest.raises(ConfigError, match=r"local.size = 12 is no size of views that .* 8 or 16"):
        resolved(model=model, method={"name": "dino", "local": {"count": 2, "size": 12}})
    with pytest.raises(ConfigError, match=r"local.scale_min is above method.local.scale_max"):
        resolved(method={"name": "dino", "local": {"scale_min": 0.9}})
    none = resolved(model=model, method={"name": "dino", "local": {"count": 0}}).config
    assert isinstance(none.method, DinoOptions)
    assert len(none.method.view_kinds(32)) == 2


@pytest.mark.parametrize(
    ("loss", "kind", "size", "asked", "count", "smallest"),
    [
        ("dino", "cpu", 32, "auto", 4, 0.4),
        ("simdino", "cpu", 32, "auto", 0, 0.2),
        ("simdino", "cpu", 128, "auto", 4, 0.4),
        ("simdino", "cuda", 32, "auto", 8, 0.4),
        ("simdino", "cpu", 32, 2, 2, 0.4),
        ("dino", "cuda", 32, 0, 0, 0.2),
    ],
)
def test_how_many_small_crops_and_without_them_large_ones_may_be_smaller(
    loss: str, kind: Any, size: int, asked: object, count: int, smallest: float
) -> None:
    method = {"name": "dino", "loss": loss, "local": {"count": asked}}
    found = resolved(kind=kind, model={"image_size": size}, method=method)
    options = found.config.method
    assert isinstance(options, DinoOptions)
    assert (options.local.count, options.views.crop_scale_min) == (count, smallest)
    chosen = {"name": "dino", "views": {"crop_scale_min": 0.3}}
    options = resolved(kind=kind, method=chosen).config.method
    assert isinstance(options, DinoOptions)
    assert options.views.crop_scale_min == 0.3


def test_the_published_recipe_is_a_preset() -> None:
    config = resolved(100_000, preset="paper-dino", method={}).config
    options, model, optim = config.method, config.model, config.optim
    assert isinstance(options, DinoOptions)
    assert (options.prototypes, options.head_width, options.bottleneck) == (65_536, 2048, 256)
    assert (options.momentum, options.temperature, options.centre_momentum) == (0.996, 0.1, 0.9)
    assert [options.teacher_temperature_at(epoch) for epoch in (0, 50)] == [0.04, 0.04]
    assert options.frozen_epochs == 1
    first, second, local = options.view_kinds(model.image_size)
    assert (first.size, first.blur, first.solarise) == (224, 1.0, 0.0)
    assert (second.size, second.blur, second.solarise) == (224, 0.1, 0.2)
    assert (local.size, local.count, local.blur, local.solarise) == (96, 8, 0.5, 0.0)
    laws = [kind.law for kind in (first, local)]
    assert [(law.crop_scale_min, law.crop_scale_max) for law in laws if law] == [
        (0.4, 1),
        (0.05, 0.4),
    ]
    for law in laws:
        assert law is not None
        assert (law.brightness, law.contrast, law.saturation, law.hue) == (0.4, 0.4, 0.2, 0.1)
        assert (law.jitter, law.grey, law.flip) == (0.8, 0.2, 0.5)
    assert (model.token_width, model.blocks_deep, model.stride) == (384, 12, 16)
    assert (optim.epochs, optim.batch_size, optim.learning_rate) == (100, 512, 5e-4)
    assert (optim.weight_decay, optim.weight_decay_end, optim.clip_norm) == (0.04, 0.4, 3)
    assert (optim.warmup_epochs, optim.learning_rate_end) == (10, 1e-6)
    assert (optim.optimiser, model.drop_path) == ("adamw", 0.1)


def test_what_simdino_does_not_use_says_so() -> None:
    found = resolved(method={"name": "dino", "loss": "simdino"})
    assert found.reasons["method.prototypes"] == "not used: simdino has no prototypes"


@pytest.mark.parametrize("loss", ["dino", "simdino"])
@pytest.mark.parametrize(
    ("kind", "width", "peak"), [("cpu", 96, 3.75e-4), ("cuda", 192, 2.5e-4), ("cuda", 384, 1.25e-4)]
)
def test_the_peak_rate_is_a_quarter_of_what_others_take(
    loss: str, kind: str, width: int, peak: float
) -> None:
    model = {"backbone": "custom", "width": width, "depth": 2, "heads": 4}
    found = resolved(kind=kind, model=model, method={"name": "dino", "loss": loss})
    optim = found.config.optim
    assert optim.learning_rate * optim.batch_size / 256 == pytest.approx(peak, rel=1e-3)
    assert str(found.reasons["optim.learning_rate"]).endswith("0.25 × what others take")
