"""The quality of minutes, in seconds on a CPU: its report is whole, and the same call again goes on."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import pytest

from benchmarks import gpu_quality
from sit_engine import api


def call(monkeypatch: pytest.MonkeyPatch, data: Path, out: Path) -> str:
    """The report of one call, without its last line, which says how long it took."""
    report = out.with_suffix(".md")
    words = ["gpu-quality", str(data), "--out", str(out), "--report", str(report)]
    monkeypatch.setattr(sys, "argv", [*words, "--device", "cpu", "--quick"])
    assert gpu_quality.main() == 0
    text, _, last = report.read_text("utf-8").rstrip().rpartition("\n")
    assert last.startswith("This call took")
    return text


def first_cells(text: str) -> list[str]:
    """Of each line of a Markdown table."""
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


# Measuring the paces of four methods is most of its time.
@pytest.mark.long
def test_a_report_of_race_and_finetuning_that_goes_on_where_it_was_left(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar, out = tmp_path / "photos.tar", tmp_path / "out"
    with tarfile.open(tar, "w") as archive:
        for folder in sample:
            archive.add(folder, f"photos/{folder.name}")
    assert {folder.name for folder in sample} == {"train", "test"}

    # Ended between the two networks, as by a limit of time.
    with monkeypatch.context() as ending:
        ending.setattr(api, "scratch_twin", interrupt)
        with pytest.raises(KeyboardInterrupt):
            call(monkeypatch, tar, out)
    so_far = out.with_suffix(".md").read_text("utf-8")
    assert [name for name in first_cells(so_far) if name in gpu_quality.METHODS] == [
        *gpu_quality.METHODS
    ]
    assert "Finetuned on all labels" not in so_far

    whole = call(monkeypatch, tar, out)
    assert whole.startswith(so_far.rstrip())
    assert {"after sit", "from scratch"} <= set(first_cells(whole))
    assert "NOT COMPLETE" not in whole

    # Once more: nothing is trained or measured again.
    for done in ("pretrain", "resume", "evaluate"):
        monkeypatch.setattr(api, done, interrupt)
    assert call(monkeypatch, tar, out) == whole


def interrupt(*_: object, **__: object) -> None:
    """In place of what a stage does next."""
    raise KeyboardInterrupt
