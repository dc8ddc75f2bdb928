"""The check on ratios: what fell is told, what is only slower is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import regression
from benchmarks.table import Row, Table, row, write


def written(folder: Path, *rows: Row) -> str:
    """A folder with one table."""
    folder.mkdir()
    write(Table("step", "python -m benchmarks.step", {}, list(rows)), folder / "step.json")
    return str(folder)


def case(size_px: int, ms: float, ratio: float | None) -> Row:
    """A row of it."""
    return row(network="ViT-Ti", size_px=size_px, ms=ms, ratio=ratio)


def test_a_ratio_that_fell_is_told_with_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old", case(32, 10.0, 4.0), case(224, 10.0, 3.0))
    new = written(tmp_path / "new", case(32, 10.0, 3.0), case(224, 10.0, 2.9))
    assert regression.main([old, new]) == 1
    told = capsys.readouterr().out
    assert "step · ViT-Ti · 32 · ratio: 4.00 × before, 3.00 × now (-25%)" in told
    assert "224" not in told
    assert regression.main([old, new, "--tolerance", "0.3"]) == 0


def test_a_slower_machine_is_no_regression(tmp_path: Path) -> None:
    old = written(tmp_path / "old", case(32, 10.0, 4.0))
    new = written(tmp_path / "new", case(32, 90.0, 4.1))
    assert regression.main([old, new]) == 0


def test_folders_without_a_common_ratio_are_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old", case(32, 10.0, 4.0))
    new = written(tmp_path / "new", case(64, 10.0, None))
    assert regression.main([old, new]) == 1
    assert "not measured now" in capsys.readouterr().out
