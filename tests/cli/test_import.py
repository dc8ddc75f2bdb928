"""`sit-engine import` as a user types it, and what can be done with what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine.files import file_hash
from sit_engine.records.run_folder import open_run
from tests.cli.test_bad_input import assert_sentence, tell
from tests.models.imports import foreign_files as files
from tests.tiny import engine, vit_of


@pytest.mark.parametrize(("name", "tokens"), [("sit2022", 1), ("sit2021", 2)])
def test_a_run_starts_from_what_was_imported(
    name: str, tokens: int, few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "their checkpoint.pth"
    torch.save(getattr(files, name)(), file)
    before = file_hash(file)
    code, told = tell(capfd, "import", file, "--heads", "4", "--out", tmp_path / "theirs")
    assert (code, told) == (0, "")
    assert file_hash(file) == before
    code, told = tell(
        capfd, "finetune", tmp_path / "theirs", few, "--out", tmp_path / "run", "--epochs", "1",
        "--batch-size", "8", "--device", "cpu", "--threads", "1", "--quiet",
    )  # fmt: skip
    assert code == 0, told
    model = vit_of(open_run(tmp_path / "run").config())
    assert (model.width, model.heads, model.image_size, model.tokens) == (32, 4, 16, tokens)


def test_as_json_it_prints_what_import_json_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sit_engine.cli.main import main

    torch.save(files.dino(), tmp_path / "checkpoint.pth")
    monkeypatch.chdir(tmp_path)
    words = ["import", "checkpoint.pth", "--heads", "2", "--network", "student", "--json"]
    assert main([*words, "--image-size", "24"]) == 0
    printed = json.loads(capsys.readouterr().out)
    folder = Path(printed.pop("path"))
    assert folder.parent == tmp_path / "weights"
    assert folder.name.endswith("_checkpoint")
    assert json.loads((folder / "import.json").read_text()) == printed
    assert printed["resized"] == [{"name": "pos_embed", "before": 4, "after": 6}]
    assert (printed["layout"], printed["network"]) == ("DINO", "student")
    assert printed["facts"]["heads"] == 2


def test_what_it_refuses_is_a_sentence_with_an_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, out = tmp_path / "good.pth", tmp_path / "out"
    torch.save(files.moco(), good)
    torch.save(files.dino() | {"losses": np.ones(3)}, tmp_path / "more.pth")
    (tmp_path / "text.pth").write_text("text")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("years of work")
    cases = (
        (["missing.pth"], 5, "there is no such file"),
        (["text.pth"], 5, "no file of weights"),
        (["more.pth", "--heads", "4"], 5, "numpy"),
        (["good.pth"], 4, "--heads"),
        (["good.pth", "--heads", "4", "--network", "student"], 4, "base and momentum"),
        (["good.pth", "--heads", "4", "--out", str(good / "below")], 8, "Cannot write"),
        (["good.pth", "--heads", "4", "--out", str(tmp_path / "taken")], 8, "other files"),
    )
    for (name, *more), expected, part in cases:
        code, told = tell(capfd, "import", tmp_path / name, "--out", out, *more)
        assert code == expected, told
        assert_sentence(told, part)
        assert not out.exists()
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.txt"]


def test_the_command_itself_reads_and_refuses(tmp_path: Path) -> None:
    torch.save(files.sit2021(), tmp_path / "good.pth")
    torch.save(files.dino() | {"losses": np.ones(3)}, tmp_path / "more.pth")
    out = tmp_path / "my weights"
    done = engine("import", tmp_path / "good.pth", "--heads", "4", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rot_token -> cls_token" in done.stdout
    assert f"sit-engine finetune '{out}' FOLDER" in done.stdout
    done = engine("import", tmp_path / "more.pth", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (5, "")
    assert_sentence(done.stderr, "numpy")
