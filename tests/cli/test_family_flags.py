"""Flags of backbones: each family has its own, and a size names its family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sit_engine.cli.main import main
from sit_engine.config.families.found_network import network_text
from sit_engine.config.families.network_shape import uniform
from sit_engine.errors import ConfigError


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["config", "--json", *words]) == 0
    model: dict[str, Any] = json.loads(capsys.readouterr().out)["model"]
    return model


def test_a_size_or_a_word_names_the_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "--backbone", "cswin_tiny")["family"] == "cswin"
    assert "family" not in shown(capsys, "--backbone", "vit_tiny")
    own = shown(
        capsys, "--model.family", "cswin", "--backbone", "custom", "--depths", "1,2", "--heads", "2,4",
        "--stripes", "1", "--stem-stride", "2", "--stages", "2", "--width", "16",
    )  # fmt: skip
    assert (own["depths"], own["heads"], own["stem_stride"]) == ("1,2", "2,4", 2)


def test_a_file_names_the_family_and_flags_change_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--family", "cswin"]) == 0
    text = capsys.readouterr().out
    assert 'family = "cswin"' in text
    assert "# Blocks of each stage" in text
    file = tmp_path / "own.toml"
    file.write_text(text)
    assert shown(capsys, "--config", str(file), "--stripes", "1,2")["stripes"] == "1,2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--depths", "1,2"], "model.depths is none of the family vit"),
        (
            ["--family", "cswin", "--patch-size", "8"],
            "model.patch_size is none of the family cswin",
        ),
        (["--backbone", "cswin_tiny", "--registers", "1"], "none of the family cswin"),
        (["--family", "cswin", "--backbone", "vit_tiny"], "model.backbone cannot be 'vit_tiny'"),
        (["--family", "cswin", "--depths", "1;2"], "model.depths cannot be '1;2'"),
    ],
)
def test_another_familys_flag_is_a_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", *words]) == ConfigError.exit_code
    assert said in capsys.readouterr().err


def test_a_backbone_may_be_what_a_search_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("custom", "vit_tiny"):  # A word for a size stays one.
        (tmp_path / name).mkdir()
        assert shown(capsys, "--backbone", name)["backbone"] == name
    shape = uniform(4, 24, depth=2, heads=3, mlp=48)
    (tmp_path / "network.toml").write_text(network_text(shape, 32))
    for place in (tmp_path, tmp_path / "network.toml"):
        found = shown(capsys, "--backbone", str(place), "--mlp", "16,32")
        assert (found["family"], found["heads"], found["mlp"]) == ("searched", "3,3", "16,32")
        assert found["tokens"] == "auto"
    for wrong, said in (
        (tmp_path / "none", "cannot be read: it is missing"),
        (tmp_path.parent, "holds no network that a search found"),
        (Path(__file__), "is not valid TOML"),
    ):
        assert main(["config", "--backbone", str(wrong)]) == ConfigError.exit_code
        assert said in capsys.readouterr().err
    (tmp_path / "other.toml").write_text('[model]\nfamily = "cswin"\n')
    assert main(["config", "--backbone", str(tmp_path / "other.toml")]) == ConfigError.exit_code
    assert "says no network of the family searched" in capsys.readouterr().err
