"""Comparisons of what cannot stand side by side, or cannot be trained here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sit_engine.errors import SitError
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.studies.comparison_text import to_text
from sit_engine.training import loop
from sit_engine.training.stepper import Learned, Stepper
from tests.studies.test_compare import compare, settings
from tests.tiny import tiny_finetune


def test_each_side_is_read_as_its_own_layout_says(few: Path, tmp_path: Path) -> None:
    """Of vehicles "train" is a class: who says so is believed on both sides."""
    for side in ("photos", "asked"):
        for name, kind in (("cat", "train"), ("moon", "test")):
            shutil.copytree(few / name, tmp_path / side / kind)
    for file in (tmp_path / "asked").rglob("*.png"):
        file.write_bytes(file.read_bytes() + b"\0")
    configs = {name: settings(data={"layout": "classes"}) for name in ("one", "other")}
    found, _, _ = compare(
        tmp_path / "photos", tmp_path / "out", configs,
        test=[str(tmp_path / "asked")], shots=1, seeds=1,
    )  # fmt: skip
    assert (found.train_images, found.test_images) == (24, 24)


def test_settings_for_which_memory_is_short_end_no_comparison(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(Stepper):
        def learn(self, step_info: StepInfo) -> Learned:
            if self.batches.batch_size == 10:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().learn(step_info)

    monkeypatch.setattr(loop, "Stepper", Refused)
    configs = {"large": settings(optim={"batch_size": 10}), "small": settings()}
    found, names, _ = compare(few, tmp_path / "out", configs, seeds=1, shots=1)
    assert [(run.config, run.status, run.step) for run in found.runs] == [
        ("large", "failed", 0), ("small", "completed", 8),
    ]  # fmt: skip
    assert found.is_complete
    assert "large, seed 0 is incomplete: failed at step 0" in to_text(found)
    # The same call again knows of it.
    _, names, _ = compare(few, tmp_path / "out", configs, seeds=1, shots=1)
    assert names == []


def test_what_cannot_be_compared_is_a_sentence_and_nothing_is_written(
    few: Path, tmp_path: Path
) -> None:
    two = {"a": settings(), "b": settings()}
    out, other, full = tmp_path / "out", tmp_path / "other", tmp_path / "full"
    shutil.copytree(few / "cat", other / "cat")
    shutil.copytree(few / "cat", other / "horse")
    for number in (1, 2):
        shutil.copytree(few / "cat", tmp_path / "lone" / "cat" / str(number))
    full.mkdir()
    (full / "letter.txt").write_text("kept")
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"configs": {"a": settings()}}, 4, "two or more"),
        ({"configs": two | {"b": tiny_finetune(few)}}, 4, "compare is for"),
        ({"configs": two, "seeds": 0}, 4, "seeds cannot be 0"),
        ({"configs": two, "budget": Budget("images", -1)}, 4, "images cannot be -1"),
        ({"configs": two, "budget": Budget("epochs", 1e9)}, 4, "optim.epochs cannot be"),
        ({"configs": two, "folder": tmp_path / "lone"}, 5, "fewer than two classes"),
        ({"configs": two, "folder": tmp_path / "none"}, 5, "none"),
        ({"configs": two, "test": [str(other)]}, 5, "horse"),
        ({"configs": {"a": settings(data={"watch_share": 0}), "b": settings()}}, 5, "held out"),
        ({"configs": two, "out": few / "out"}, 2, "inside"),
        ({"configs": two, "out": full}, 2, "no comparison"),
    ]
    for given, code, part in cases:
        with pytest.raises(SitError, match=part) as found:
            compare(**{"folder": few, "out": out} | given)
        assert found.value.exit_code == code, part
        assert not out.exists()
        assert not (few / "out").exists()
    assert [path.name for path in full.iterdir()] == ["letter.txt"]
