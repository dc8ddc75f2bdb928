"""What the command line says of settings that were damaged or changed, and of images that are gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from tests.tiny import tiny_config
from tests.training.test_resume import stop_at


@pytest.fixture(scope="module")
def template(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a run on them that was stopped at step 2."""
    folder = tmp_path_factory.mktemp("template")
    shutil.copytree(sample[0], folder / "photos")
    config = tiny_config(folder / "photos")
    api.pretrain(config, folder / "run", emit=lambda _: None, make_control=stop_at(2))
    return folder


@pytest.fixture
def run(template: Path, tmp_path: Path) -> Path:
    """A copy of the run, on the same images."""
    return shutil.copytree(template / "run", tmp_path / "run")


def edit(run: Path) -> None:
    """Change a value by hand."""
    text = (run / "config.toml").read_text("utf-8")
    (run / "config.toml").write_text(text.replace("clip_norm = 3.0", "clip_norm = 2.0"), "utf-8")


def test_a_change_is_refused_then_accepted(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit(run)
    assert main(["doctor", str(run)]) == 0
    assert "optim.clip_norm is 2.0 and was 3.0" in capfd.readouterr().out
    assert main(["resume", str(run), "--quiet"]) == 2
    assert "--accept-changes" in capfd.readouterr().err
    assert main(["resume", str(run), "--quiet", "--accept-changes"]) == 0
    assert main(["doctor", str(run)]) == 0
    assert "clip_norm" not in capfd.readouterr().out


def test_doctor_and_repair_know_of_damage(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    newest = checkpoint.folder(Run(run), 2)
    (run / "split.json").write_text('{"train": [')
    (run / "config.toml").unlink()
    (newest / "split.json").write_text("{}")
    assert main(["doctor", str(run), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    config, split, copies = (told[f"Problem {number}"] for number in (1, 2, 3))
    assert "missing" in config
    assert "split.json cannot be used" in split
    assert "step 2 are damaged" in copies
    assert told["step 2"] == "good"
    assert str(checkpoint.folder(Run(run), 0) / "config.toml") in config
    assert main(["repair", str(run)]) == 0
    assert capfd.readouterr().out.count("brought back") == 2
    assert main(["doctor", str(run), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    # The copies within the checkpoint stay as they are.
    assert told["Problem 1"] == copies
    assert "Problem 2" not in told


@pytest.mark.parametrize("name", ["config.toml", "split.json"])
@pytest.mark.parametrize("content", [b"", b"\xff[", None])
def test_every_verb_that_reads_a_run_says_which_file_it_is(
    run: Path,
    template: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    photos = str(template / "photos")
    verbs = {
        "evaluate": ["--train", photos, "--test", photos],
        "export": ["--format", "safetensors", "--out", str(tmp_path / "out")],
        "inspect": ["--out", str(tmp_path / "out")],
        "embed": [photos, "--out", str(tmp_path / "out")],
        "predict": [photos, "--csv", str(tmp_path / "out.csv")],
    }
    for verb, more in verbs.items():
        if name == "split.json" and verb in ("export", "embed", "predict", "evaluate"):
            continue
        code = main([verb, str(run), *more])
        told = capfd.readouterr().err
        assert code in (2, 5), (verb, told)
        assert name in told
        assert "our fault" not in told
        assert "sit-engine repair" in told


def test_extend_is_bounded_as_the_settings_are(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for epochs in ("nan", "-1", "9" * 400, "1e300"):
        assert main(["extend", str(run), f"--epochs={epochs}"]) == 4
        assert "The number of epochs cannot be" in capfd.readouterr().err
        assert main(["resume", str(run), f"--epochs={epochs}"]) == 4
        assert "The number of epochs cannot be" in capfd.readouterr().err


def test_images_that_are_gone_can_be_left_out(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = shutil.copytree(template, tmp_path / "whole")
    run, photos = whole / "run", whole / "photos"
    text = (run / "config.toml").read_text("utf-8")
    (run / "config.toml").write_text(text.replace(str(template), str(whole)), "utf-8")
    name = Run(run).split()["train"][0].partition(":")[2]
    (photos / name).unlink()
    assert main(["resume", str(run), "--quiet", "--accept-changes"]) == 5
    told = capfd.readouterr().err
    assert name in told
    assert "--without-missing" in told
    flags = ["--accept-changes", "--without-missing"]
    assert main(["resume", str(run), "--quiet", *flags]) == 0
