"""One bad run folder is one line that says what is wrong with it, and hides no other."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sit_engine.errors import FileError
from sit_engine.records.event_log import EventWriter, read_events
from sit_engine.records.follow import Follower
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from tests.hostile import DAMAGED, good_run, make_all
from tests.tiny import engine


def test_every_run_is_listed_and_a_bad_one_says_why(tmp_path: Path) -> None:
    wanted = make_all(tmp_path)
    done = engine("runs", tmp_path, "--json", check=True)
    rows = {Path(row["path"]).name: row for row in json.loads(done.stdout)}
    assert {name: row["status"] for name, row in rows.items()} == wanted
    for name, row in rows.items():
        assert bool(row["problem"]) == (name in DAMAGED), row
        assert "\n" not in row["problem"]
    # What the good lines tell is told all the same.
    assert (rows["null step"]["step"], rows["null step"]["total_steps"]) == (50, 50)
    done = engine("runs", tmp_path, check=True)
    assert len(done.stdout.splitlines()) == len(wanted) + len(DAMAGED)
    assert "did not write (1); they are passed over" in done.stdout


def test_the_doctor_names_what_is_wrong_with_the_files(tmp_path: Path) -> None:
    run = good_run(tmp_path / "run")
    (run / "split.json").write_text("")
    done = engine("doctor", run)
    assert "split.json is larger" not in done.stdout
    assert "split.json" in done.stdout
    assert "it is empty" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="a FIFO is a file of POSIX")
def test_a_fifo_named_events_keeps_nobody_waiting(tmp_path: Path) -> None:
    run = Run(good_run(tmp_path / "run"))
    run.events_file.unlink()
    os.mkfifo(run.events_file)
    follower = Follower(run)
    assert follower.read_new() == []
    assert follower.problem is not None
    for read in (read_events, summarise, EventWriter):
        with pytest.raises(FileError, match=r"events\.jsonl is no regular file"):
            read(run)


def test_a_follower_passes_over_a_line_without_end(tmp_path: Path) -> None:
    run = Run(good_run(tmp_path / "run"))
    lines = run.events_file.read_bytes().splitlines(keepends=True)
    follower = Follower(run)
    run.events_file.write_bytes(lines[0] + b"x" * 5_000_000)
    assert len(follower.read_new()) == 1
    for _ in range(20):
        assert follower.read_new() == []
    with run.events_file.open("ab") as file:
        file.write(b"x\n" + lines[1])
    assert len(follower.read_new()) == 1
    assert follower.unfit == 1


def test_a_follower_looks_past_blocks_without_an_event(tmp_path: Path) -> None:
    run = Run(good_run(tmp_path / "run"))
    last = run.events_file.read_bytes().splitlines(keepends=True)[-1]
    run.events_file.write_bytes(b"{}\n" * 200_000 + last)
    follower = Follower(run)
    assert len(follower.read_new()) == 1
    assert follower.unfit == 200_000
