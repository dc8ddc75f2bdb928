"""Every file of a run, damaged in every way, before every verb: a sentence, or it goes on as it was."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sit_engine.errors import CheckpointError
from sit_engine.records.commands import drop
from sit_engine.records.places import places_of, save
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.drill.bench import Bench, Reference
from tests.drill.book import Case, Share
from tests.drill.forks import in_fork
from tests.drill.jobs import JOBS, Place, Words

WINDOW_S = 60.0
HUGE_BYTES = 3 << 30


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    """One bit, in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


HARMS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "empty": lambda path: os.truncate(path, 0),
    "half": _halve,
    "a bit": _flip,
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 64),
    "deep": lambda path: path.write_text('{"a": ' + "[" * 200_000),
    "huge": lambda path: os.truncate(path, HUGE_BYTES),
    "FIFO": lambda path: _replace(path, os.mkfifo),
    "folder": lambda path: _replace(path, Path.mkdir),
    "link": lambda path: _replace(path, lambda at: at.symlink_to("/dev/zero")),
}
FILES = (
    "format", "chosen.toml", "config.toml", "split.json", "events.jsonl", "about.json", "lock",
    "moved.json", "control/*.json", "checkpoints/*/manifest.json", "checkpoints/*/model.safetensors",
    "checkpoints/*/state.pt", "previews/*/reconstructions.npz",
)  # fmt: skip
CACHE_FILES = ("pixels.bin", "rows.jsonl")


def verbs(place: Place) -> dict[str, Words]:
    """What is done to the damaged run; each on a copy of its own."""
    return {
        "runs": ["runs", place.run.parent],
        "doctor": ["doctor", place.run],
        "evaluate": ["evaluate", place.run, "--test", place.tests],
        "export": ["export", place.run, "--format", "safetensors", "--out", place.out],
        "repair": ["repair", place.run],
        "resume": ["resume", place.run, "--quiet"],
    }


def work(bench: Bench, share: Share) -> None:
    """A run that was killed half-way, its newest checkpoint among what is damaged."""
    if not share.wants("damage"):
        return
    reference = bench.reference(JOBS[0])
    broken = _interrupted(bench, reference)
    for name in FILES:
        for harm in HARMS:
            for verb in (*verbs(bench.place), "window"):
                case = Case("damage", verb, f"{name}: {harm}")
                share.meet(case, partial(meet, bench, reference, broken, name, harm, verb))
    for name in CACHE_FILES:
        for harm in HARMS:
            case = Case("damage", "cache", f"{name}: {harm}")
            share.meet(case, partial(_cache, bench, reference, name, harm))


def _interrupted(bench: Bench, reference: Reference) -> Path:
    """The run as a kill after its first checkpoints leaves it."""
    bench.restore(reference.template)
    bench.act(reference.job)
    run = Run(bench.place.run)
    lines = run.events_file.read_text("utf-8").splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if '"step": 2,' in line and "StepReported" in line)
    run.events_file.write_text("".join(lines[: cut + 1]), "utf-8")
    for step in checkpoint.all_steps(run):
        if step > 2:
            shutil.rmtree(checkpoint.folder(run, step))
    (run.path / "about.json").write_text('{"title": "a"}')
    (run.path / "lock").write_text("{}")
    save(run, places_of(run))
    # Asked of the leg that was killed, which did not take it.
    drop(run, "checkpoint", summarise(run).leg)
    broken = bench.templates / "interrupted"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(bench.place.state, broken)
    return broken


def meet(bench: Bench, reference: Reference, broken: Path, name: str, harm: str, verb: str) -> str:
    """Damage one file, do one thing."""
    bench.restore(broken)
    path = max(bench.place.run.glob(name))
    HARMS[harm](path)
    before = _kept(bench.place.run, path)
    if verb == "window":
        ended = in_fork(lambda: _window(bench.place), bench.said)
    else:
        ended = bench.command(*verbs(bench.place)[verb])
    if ended.is_our_fault:
        return f"no sentence: {ended.code} {ended.said.strip()}"
    if gone := before - _kept(bench.place.run, path):
        return f"gone: {sorted(gone)}"
    if (
        verb == "resume"
        and ended.code == 0
        and (now := reference.job.result(bench.place)) != reference.result
    ):
        return f"other bits: {now}"
    return ""


def _kept(run: Path, damaged: Path) -> set[str]:
    """What nobody may take away: whole checkpoints, events and settings that were not damaged."""
    found = {
        name for name in ("config.toml", "split.json", "events.jsonl") if (run / name).is_file()
    }
    for folder in (run / "checkpoints").glob("step-*"):
        try:
            checkpoint.verify(folder)
            found.add(folder.name)
        except (CheckpointError, OSError):
            continue
    return found - {damaged.name}


def _cache(bench: Bench, reference: Reference, name: str, harm: str) -> str:
    """The same run on a damaged cache has the same bits, or says what is wrong."""
    bench.restore(reference.template)
    bench.act(reference.job)
    shutil.rmtree(bench.place.run)
    HARMS[harm](next((bench.place.state / "cache/pixels").glob(f"*/{name}")))
    ended = bench.act(reference.job)
    if ended.is_our_fault:
        return f"no sentence: {ended.code} {ended.said.strip()}"
    if ended.code:
        return ""
    now = reference.job.result(bench.place)
    return "" if now == reference.result else f"other bits: {now}"


def _window(place: Place) -> int:
    """The real window lists the folder and opens the run."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    from sit_studio.app import make_application, open_window

    application: QApplication = make_application()
    window = open_window(application)
    window.session.preferences.set("runs/folder", str(place.run.parent))
    window.show_page("runs")
    until_s = time.monotonic() + WINDOW_S
    while not window.runs.table_model.rows:
        application.processEvents()
        if time.monotonic() > until_s:
            raise TimeoutError("the window listed no run")
    window.session.open_run(place.run)
    window.show_page("watch")
    # One that cannot be opened at all was told of in a sentence, and nothing is open.
    while window.session.run is not None and window.session.history.state == "opening":
        application.processEvents()
        if time.monotonic() > until_s:
            raise TimeoutError("the window never opened the run")
    window.grab()
    window.close_now()
    return 0
