"""The form's words become settings, or one sentence beside the field; never anything else."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.cli.main import parser
from sit_engine.cli.setting_flags import config_from
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.errors import ConfigError
from sit_studio.models.settings_model import SettingsModel, flat_texts

FACTS = DataFacts(images=500, classes=4, median_side_px=64)
DEVICE = DeviceFacts(kind="cpu", name="CPU", cores=2, memory_bytes=2**33)
PATHS = [item.path for item in SettingsModel().settings()]
ODD = [
    "", " ", "auto", "none", "0", "-1", "\u22123", "1e999", "nan", "inf", "-inf", "0,5", "1,2,3", "x",
    "true", "½", "١٢", "1" * 400, "0x10", "1_000", "[]", "{}", "\0", "💧", "../../etc", "0.3", "2",
]  # fmt: skip


def test_defaults_resolve() -> None:
    checked = SettingsModel().check(FACTS, DEVICE)
    assert checked.failure is None
    assert checked.resolved is not None
    assert "auto" not in str(checked.resolved.config.model.image_size)
    assert checked.resolved.reasons


def test_without_images_or_device_the_settings_are_still_checked() -> None:
    model = SettingsModel()
    assert model.check(None, None).config is not None
    assert model.check(DataFacts(0, 0, 0), DEVICE).resolved is None
    model.set("optim.epochs", "many")
    assert model.check(None, None).field == "optim.epochs"


def test_an_error_names_its_field() -> None:
    model = SettingsModel(preset="quick")
    model.set("optim.epochs", "-3")
    checked = model.check(FACTS, DEVICE)
    assert checked.field == "optim.epochs"
    assert checked.failure is not None
    assert "-3" in checked.failure.message
    model.set("optim.epochs", " ")
    assert model.check(FACTS, DEVICE).failure is None


@pytest.mark.parametrize("path", PATHS)
def test_no_word_in_any_field_does_more_than_a_sentence(path: str) -> None:
    for text in ODD:
        model = SettingsModel(preset="quick")
        model.set(path, text)
        checked = model.check(FACTS, DEVICE)
        has_weights = checked.config is not None and bool(checked.config.model.weights)
        # What follows from weights is asked of the engine.
        is_resolved = checked.resolved is not None or has_weights
        assert (checked.failure is None) == is_resolved, (text, checked)


@given(st.dictionaries(st.sampled_from(PATHS), st.text(max_size=6), max_size=3))
def test_any_text_gives_settings_or_a_sentence(texts: dict[str, str]) -> None:
    model = SettingsModel()
    for path, text in texts.items():
        model.set(path, text)
    checked = model.check(FACTS, DEVICE)
    if checked.config is None:
        assert checked.failure is not None
        assert checked.failure.code.startswith("config.")
        # The sentence stands beside a field that has a word of the user's.
        assert checked.field in {*model.texts, ""}
    else:
        # What was understood is what a file would say.
        assert build(tomllib.loads(model.to_toml(checked.config))) == checked.config


def test_settings_survive_a_file(tmp_path: Path) -> None:
    model = SettingsModel(preset="quick")
    for path, text in (
        ("optim.epochs", "7"), ("method.views.scale", "0.3, 0.9"), ("model.image_size", "32"),
        ("method.features", "teacher"), ("data.cache_gb", "0.5"),
    ):  # fmt: skip
        if path in PATHS:
            model.set(path, text)
    config = model.check(None, None).config
    assert config is not None
    file = tmp_path / "settings.toml"
    file.write_text(model.to_toml(config))
    again = SettingsModel()
    again.load(file)
    assert again.preset == "quick"
    assert again.check(None, None).config == config


def test_a_run_is_cloned_without_what_was_auto_then(finished_run: Path) -> None:
    model = SettingsModel()
    model.load(finished_run / "config.toml", of_run=True)
    assert model.preset == "quick"
    assert model.texts["optim.epochs"] == "4"
    assert "data.folders" not in model.texts
    # Nothing is left that was worked out from that run's images.
    config = model.check(None, None).config
    assert config is not None
    assert config.data.watch_share == "auto"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('preset = "quick"\n[optim]\nwarp = 3\n', "config.unknown"),
        ('preset = "quantum-2031"\n', "config.preset"),
        ('preset = "quick"\n[method]\nname = "sit3"\n', "config."),
        ("[optim\n", "config.toml"),
        ("\x00\x01", "config.toml"),
        ("optim = 3\n", "config."),
    ],
)
def test_a_file_from_the_future_is_a_sentence_and_changes_nothing(
    tmp_path: Path, text: str, code: str
) -> None:
    file = tmp_path / "future.toml"
    file.write_text(text)
    model = SettingsModel(preset="paper-2022", texts={"optim.epochs": "3"})
    with pytest.raises(ConfigError) as caught:
        model.load(file)
    assert caught.value.code.startswith(code)
    assert (model.preset, model.texts) == ("paper-2022", {"optim.epochs": "3"})
    with pytest.raises(ConfigError):
        model.load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError):
        model.load(tmp_path)


def test_the_copied_command_makes_the_same_run(tmp_path: Path) -> None:
    model = SettingsModel(preset="quick")
    model.set("optim.learning_rate", "0.003")
    model.set("method.corruption.drop_share", "0.25")
    folders = (str(tmp_path / "my 'leaves' ❦"), str(tmp_path / "-x"))
    words = shlex.split(model.command_line(folders, "none", None))
    assert words[0] == "sit-engine"
    chosen = parser("pretrain").parse_args(words[1:])
    assert chosen.folders == list(folders)
    config = config_from(chosen, chosen.folders, "sit")
    assert config.data.labels == "none"
    expected = model.check(None, None).config
    assert expected is not None
    assert config.optim == expected.optim
    assert config.method == expected.method


def test_the_command_says_the_budget_only_where_it_is_not_the_usual_one() -> None:
    model = SettingsModel(preset="quick")
    assert "cache-gb" not in model.command_line(("x",), "folders", None, cache_gb=20.0)
    words = model.command_line(("x",), "folders", None, cache_gb=7.5).split()
    assert words[words.index("--data.cache-gb") + 1] == "7.5"
    model.set("data.cache_gb", "3")
    words = model.command_line(("x",), "folders", None, cache_gb=7.5).split()
    assert words.count("--data.cache-gb") == 1
    assert words[words.index("--data.cache-gb") + 1] == "3"


def test_a_typographic_minus_is_one_that_programs_read() -> None:
    model = SettingsModel(preset="quick")
    model.set("optim.learning_rate", "1e\u22123")
    assert "1e-3" in model.command_line(("x",), "folders", None)
    config = model.check(None, None).config
    assert config is not None
    assert config.optim.learning_rate == 0.001


def test_on_windows_words_are_quoted_as_its_terminals_read_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sit_studio.models.settings_model.os.name", "nt")
    text = SettingsModel().command_line(("C:\\my images",), "folders", None)
    monkeypatch.undo()
    assert '"C:\\my images"' in text


def test_no_digit_of_a_setting_is_lost() -> None:
    assert flat_texts({"a": {"rate": 0.00123456789, "epochs": 4.0}, "b": (0.3, 1), "c": None}) == {
        "a.rate": "0.00123456789", "a.epochs": "4", "b": "0.3,1",
    }  # fmt: skip


def test_a_file_that_is_loaded_leaves_nothing_of_another_method_aside(tmp_path: Path) -> None:
    model = SettingsModel()
    model.aside = {"method.head_out": "111"}
    file = tmp_path / "mine.toml"
    file.write_text('[method]\nname = "sit"\nhead_out = 222\n')
    model.load(file)
    model.choose(recipe="sit2021")
    assert model.texts.get("method.head_out") == "222"
