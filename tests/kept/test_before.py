"""Folders that an older version wrote still open, with the same answers.

`before.tar.xz` was made by the version of 2026-11-29, before the rooms of the engine were rearranged:
runs of both recipes and a finetuned one, all of a network of width 16 on three classes of the built-in
sample, a comparison, two exports, and what the networks answered to two views drawn with seed 0.
`resumable/` is a run of that version, of a network of width 8 on the squares of photos.py, and
`resumed.jsonl` what that version reported when it went on with it.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.toml_file import read_chosen, read_values, to_toml
from sit_engine.jobs.networks import load_backbones, load_method
from sit_engine.records.event_log import read_events
from sit_engine.records.events import HealthMeasured, StepReported, read_line, to_line
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.studies.comparison import Comparison
from sit_engine.records.summary import summarise
from sit_engine.studies.cells import Cell
from sit_studio.frame.main_window import MainWindow
from tests.kept.photos import write_photos
from tests.studio.conftest import *  # noqa: F403 - the window's fixtures
from tests.studio.conftest import wait
from tests.tiny import engine

HERE = Path(__file__).parent
RUNS = ("finetuned", "sit", "sit2021")
# Settings that there are since, by what these runs have of them: as asked for, and as frozen.
LATER = {
    "positions": ('"auto"', '"learned"'),
    "first_weights": ('"auto"', '"normal"'),
    "registers": ('"auto"', "0"),
    "variant": ('"auto"', '"plain"'),
    "frame_rate": ("1.0", "1.0"),
    "gifs": ('"image"', '"image"'),
    "schedule": ('"auto"', '"cosine"'),
}
# Of some methods alone.
LATER_OF = {"reconstruct_from": ('"last"', '"last"'), "turn": ("0.0", "0.0")}


def without_later(text: str, *, is_frozen: bool) -> list[str]:
    """The lines of settings that there were then."""
    later, of_some = (
        {f"{name} = {values[is_frozen]}" for name, values in each.items()}
        for each in (LATER, LATER_OF)
    )
    lines = text.splitlines()
    assert later <= set(lines)
    return [line for line in lines if line not in later | of_some]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of runs of then."""
    with tarfile.open(HERE / "before.tar.xz") as file:
        file.extractall(tmp_path, filter="data")
    return tmp_path / "runs"


@pytest.mark.parametrize("name", RUNS)
def test_networks_answer_as_they_did(name: str, kept: Path) -> None:
    before = np.load(kept.parent / "features.npz")
    views = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype("float32")
    loaded = load_backbones(open_run(kept / name))
    with torch.no_grad():
        found = loaded.trained.feature(torch.from_numpy(views)).numpy()
        assert np.allclose(found, before[name], atol=1e-5)
        if loaded.classifier is not None:
            logits = loaded.classifier(torch.from_numpy(views)).numpy()
            assert np.allclose(logits, before[f"{name}_logits"], atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_events_and_readings_are_read(name: str, kept: Path) -> None:
    run = Run(kept / name)
    found = summarise(run)
    assert (found.status, found.unfit) == ("completed", 0)
    assert found.step == found.total_steps
    lines = run.events_file.read_text("utf-8").splitlines()
    assert [line for line in lines if isinstance(read_line(line), str)] == []
    method = run.config().method
    assert method.name == {"finetuned": "finetune"}.get(name, name)
    assert method.needs_labels == (name == "finetuned")


@pytest.mark.parametrize("name", ["sit", "sit2021"])
def test_curves_of_readings_are_found_by_name(name: str, kept: Path) -> None:
    lines = (kept / name / "events.jsonl").read_text("utf-8").splitlines()
    old = [json.loads(line) for line in lines if '"HealthMeasured"' in line]
    assert any(record["agreement"] is not None for record in old)
    for record in old:
        found = read_line(json.dumps(record))
        assert not isinstance(found, str)
        event, time = found
        assert isinstance(event, HealthMeasured)
        names = ("agreement", "mask_share")
        told = {name: record[name] for name in names if record[name] is not None}
        assert event.curves == told
        assert read_line(to_line(event, time=time)) == found


def test_a_checkpoint_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    run = shutil.copytree(HERE / "resumable", tmp_path / "run")
    load_method(Run(run))
    folder = write_photos(tmp_path / "photos")
    api.resume(run, emit=lambda _: None, epochs=3, folders=[str(folder)])
    events = [event for event, _ in read_events(Run(run))]
    reports = [e for e in events if isinstance(e, StepReported) and e.step > 6]
    lines = (HERE / "resumed.jsonl").read_text("utf-8").splitlines()
    for report, line in zip(reports, map(json.loads, lines), strict=True):
        assert report.loss == pytest.approx(line["loss"], rel=1e-5)
        assert report.curves == pytest.approx(line["curves"], rel=1e-5)
    health = [event for event in events if isinstance(event, HealthMeasured)][-1]
    assert health.curves == {name: reports[-1].curves[name] for name in ("agreement", "mask_share")}


@pytest.mark.parametrize("name", RUNS)
def test_settings_would_be_written_as_they_were(name: str, kept: Path) -> None:
    chosen, frozen = kept / name / "chosen.toml", kept / name / "config.toml"
    written = without_later(to_toml(build(read_values(chosen))), is_frozen=False)
    assert written == chosen.read_text("utf-8").splitlines()
    values = [line.split("  # ")[0] for line in frozen.read_text("utf-8").splitlines()]
    assert without_later(to_toml(open_run(kept / name).config()), is_frozen=True) == values
    assert build(read_chosen(frozen)) == build(read_values(chosen))


def test_a_comparison_would_be_written_as_it_was(kept: Path) -> None:
    text = (kept / "comparison" / "comparison.json").read_text("utf-8")
    found = Comparison.from_json(json.loads(text))
    then = json.loads(text)
    runs = [run | {"images_per_s": 0.0, "memory_bytes": 0} for run in then["runs"]]
    later: dict[str, Any] = {"best": None, "curves": [], "paces": {}, "runs": runs}
    assert json.loads(json.dumps(found.to_json())) == then | later
    (cell, *_) = (kept / "comparison" / "cells").rglob("*.npz")
    Cell.read(cell).save(kept / "again.npz")
    with np.load(cell) as before, np.load(kept / "again.npz") as now:
        assert {name: before[name].tolist() for name in before} == {
            name: now[name].tolist() for name in now
        }


def test_the_command_line_opens_them(kept: Path, tmp_path: Path) -> None:
    listed = json.loads(engine("runs", kept, "--json", check=True).stdout)
    assert [(Path(row["path"]).name, row["problem"]) for row in listed] == [
        (name, "") for name in RUNS
    ]
    for name in RUNS:
        done = engine("doctor", kept / name)
        assert done.returncode == 0, done.stdout + done.stderr
    engine("export", kept / "sit", "--out", tmp_path / "new.pt", check=True)
    views = torch.zeros(1, 3, 20, 20, dtype=torch.uint8)
    with pytest.warns(FutureWarning, match="deprecated"):
        old, new = (
            torch.jit.load(path)  # type: ignore[no-untyped-call]
            for path in (kept / "exported.pt", tmp_path / "new.pt")
        )
    torch.testing.assert_close(old(views), new(views))


def test_the_window_opens_them(kept: Path, window: MainWindow, qtbot: QtBot) -> None:
    window.session.preferences.set("runs/folder", str(kept))
    window.show_page("runs")
    page = window.runs
    wait(qtbot, lambda: len(page.table_model.rows) == len(RUNS))
    assert {row.status for row in page.table_model.rows} == {"completed"}
    wait(qtbot, lambda: len(page.comparisons.rows) == 1)
    page.tabs.setCurrentWidget(page.comparisons)
    page.comparisons.table.selectRow(0)
    page.comparisons.open.click()
    wait(qtbot, lambda: page.view.table.figures.rowCount() == 5)
    for name in RUNS:
        assert window.session.open_run(kept / name)
        window.show_page("watch")
        wait(qtbot, lambda: window.session.history.state == "completed")
        assert window.session.history.has_curve("loss")
