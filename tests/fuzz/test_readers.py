"""No file of ours, however it is damaged, gives another exception than the project's own.

A small slice runs with all tests; `make fuzz` gives each reader 20,000 inputs.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sit_engine.cli.verbs.serve import Serving
from sit_engine.config.build import build
from sit_engine.config.toml_file import read_chosen, read_values
from sit_engine.data.folder.index import Problem
from sit_engine.data.folder.label_file import labels_from
from sit_engine.data.folder.saved_index import SavedIndex, save_index
from sit_engine.data.pixel_cache.cache_rows import DEEP_TREATMENT, RowBook
from sit_engine.data.pixel_cache.value_range import folder_range
from sit_engine.data.scan.split import (
    from_record,
    frozen_range,
    hashes_of,
    labels_of,
    only_of,
)
from sit_engine.errors import SitError
from sit_engine.export.program import open_program
from sit_engine.models.imports.importing import import_weights
from sit_engine.records import damage
from sit_engine.records.commands import take_commands
from sit_engine.records.embedding import Embedded
from sit_engine.records.event_log import read_events
from sit_engine.records.events import read_line
from sit_engine.records.locking.run_lock import RunLock, holder_here, is_running
from sit_engine.records.places import places_of
from sit_engine.records.report import read_report
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, write_settings
from sit_engine.records.starts import describe_start, find_start
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint, frozen
from sit_studio.models.comparison_list import read_comparison
from sit_studio.models.history import History
from sit_studio.models.run_list import RunReader
from tests.fuzz import goods
from tests.fuzz.counts import MOST, tried
from tests.fuzz.damage import odd_bytes, odd_json, odd_lines, odd_table
from tests.tiny import paths_of

# The profile of `make fuzz` is the default then; other tests keep hypothesis' own.
BOUNDS = settings() if settings().max_examples >= MOST else settings(settings.get_profile("slice"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where files are written and read; relative names lead into it too."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("fuzz")
    (folder / "cwd").mkdir()
    os.chdir(folder / "cwd")
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    """A run folder with all that a run has but checkpoints."""
    found = create_run(place / "run", build({}))
    write_settings(found, goods.config(), {}, goods.SPLITS[0])
    return found


@BOUNDS
@given(text=odd_table(goods.configs(), goods.TOML_VALUES))
def test_settings(place: Path, text: bytes) -> None:
    file = place / "config.toml"
    file.write_bytes(text)

    def read() -> bool:
        read_chosen(file)
        build(read_values(file))
        return True

    tried("settings (config.toml)", read)


@BOUNDS
@given(text=odd_table(goods.LABELS, goods.LABEL_VALUES))
def test_labels(place: Path, text: bytes) -> None:
    file = place / "labels.csv"
    file.write_bytes(text)
    paths = [str(place / name) for name in ("a/0.png", "a/1.png", "b/2.png")]
    tried("labels (CSV)", lambda: bool(labels_from(file, [str(place)], paths)))


@BOUNDS
@given(text=odd_lines(goods.LINES))
def test_events(run: Run, text: bytes) -> None:
    run.events_file.write_bytes(text)

    def read() -> bool:
        summary = summarise(run)
        damage.find(run, unfit=summary.unfit)
        return bool(read_events(run))

    tried("events (events.jsonl)", read)


@BOUNDS
@given(text=odd_lines(goods.LINES, most=12))
def test_history(run: Run, text: bytes) -> None:
    history = History()

    def read() -> bool:
        history.see("alive")
        for line in text.decode("utf-8", "replace").splitlines():
            if not isinstance(found := read_line(line), str):
                history.add(*found)
                history.see("alive")
        history.see("idle")
        steps = np.arange(3, dtype=np.float64)
        history.minutes_of(steps), history.epoch_of(steps)
        return history.share >= 0 and history.waiting_share is None and history.version > 2

    tried("history of the window", read)


@BOUNDS
@given(text=odd_lines(goods.LINES), about=odd_json([{"title": "a", "note": "b", "star": True}]))
def test_list_of_runs(run: Run, text: bytes, about: bytes) -> None:
    run.events_file.write_bytes(text)
    (run.path / "about.json").write_bytes(about)
    tried("list of runs of the window", lambda: RunReader(run.path).look().problem is None)


@BOUNDS
@given(text=odd_json(goods.SPLITS))
def test_split(run: Run, place: Path, text: bytes) -> None:
    run.split_file.write_bytes(text)

    def read() -> bool:
        record = run.split()
        frozen_range(record)
        paths_of([str(place)], record["train"])
        hashes_of(record)
        own = only_of(goods.index(place), record, {}, labels_of(record))
        return len(from_record(own, record).train) > 0

    tried("split (split.json)", read)


@BOUNDS
@given(text=odd_json(goods.MOVED))
def test_moved(run: Run, text: bytes) -> None:
    run.moved_file.write_bytes(text)

    def read() -> bool:
        found = places_of(run)
        return bool(found.path("0:a/0.png") and found.path(f"{len(found.folders) - 1}:b"))

    try:
        tried("where images moved to (moved.json)", read)
    finally:
        run.moved_file.unlink()


@pytest.fixture(scope="module")
def step(run: Run) -> Path:
    """A checkpoint whose files are as the good manifest says."""
    folder = run.checkpoints / "step-00000010"
    folder.mkdir()
    for name in checkpoint.FILES:
        (folder / name).write_bytes(b"x")
    return folder


def manifest() -> dict[str, object]:
    """Of that checkpoint."""
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    files = {name: {"bytes": 1, "sha256": digest} for name in checkpoint.FILES}
    return {"step": 10, "leg": 0, "files": files, "best_step": 10, "total_steps": 50}


@BOUNDS
@given(text=odd_json([manifest()]))
def test_manifest(run: Run, step: Path, text: bytes) -> None:
    (step / "manifest.json").write_bytes(text)

    def read() -> bool:
        frozen.newest_copies(run)
        return int(checkpoint.newest_verified(run)[1]["step"]) >= 0

    tried("manifest of a checkpoint", read)


@BOUNDS
@given(data=st.data())
def test_rows(place: Path, data: st.DataObject) -> None:
    folder = place / "side-4"
    folder.mkdir(exist_ok=True)
    records, whole = goods.rows(place)
    text = data.draw(odd_lines(records) | odd_bytes([whole]))
    book = RowBook(folder, goods.SIDE)
    book.rows_file.write_bytes(text)
    book.pixels_file.write_bytes(bytes(3 * book.row_bytes))

    def read() -> bool:
        known = book.find(goods.index(place), (0.0, 9.0))
        known.note_counts(), known.without_sum()
        book.take_row()
        return len(known.missing()) < 3

    tried("rows of the pixel cache", read)


@BOUNDS
@given(data=st.data())
def test_ranges(place: Path, data: st.DataObject) -> None:
    index = goods.index(place)
    good = {
        "path": index.path(2),
        "size": 30,
        "mtime_ns": 3,
        "ranks": [1.0, 2.5],
        "treatment": DEEP_TREATMENT,
    }
    file = place / "ranges.jsonl"
    # The last line is good, so that nothing has to be decoded.
    text = data.draw(odd_lines([good]))
    file.write_bytes(text + b"\n" + json.dumps(good).encode("ascii") + b"\n")
    tried(
        "ranges of deep images", lambda: folder_range(index, file, on_progress=_quiet) is not None
    )


def _quiet(done: int, total: int) -> None:
    raise AssertionError((done, total))


@BOUNDS
@given(text=odd_json(goods.LOCKS))
def test_lock(run: Run, text: bytes) -> None:
    run.lock_file.write_bytes(text)

    def read() -> bool:
        holder_here(run)
        assert not is_running(run)
        with RunLock(run):
            return True

    tried("text of the lock", read)


@BOUNDS
@given(text=odd_json(goods.WISHES), name=st.sampled_from(["1-a.json", "x.json", "2-\u00b2.json"]))
def test_commands(run: Run, text: bytes, name: str) -> None:
    (run.control / name).write_bytes(text)
    tried("commands (control/)", lambda: bool(take_commands(run)))
    (run.control / name).unlink(missing_ok=True)


@BOUNDS
@given(line=odd_json(goods.QUESTIONS))
def test_questions(place: Path, line: bytes) -> None:
    def read() -> bool:
        out = io.BytesIO()
        Serving(out).answer(line)
        said = json.loads(out.getvalue().splitlines()[-1])
        if "error" in said:
            raise SitError(said["error"]["code"], "{text}", text=said["error"]["message"])
        return "answer" in said

    tried("lines of serve", read)


def imported(file: Path) -> bool:
    """Into a folder of its own."""
    out = file.with_name("imported")
    shutil.rmtree(out, ignore_errors=True)
    return import_weights(file, out, heads=2).path == out


@BOUNDS
@given(data=st.data())
def test_weights(place: Path, data: st.DataObject) -> None:
    suffix, whole = data.draw(st.sampled_from(goods.weights()))
    file = place / f"weights{suffix}"
    file.write_bytes(data.draw(odd_bytes([whole], most=2)))
    tried("import of weights", lambda: imported(file))


@BOUNDS
@given(data=st.data())
def test_header_of_safetensors(place: Path, data: st.DataObject) -> None:
    _, whole = goods.weights()[-2]
    length = int.from_bytes(whole[:8], "little")
    header = data.draw(odd_json([json.loads(whole[8 : 8 + length])]))
    told = data.draw(st.sampled_from([len(header), length, 0, 2**63]))
    file = place / "weights.safetensors"
    file.write_bytes(told.to_bytes(8, "little") + header + whole[8 + length :])
    tried("header of safetensors", lambda: imported(file))


@BOUNDS
@given(whole=odd_bytes([goods.program()]))
def test_program(place: Path, whole: bytes) -> None:
    file = place / "model.pt"
    file.write_bytes(whole)
    tried("what an exported model says", lambda: open_program(file).image_size > 0)


@BOUNDS
@given(text=odd_json(goods.TIMM_CONFIGS))
def test_settings_of_weights(place: Path, text: bytes) -> None:
    folder = place / "weights"
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(goods.weights()[-2][1])
    (folder / "config.json").write_bytes(text)

    def read() -> bool:
        start = find_start(folder)
        return describe_start(start).facts.width == 8

    tried("config.json of weights", read)


@BOUNDS
@given(text=odd_json([manifest()]))
def test_start_from_a_run(run: Run, step: Path, text: bytes) -> None:
    (step / "manifest.json").write_bytes(text)
    tried("start from a run", lambda: find_start(run.path) == step)


@BOUNDS
@given(name=st.sampled_from(goods.INDEX_FILES), data=st.data())
def test_saved_index(place: Path, name: str, data: st.DataObject) -> None:
    folder = place / "index"
    shutil.rmtree(folder, ignore_errors=True)
    problems = (Problem("x.png", "is", "c"),)
    index = replace(goods.index(place), problems=problems, duplicates=(("a/0.png", "a/1.png"),))
    save_index(index, folder, leaks=[("t", "u")], stage="listed")
    file = folder / name
    good = file.read_bytes()
    lines = [json.loads(line) for line in good.splitlines()] if "." not in name else []
    changed = odd_json([json.loads(good)]) if name == "summary.json" else odd_bytes([good])
    file.write_bytes(data.draw(changed | odd_lines(lines) if lines else changed))

    def read() -> bool:
        found = SavedIndex.open(folder)
        found.facts()
        return bool([*found.paths]) and all(
            [found.path(0), found.problem(0), found.duplicate_group(0), found.leak(0)]
        )

    tried("saved index", read)


@BOUNDS
@given(text=odd_json(goods.REPORTS))
def test_report(place: Path, text: bytes) -> None:
    file = place / "step-1.json"
    file.write_bytes(text)
    tried("report of the window", lambda: read_report(file) is not None)


@BOUNDS
@given(asked=odd_json(goods.COMPARED), table=odd_json(goods.COMPARISONS))
def test_comparison(place: Path, asked: bytes, table: bytes) -> None:
    folder = place / "comparison"
    folder.mkdir(exist_ok=True)
    (folder / "compare.json").write_bytes(asked)
    (folder / "comparison.json").write_bytes(table)
    tried("comparison of the window", lambda: read_comparison(folder).state != "unreadable")


@BOUNDS
@given(name=st.sampled_from(goods.EMBEDDED_FILES), data=st.data())
def test_embedded(place: Path, name: str, data: st.DataObject) -> None:
    folder = place / "embedded"
    shutil.rmtree(folder, ignore_errors=True)
    goods.write_embedded(folder)
    file = folder / name
    good = file.read_bytes()
    is_json = name.endswith(".json")
    file.write_bytes(data.draw(odd_json([json.loads(good)]) if is_json else odd_bytes([good])))

    def read() -> bool:
        found = Embedded.open(folder)
        found.map("pca"), found.near_duplicates(), found.row_of("/x/1.png"), found.is_unchanged(0)
        return len(found.nearest(found.features[0], 2)) > 0

    tried("embedded images", read)
