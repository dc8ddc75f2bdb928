"""A slice of the drill, in a process of its own: a fault here and there, and each promise kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.drill.book import Book
from tests.drill.order import wrong

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and kill signals")

SLICE = 331
"""Each so many of all cases, odd so that commands and faults take turns; the rest is the drill's."""


def test_a_slice_of_the_drill(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.drill", "--out", str(tmp_path), "--every", str(SLICE)]
    # Each process first does all commands undisturbed, which takes longer than the slice.
    words += ["--workers", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=280)
    found = Book(tmp_path / "results.jsonl").read()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(found) > 9
    assert {one.case.part for one in found} >= {"pretrain", "damage"}


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        (["write a/.x", "fsync a/.x", "rename a/.x a/x", "fsync a"], ""),
        (["write a/.x", "rename a/.x a/x", "fsync a"], "renamed before it was synced: a/.x"),
        (["write a/.x", "fsync a/.x", "rename a/.x a/x"], "its folder was never synced: a/x"),
        (
            ["fsync a/.x", "rename a/.x a/x", "write r/events.jsonl", "fsync a"],
            "told before its folder was synced: a/x",
        ),
        (
            ["write a/.n/.tmp1", "fsync a/.n/x", "fsync a/.n", "rename a/.n a/n", "fsync a"],
            "",
        ),
        (["write a/.n/x", "fsync a/.n", "rename a/.n a/n", "fsync a"], "renamed before it was"),
    ],
)
def test_the_order_of_calls_that_a_power_cut_asks_for(calls: list[str], said: str) -> None:
    found = wrong([[*call.split(), ""] for call in calls])
    assert found.startswith(said) if said else not found
