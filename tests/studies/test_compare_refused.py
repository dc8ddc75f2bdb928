"""Comparisons of what cannot stand side by side, or cannot be trained here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sit_engine.config.tree import ResolvedConfig
from sit_engine.errors import OutOfMemoryError, SitError
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


@pytest.mark.parametrize("where", ["a step", "its networks"])
def test_settings_for_which_memory_is_short_end_no_comparison(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    class Refused(Stepper):
        def __init__(self, config: ResolvedConfig, *more: Any) -> None:
            if config.optim.batch_size == 10 and where == "its networks":
                raise OutOfMemoryError(
                    "memory.device", "There was not enough memory.", "Take less."
                )
            super().__init__(config, *more)

        def learn(self, step_info: StepInfo) -> Learned:
            if self.batches.batch_size == 10:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().learn(step_info)

    out = tmp_path / "out"
    configs = {"large": settings(optim={"batch_size": 10}), "small": settings()}
    with monkeypatch.context() as short:
        short.setattr(loop, "Stepper", Refused)
        found, _, _ = compare(few, out, configs, seeds=1, shots=1)
    runs = [(run.config, run.status, run.step) for run in found.runs]
    # Without a checkpoint there is nothing to measure.
    first = [("large", "failed", 0)] if where == "a step" else []
    assert runs == [*first, ("small", "completed", 8)]
    assert ("large, seed 0 is incomplete: failed at step 0" in to_text(found)) == bool(first)
    # Memory may be there another time: the same call tries again, and does nothing else.
    found, names, _ = compare(few, out, configs, seeds=1, shots=1)
    assert names == ["large-seed0"]
    assert found.is_complete
    assert [run.status for run in found.runs] == ["completed", "completed"]


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
