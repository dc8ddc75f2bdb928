"""The list of runs: from their folders alone, live, and nothing strange ends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from sit_engine.records.events import Event, RunResumed, to_line
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run
from sit_studio.engine.run_lister import RunLister, load_arrays, load_history
from sit_studio.models.run_list import (
    MOST_SPARKS,
    About,
    RunList,
    RunReader,
    RunRow,
    differing,
    distinct_titles,
    read_about,
    write_about,
)
from tests.studio.conftest import wait
from tests.studio.models.test_history import report
from tests.tiny import engine, tiny_config, tiny_flags


@pytest.fixture
def copy(finished_run: Path, tmp_path: Path) -> Path:
    """A finished run that a test may change."""
    folder = tmp_path / "runs" / "mine"
    shutil.copytree(finished_run, folder)
    return folder


def look(folder: Path) -> list[RunRow]:
    return RunList().look([folder])


def append(run: Path, *events: Event) -> None:
    with (run / "events.jsonl").open("a") as file:
        file.writelines(to_line(event, time=time.time()) + "\n" for event in events)


def test_a_finished_run_is_one_row(finished_run: Path) -> None:
    for folder in (finished_run.parent, finished_run):
        (row,) = look(folder)
        assert (row.path, row.status, row.method) == (finished_run, "completed", "sit")
        assert (row.data, row.share, row.title) == ("train", 1.0, "finished")
        assert row.knn is not None
        assert row.loss is not None
        assert len(row.sparks) >= 3
        files = [path for path in finished_run.rglob("*") if path.is_file()]
        assert row.bytes == sum(path.stat().st_size for path in files)


def test_a_run_killed_before_its_settings_is_interrupted(tmp_path: Path) -> None:
    run = create_run(tmp_path / "runs" / "early", tiny_config(Path("/photos/mine")))
    (row,) = look(run.path.parent)
    assert (row.path, row.status, row.data) == (run.path, "interrupted", "mine")
    assert look(run.path) == [row]


def test_a_second_look_reads_what_is_new(copy: Path) -> None:
    reader = RunReader(copy)
    first = reader.look()
    append(copy, RunResumed(1, 10, "step-10", 1), report(11, loss=7.0))
    second = reader.look()
    assert (first.status, second.status) == ("completed", "interrupted")
    assert (second.step, second.loss) == (11, 7.0)


def test_a_million_steps_make_a_short_sparkline(copy: Path) -> None:
    (copy / "events.jsonl").write_text("")
    append(copy, RunResumed(1, 0, "step-0", 1), *(report(step) for step in range(1, 3000)))
    reader = RunReader(copy)
    assert len(reader.look().sparks) <= MOST_SPARKS
    assert len(reader.losses) <= 2 * MOST_SPARKS


def test_what_the_user_wrote_lies_in_the_run(copy: Path) -> None:
    about = About("Leaves, blurred", "second try\nwith ❦", starred=True)
    write_about(copy, about)
    assert read_about(copy) == about
    assert look(copy)[0].title == "Leaves, blurred"
    (copy / "about.json").write_text("[1]")
    assert look(copy)[0].about == About()


def test_strange_folders_are_rows_or_nothing(copy: Path) -> None:
    folder = copy.parent
    (folder / "pictures").mkdir()
    (folder / "file.txt").write_text("x")
    future = folder / "future"
    shutil.copytree(copy, future)
    (future / "format").write_text("99\n")
    torn = folder / "torn"
    shutil.copytree(copy, torn)
    (torn / "config.toml").write_text("[[[")
    (torn / "events.jsonl").write_bytes(b'{"event": "RunSta\xff\xfe')
    killed = folder / "killed"
    shutil.copytree(copy, killed)
    append(killed, RunResumed(1, 10, "step-10", 1))
    (killed / "lock").write_text(
        json.dumps({"pid": 2**22 + 1, "started": 0.0, "host": "elsewhere"})
    )
    found = {row.path.name: row.status for row in look(folder)}
    assert found == {
        "mine": "completed", "future": "unreadable", "torn": "damaged", "killed": "interrupted",
    }  # fmt: skip
    with RunLock(Run(killed)):
        assert {row.path.name: row.status for row in look(folder)}["killed"] == "running"
    assert look(folder / "missing") == []


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="becomes another user")
def test_a_folder_that_may_not_be_read_ends_no_list() -> None:
    program = (
        "import os, sys, pathlib\n"
        "from sit_studio.models.run_list import RunList\n"
        "from sit_studio.file_manager import is_file, is_folder, is_run, is_there\n"
        "os.setuid(65534)\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "print(RunList().look([path, path / 'inside']), is_file(path / 'x'), is_run(path),\n"
        "      is_folder(path / 'x'), is_there(path / 'x'))\n"
    )
    # Not under tmp_path, to which the other user has no way.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (Path(place) / "secret" / "inside").mkdir(parents=True)
        (Path(place) / "secret").chmod(0o700)
        done = subprocess.run(
            [sys.executable, "-c", program, str(Path(place) / "secret")],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.stdout.split() == ["[]", "False", "False", "False", "True"], done.stderr


def test_a_zombie_trains_nothing(copy: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    identity = {"pid": process.pid, "started": time.time(), "host": os.uname().nodename}
    (copy / "lock").write_text(json.dumps(identity))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(Run(copy))
    process.wait()


def test_only_what_differs_is_compared() -> None:
    first = {"preset": "quick", "optim": {"epochs": 1, "batch_size": 4}}
    second = {"preset": "quick", "optim": {"epochs": 2, "batch_size": 4, "minutes": 3}}
    assert differing({"a": first, "b": second}) == [
        ("optim.epochs", ["1", "2"]),
        ("optim.minutes", ["–", "3"]),
    ]


def test_runs_of_one_title_are_told_apart() -> None:
    a, b, c = Path("/x/a"), Path("/x/b"), Path("/y/a")
    assert distinct_titles({a: "one", b: "two"}) == {a: "one", b: "two"}
    assert distinct_titles({a: "one", b: "one"}) == {a: "one (a)", b: "one (b)"}
    found = distinct_titles({a: "one", b: "one", c: "one"})
    assert len(set(found.values())) == 3
    assert found[c] == f"one ({c})"


@pytest.mark.skipif(sys.platform != "linux", reason="names elsewhere are Unicode")
def test_a_folder_that_is_not_unicode_is_shown_as_people_see_it(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    images = tmp_path / "caf\udce9"
    shutil.copytree(sample[0], images)
    engine("pretrain", images, "--out", tmp_path / "run", *tiny_flags(), check=True)
    (row,) = look(tmp_path / "run")
    assert row.data == "caf\ufffd"


def test_the_lister_looks_while_a_page_wants_it_and_ends(qtbot: QtBot, copy: Path) -> None:
    folders: list[Path] = []
    heard: list[list[RunRow]] = []
    asked_in: set[int] = set()

    def now() -> list[Path]:
        asked_in.add(threading.get_ident())
        return list(folders)

    lister = RunLister(now)
    lister.listed.connect(heard.append)
    lister.start()
    lister.want("test", True)
    wait(qtbot, lambda: heard)
    folders.append(copy.parent)
    lister.look_now()
    wait(qtbot, lambda: heard[-1] and heard[-1][0].path == copy)
    lister.leave()
    assert lister.wait(5000)
    # The settings behind it belong to the window's thread.
    assert asked_in == {threading.get_ident()}


def test_arrays_and_histories_are_read_in_a_thread(
    qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    heard: list[object] = []
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 nonsense")
    whole = tmp_path / "whole.npz"
    np.savez(whole, a=np.arange(3))
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[:-30])
    for path in (tmp_path / "missing.npz", tmp_path / "damaged.npz", cut):
        load_arrays(path, heard.append)
    wait(qtbot, lambda: len(heard) == 3)
    assert heard == [None, None, None]
    threads: list[int] = []

    def hear(found: object) -> None:
        heard.append(found)
        threads.append(threading.get_ident())

    load_arrays(whole, hear)
    load_history(finished_run, heard.append)
    wait(qtbot, lambda: len(heard) == 5)
    assert threads == [threading.get_ident()]
