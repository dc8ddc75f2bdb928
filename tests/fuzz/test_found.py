"""What the fuzz found, a test a kind: each gave another exception than the project's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sit_engine.config.build import build
from sit_engine.data.folder.saved_index import SavedIndex, save_index
from sit_engine.errors import CheckpointError, DataError, FileError
from sit_engine.records.arrays import load_array
from sit_engine.records.embedding import Embedded
from sit_engine.records.events import ConfigChanged
from sit_engine.records.report import report_of
from sit_engine.records.run_folder import create_run, write_settings
from sit_engine.records.starts import describe_start, find_start
from sit_engine.training import checkpoint
from sit_studio.models.comparison_list import read_comparison
from sit_studio.models.history import History
from tests.fuzz import goods
from tests.fuzz.test_readers import manifest


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """A checkpoint folder whose files are as the good manifest says."""
    run = create_run(tmp_path / "run", build({}))
    write_settings(run, goods.config(), {}, goods.SPLITS[0])
    folder = run.checkpoints / "step-00000010"
    folder.mkdir()
    for name in checkpoint.FILES:
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"step": None},
        {"step": -1},
        {"step": "10"},
        {"step": 10**20},
        {"best_step": None},
        {"best_step": "x"},
    ],
    ids=str,
)
def test_a_manifest_names_a_step(step: Path, change: dict[str, Any]) -> None:
    (step / "manifest.json").write_text(json.dumps(manifest()))
    assert checkpoint.verify(step)["step"] == 10
    (step / "manifest.json").write_text(json.dumps(manifest() | change))
    with pytest.raises(CheckpointError, match="names a step that no run has"):
        checkpoint.verify(step)
    assert find_start(step.parent.parent) == step


@pytest.mark.parametrize(
    "change",
    [
        {"pretrained_cfg": {"mean": ["a", 1, 2]}},
        {"pretrained_cfg": {"std": [1, 2]}},
        {"pretrained_cfg": {"std": 3}},
        {"pretrained_cfg": {"mean": [0, 0, float("inf")]}},
        {"model_args": {"num_heads": "2"}},
        {"model_args": {"patch_size": -1}},
    ],
    ids=str,
)
def test_settings_of_weights_have_types(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "model.safetensors").write_bytes(goods.weights()[-2][1])
    (tmp_path / "config.json").write_text(json.dumps(goods.TIMM_CONFIGS[0] | change))
    with pytest.raises(DataError):
        describe_start(tmp_path)
    values: list[object] = [[], "x", None]
    for value in values:
        broken = {"pretrained_cfg": value, "model_args": value}
        (tmp_path / "config.json").write_text(json.dumps(broken))
        assert describe_start(tmp_path).facts.width == 8


@pytest.mark.parametrize("name", ["labels", "root_of"])
def test_a_saved_index_names_only_what_is_there(tmp_path: Path, name: str) -> None:
    save_index(goods.index(tmp_path), tmp_path / "index", stage="listed")
    np.save(tmp_path / "index" / f"{name}.npy", np.full(3, 2, np.int32))
    with pytest.raises(FileError, match="names what is not there"):
        SavedIndex.open(tmp_path / "index")


@pytest.mark.parametrize(
    "change",
    [{"labelled_classes": "x"}, {"images": float("inf")}, {"cues": {"images": 3}}],
    ids=str,
)
def test_the_summary_of_a_saved_index_has_types(tmp_path: Path, change: dict[str, Any]) -> None:
    save_index(goods.index(tmp_path), tmp_path / "index", stage="listed")
    file = tmp_path / "index" / "summary.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps(about | {"summary": about["summary"] | change}))
    with pytest.raises(FileError, match="lacks what a saved index has"):
        SavedIndex.open(tmp_path / "index")


def test_an_archive_is_no_array(tmp_path: Path) -> None:
    save_index(goods.index(tmp_path), tmp_path / "index", stage="listed")
    for contents in (b"PK\x03\x04", goods.program()):
        (tmp_path / "index" / "labels.npy").write_bytes(contents)
        with pytest.raises(FileError, match="no array"):
            SavedIndex.open(tmp_path / "index")


@pytest.mark.parametrize(
    "header", ["{'descr': '<i4'}{", "(" * 5000, "'''", "{'descr': 3}", "\t\n  x\n y"]
)
def test_the_header_of_an_array_is_no_program(tmp_path: Path, header: str) -> None:
    contents = (
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(12)
    )
    save_index(goods.index(tmp_path), tmp_path / "index", stage="listed")
    (tmp_path / "index" / "labels.npy").write_bytes(contents)
    with pytest.raises(FileError, match="no array"):
        SavedIndex.open(tmp_path / "index")
    shutil.rmtree(tmp_path / "index")
    goods.write_embedded(tmp_path / "embedded")
    (tmp_path / "embedded" / "labels.npy").write_bytes(contents)
    with pytest.raises(DataError):
        Embedded.open(tmp_path / "embedded")


def test_numpy_warns_of_no_header_that_is_odd(tmp_path: Path) -> None:
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }\n\n".ljust(118)
    contents = b"\x93NUMPY\x01\x00v\x00" + header.encode() + np.arange(3, dtype="<i4").tobytes()
    (tmp_path / "odd.npy").write_bytes(contents)
    assert load_array(tmp_path / "odd.npy", np.int32).tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [3e38, -3e38, np.inf, np.nan])
def test_features_that_are_huge_or_not_finite_have_neighbours_all_the_same(
    tmp_path: Path, value: float
) -> None:
    goods.write_embedded(tmp_path / "embedded")
    file = tmp_path / "embedded" / "features.npy"
    features = np.load(file)
    features[0] = value
    np.save(file, features)
    embedded = Embedded.open(tmp_path / "embedded")
    found = embedded.nearest(np.array(embedded.features[1]), 2, but=1)
    assert np.isfinite([cosine for _, cosine in found]).all()


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "x", None, []])
def test_numbers_of_reports_and_comparisons_are_numbers(tmp_path: Path, value: object) -> None:
    assert report_of(goods.REPORTS[0]) is not None
    assert report_of(goods.REPORTS[0] | {"step": value}) is None
    for name in ("seeds", "first_seed", "budget"):
        asked = json.dumps(goods.COMPARED[0] | {name: value})
        (tmp_path / "compare.json").write_text(asked)
        assert read_comparison(tmp_path).state == "unreadable"


@pytest.mark.parametrize("text", ["", "auto", "nan", "inf", "-inf", "1e400"])
def test_epochs_that_are_no_number_change_no_history(text: str) -> None:
    history = History()
    history.add(goods.EVENTS[0], 1.0)
    total = history.total_steps
    history.add(ConfigChanged(10, "optim.epochs", "5", text, "asked for"), 2.0)
    assert history.total_steps == total > 0
