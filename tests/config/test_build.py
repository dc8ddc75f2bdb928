"""From words to a config, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sit_engine.config.build import build, from_dotted
from sit_engine.config.methods import METHODS
from sit_engine.config.schema import settings
from sit_engine.config.toml_file import read, to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError
from tests.tiny import vit_of


@pytest.mark.parametrize(
    ("user", "code", "words"),
    [
        ({"optim": {"epoch": 3}}, "config.unknown", ["optim.epoch", "optim.epochs"]),
        ({"surprise": 1}, "config.unknown", ["surprise"]),
        (
            {"method": {"temprature": 1}},
            "config.unknown",
            ["method.temprature", "method.temperature"],
        ),
        ({"optim": {"epochs": -3}}, "config.value", ["optim.epochs", "-3", "above 0", "Epochs"]),
        ({"method": {"views": {"flip": 2}}}, "config.value", ["method.views.flip", "from 0 to 1"]),
        ({"model": {"backbone": "vgg"}}, "config.value", ["model.backbone", "vgg", "vit_tiny"]),
        ({"compute": {"device": "tpu"}}, "config.value", ["compute.device", "tpu"]),
        ({"preset": "best"}, "config.preset", ["best", "standard"]),
        ({"method": {"name": "dino2"}}, "config.method", ["dino2", "sit"]),
        (
            {"model": {"image_size": 32, "patch_size": 5}},
            "config.divide",
            ["model.patch_size", "5", "8"],
        ),
        ({"model": {"width": 30, "heads": 4}}, "config.divide", ["model.heads", "30"]),
        (
            {"method": {"views": {"crop_scale_min": 0.9, "crop_scale_max": 0.5}}},
            "config.order",
            ["crop_scale_min", "crop_scale_max"],
        ),
        ({"optim": {"learning_rate": float("nan")}}, "config.value", ["optim.learning_rate"]),
    ],
)
def test_a_wrong_setting_is_answered_with_field_value_allowed_and_hint(
    user: dict[str, Any], code: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(user)
    assert caught.value.code == code
    assert caught.value.hint
    for word in words:
        assert word in str(caught.value)


def test_the_users_values_win_over_the_presets() -> None:
    config = build({"preset": "paper-2022", "optim": {"epochs": 7}})
    assert config.optim.epochs == 7
    assert vit_of(config).backbone == "vit_small"


def test_epochs_of_the_user_take_the_presets_minutes_away() -> None:
    assert build({"preset": "quick"}).optim.minutes is not None
    assert build({"preset": "quick", "optim": {"epochs": 7}}).optim.minutes is None


def test_text_from_a_flag_becomes_a_number() -> None:
    config = build(from_dotted({"optim.epochs": "2.5", "model.width": "auto", "compute.seed": "3"}))
    assert (config.optim.epochs, vit_of(config).width, config.compute.seed) == (2.5, "auto", 3)


@pytest.mark.parametrize("preset", ["quick", "standard", "paper-2022"])
def test_a_config_survives_its_file(preset: str, tmp_path: Path) -> None:
    config = build({"preset": preset, "data": {"folders": ["a 'b' \"c\"", "日本語"]}})
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config, {"optim.epochs": "a reason"}), "utf-8")
    assert read(path) == config


@pytest.mark.parametrize("text", ["[model\nwidth = 3", "model = = 3"])
def test_a_file_that_is_not_toml_is_a_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not valid TOML"):
        read(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.toml")


def test_every_setting_has_words_for_people() -> None:
    found = settings()
    assert len(found) > 40
    for item in found:
        assert item.title, item.path
        assert item.help.endswith("."), item.path
        assert item.allowed, item.path


@pytest.mark.parametrize("method", METHODS)
def test_every_group_of_a_method_says_what_it_is_called(method: str) -> None:
    below = [item for item in settings(method) if item.path.count(".") > 1]
    assert all(item.heading and item.term for item in below)


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().preset = "quick"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("user", "code"),
    [
        ({"optim": 3}, "config.group"),
        ({"preset": ["quick"]}, "config.preset"),
        ({"method": ["sit"]}, "config.method"),
        ({"method": {"contrast_weight": 0, "reconstruction_weight": 0}}, "config.no_loss"),
        ({"optim": {"epochs": 3, "minutes": 2}}, "config.length"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(user: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(user)
    assert caught.value.code == code


def test_minutes_of_the_user_take_the_presets_epochs_away() -> None:
    config = build({"preset": "paper-2022", "optim": {"minutes": 5}})
    assert (config.optim.minutes, config.optim.epochs) == (5, "auto")


def test_the_word_none_is_an_empty_list() -> None:
    for written in ("none", ["none"], []):
        method = build({"method": {"name": "sit2021", "learned_weights": written}}).method
        assert method.learned_weights == ()  # type: ignore[attr-defined]


def test_a_preset_sets_nothing_of_another_method() -> None:
    config = build({"preset": "paper-2021", "method": {"name": "finetune"}})
    assert (config.method.name, config.model.image_size) == ("finetune", 224)
    own = build({"preset": "paper-2021", "method": {"name": "sit2021"}}).method
    assert own.views.crop_scale_min == 0.08  # type: ignore[attr-defined]
