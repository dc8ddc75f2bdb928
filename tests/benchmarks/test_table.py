"""The harness of the benchmarks: works take turns, and tables survive a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.table import Table, alternate, markdown, ratio, read, row, write


def test_works_take_turns_and_the_warm_up_is_left_out() -> None:
    called: list[tuple[str, int]] = []
    seconds = alternate(
        {
            "a": lambda repeat: called.append(("a", repeat)),
            "b": lambda repeat: called.append(("b", repeat)),
        },
        2,
    )
    assert called == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


def test_the_ratio_is_the_median_over_repeats() -> None:
    # One disturbed repeat moves the ratio of the medians, but not this.
    assert ratio([1.0, 2.0, 1.0], [3.0, 6.0, 90.0]) == pytest.approx(3.0)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = Table("steps", "python -m benchmarks.steps", {"cores": 2}, [row(what="a", ratio=2.0)])
    write(table, tmp_path / "steps.json")
    assert read(tmp_path / "steps.json") == table


def test_markdown_aligns_figures_and_leaves_gaps() -> None:
    rows = [row(what="ours", ms=1.234), row(what="theirs", ratio=0.5)]
    lines = markdown(Table("t", "command", {}, rows)).splitlines()
    assert lines[0] == "`command`"
    assert lines[2:] == [
        "| what   |   ms |  ratio |",
        "| ------ | ---: | -----: |",
        "| ours   | 1.23 |        |",
        "| theirs |      | 0.50 × |",
    ]
