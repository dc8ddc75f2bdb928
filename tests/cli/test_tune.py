"""`sit-engine tune`: terminated and gone on with; its words, its JSON and its file."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from sit_engine.cli.main import main
from sit_engine.config.toml_file import read, to_toml
from sit_engine.records.run import Run
from sit_engine.records.studies.tuning import Tuning
from sit_engine.records.summary import summarise
from tests.cli.test_bad_input import tell
from tests.tiny import start_engine, tiny_config, wait_for_step


# The window's search is started, stopped and gone on with by processes of its own in the default run
# (tests/studio/train/test_tune.py), and its rungs are tested in tests/studies.
@pytest.mark.long
def test_a_search_outlives_a_signal_and_its_settings_train(
    few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Two classes: more make probes slow.
    for name in ("cat", "moon"):
        shutil.copytree(few / name, tmp_path / "images" / name)
    config = tiny_config(few, data={"folders": []}, optim={"batch_size": 8})
    (tmp_path / "base.toml").write_text(to_toml(config), "utf-8")
    out = tmp_path / "out"
    words: list[str | Path] = [
        "tune", tmp_path / "images", "--minutes", "0.3", "--config", tmp_path / "base.toml",
        "--out", out, "--json",
    ]  # fmt: skip
    first = Run(out / "rung-1" / "runs" / "Default-seed0")

    process = start_engine(*words)
    wait_for_step(process, first.path, 2)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    begun = Tuning.from_json(json.loads(told.splitlines()[-1]))
    assert not begun.is_complete
    assert summarise(first).status == "stopped"
    assert not (out / "tuned.toml").exists()

    assert tell(capfd, *words) == (0, "")
    found = Tuning.from_json(json.loads((out / "tuning.json").read_text("utf-8")))
    assert found.is_complete
    assert summarise(first).status == "completed"
    assert summarise(first).leg == 1
    code, _ = tell(
        capfd, "pretrain", tmp_path / "images", "--config", out / "tuned.toml", "--epochs", "1",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert code == 0
    trained, tuned = (
        config.method.model_dump()["views"]
        for config in (Run(tmp_path / "run").config(), read(out / "tuned.toml"))
    )
    assert trained["crop_scale_min"] == tuned["crop_scale_min"]
    assert tuned["colours"] in ("auto", trained["colours"])


def test_a_folder_without_labels_is_declined_with_what_to_do(
    few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in few.rglob("*.png"):
        shutil.copy(path, flat / f"{path.parent.name}-{path.name}")
    code, told = tell(capfd, "tune", flat, "--out", tmp_path / "out")
    assert code == 5
    assert "have no labels" in told
    assert "--labels-file" in told
    assert not (tmp_path / "out").exists()


def test_a_search_needs_a_place(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tune", str(few)])
    assert ended.value.code == 2
    assert "--out" in capsys.readouterr().err
