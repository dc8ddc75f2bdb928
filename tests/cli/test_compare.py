"""`sit-engine compare`: terminated, killed and gone on with; its words and its JSON."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from sit_engine.cli.main import main
from sit_engine.cli.verbs.studies.compare import named, racing
from sit_engine.config.toml_file import to_toml
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import Comparison
from sit_engine.records.studies.comparison_text import to_text
from sit_engine.records.summary import summarise
from tests.cli.test_bad_input import tell
from tests.tiny import start_engine, tiny_config, wait_for_step


def test_a_comparison_outlives_a_signal_and_a_kill(
    few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat", "moon"):
        shutil.copytree(few / name, tmp_path / "images" / name)
    methods: dict[str, dict[str, float]] = {
        "one": {},
        "two": {"reconstruction_weight": 0},
        "never finite": {"temperature": 1e-40},
    }
    for name, method in methods.items():
        config = tiny_config(
            few,
            data={"watch_share": 0.25},
            method=method,
            optim={"batch_size": 8},
            watch={"readings": 0, "previews": 0},
        )
        (tmp_path / f"{name}.toml").write_text(to_toml(config), "utf-8")
    out = tmp_path / "out"
    words: list[str | Path] = [
        "compare", tmp_path / "images", *(tmp_path / f"{name}.toml" for name in methods),
        "--out", out, "--epochs", "40", "--seeds", "1", "--shots", "2", "--json",
    ]  # fmt: skip
    one, two = (Run(out / "runs" / f"{name}-seed0") for name in ("one", "two"))

    process = start_engine(*words)
    wait_for_step(process, one.path, 2)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert Comparison.from_json(json.loads(told.splitlines()[-1])).is_complete is False
    assert summarise(one).status == "stopped"
    assert not two.path.exists()

    process = start_engine(*words)
    wait_for_step(process, two.path, 2)
    process.kill()
    process.communicate(timeout=60)
    assert (summarise(one).status, summarise(one).leg) == ("completed", 1)
    assert summarise(two).status == "interrupted"

    assert tell(capfd, *words) == (0, "")
    found = Comparison.from_json(json.loads((out / "comparison.json").read_text("utf-8")))
    assert found.is_complete
    assert [run.config for run in found.runs] == list(methods)
    assert [(run.step, run.is_whole) for run in found.runs[:2]] == [(80, True), (80, True)]
    assert (found.runs[2].status, found.runs[2].is_whole) == ("failed", False)
    assert "never finite, seed 0 is incomplete: failed" in to_text(found)
    weights = [run.config().method.model_dump()["reconstruction_weight"] for run in (one, two)]
    assert weights == [5, 0]
    assert summarise(one).leg == 1
    assert summarise(two).leg == 1


def test_methods_and_their_variants_are_raced_by_name(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = racing(["sit", "simdino", "dino", "mocov3"])
    assert [config.method.name for config in found.values()] == ["sit", "dino", "dino", "mocov3"]
    assert found["simdino"].method.model_dump()["loss"] == "simdino"
    assert found["dino"].method.model_dump()["loss"] == "dino"
    words: list[str | Path] = [
        "compare",
        tmp_path,
        "--methods",
        "sit, dino4",
        "--minutes",
        "1",
        "--out",
        tmp_path / "o",
    ]
    code, said = tell(capfd, *words)
    assert code == 4
    assert "There is no method dino4" in said
    assert "simdino" in said


def test_settings_are_called_after_their_files(few: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a" / "x.toml", tmp_path / "b" / "x.toml", tmp_path / "y.toml"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(to_toml(tiny_config(few)), "utf-8")
    found = named([*files, files[2], Path("quick")])
    assert list(found) == ["a-x", "b-x", f"{tmp_path.name}-y", f"{tmp_path.name}-y-2", "quick"]
    assert found["quick"].preset == "quick"


def test_words_that_do_not_make_a_comparison_are_usage_errors(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["--epochs", "1"],
        ["--out", "x"],
        ["--out", "x", "--epochs", "1", "--images", "9"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(["compare", str(few), "quick", "standard", *words])
        assert ended.value.code == 2
    assert "--epochs" in capsys.readouterr().err


def test_a_word_that_is_no_file_and_no_preset_is_named(
    few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words: list[str | Path] = [
        "compare",
        few,
        "standart",
        "quick",
        "--out",
        tmp_path / "out",
        "--epochs",
        "1",
    ]
    code, told = tell(capfd, *words)
    assert code == 4
    assert "There is no file and no preset standart." in told
    assert "small-2021" in told
