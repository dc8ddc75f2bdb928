"""`sit-engine demo`: the whole job on the built-in sample, with a table of before and after."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sit_engine.cli.screen import Screen, duration
from sit_engine.cli.terminal_leg import Signals
from sit_engine.cli.verbs.export import snippet
from sit_engine.config.build import build
from sit_engine.counted import counted
from sit_engine.errors import ExportError, RunError
from sit_engine.files import disk_error
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run

if TYPE_CHECKING:
    from sit_engine.records.exported import Exported
    from sit_engine.records.report import Report

MINUTES = 2.0
MARK = ".sit-demo"


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """--out and --minutes."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="where everything goes (default: demo)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help=f"about how long to train (default {MINUTES})",
    )
    parser.add_argument(
        "--replace", action="store_true", help="remove what an earlier demo left in DIR first"
    )


def run(chosen: argparse.Namespace) -> int:
    """Sample, scan, pretrain, evaluate, look, export."""
    from sit_engine import api
    from sit_engine.data.sample import write_sample

    screen = Screen(as_json=chosen.json)
    out = _clear(chosen.out.expanduser().absolute(), replace=chosen.replace)
    screen.say("1. Writing the built-in sample: crops of real photographs, one class a photograph")
    train, test = map(str, write_sample(out / "images"))
    screen.say("2. Scanning it")
    found = api.scan([train], on_progress=screen.progress).to_json()
    usable = counted(found["usable"], "usable images", ",")
    screen.say(f"   {usable}, {counted(len(found['classes']), 'classes')}")
    screen.say(f"3. Pretraining without labels, about {counted(chosen.minutes, 'minutes', 'g')}")
    run = out / "run"
    signals = Signals(screen)
    if not _train(run, train, chosen.minutes, signals):
        screen.say(f"Continue with: sit-engine resume {run}")
        return signals.exit_code
    screen.say("4. Measuring before and after")
    report, _ = api.evaluate(
        run, EvaluateRequest(train=[train], test=[test]), on_progress=screen.progress
    )
    screen.say("5. Pictures and the model to take home")
    pictures = api.inspect(run, images=[], out=out / "pictures")
    pictures.append(api.draw_curves(run, out / "pictures" / "curves.png"))
    exported = _export(run, out, screen)
    if chosen.json:
        record = {"report": report.to_json(), "pictures": [str(picture) for picture in pictures]}
        print(json.dumps(record | {"export": exported.to_json()}))
    else:
        _show(report, pictures, exported)
    return 0


def _clear(out: Path, *, replace: bool) -> Path:
    """An empty folder with our mark; a folder without the mark is never removed."""
    if is_running(Run(out / "run")):
        raise RunError(
            "demo.running",
            "A demo is training in {path} now.",
            "Wait for it, or choose another folder with --out.",
            path=out,
        )
    try:
        if replace and (out / MARK).is_file():
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise RunError(
                "demo.exists",
                "The folder {path} is not empty.",
                "Remove it, or choose another with --out.",
                path=out,
            )
        (out / MARK).touch()
    except OSError as error:
        raise disk_error(error, out) from None
    return out


def _train(run: Path, folder: str, minutes: float, signals: Signals) -> bool:
    """The preset `quick`; whether the run was completed."""
    from sit_engine import api

    values = {"preset": "quick", "data": {"folders": [folder]}, "optim": {"minutes": minutes}}
    signals.install()
    started_s = time.monotonic()
    result = api.pretrain(
        build(values), run, emit=signals.on_event, make_control=signals.make_control
    )
    signals.screen.say(f"   {duration(time.monotonic() - started_s)} with decoding and readings")
    return result.outcome == "completed"


def _show(report: Report, pictures: list[Path], exported: Exported) -> None:
    """The table, where the pictures are, and how to use the model."""
    print(f"\n{report.to_text()}\n")
    for picture in pictures:
        if picture.suffix == ".png":
            print(f"   {picture}")
    print(f"   {exported.path}")
    if exported.difference is not None:
        print(
            f"   reopened in a clean process: differs by {exported.difference:.1e}, "
            f"{exported.latency_ms:.1f} ms for one image on {counted(exported.threads, 'CPU threads')}"
        )
    print(f"\nUse it anywhere:\n\n{snippet(exported)}")


def _export(run: Path, out: Path, screen: Screen) -> Exported:
    """TorchScript, or a program of torch.export where this Python cannot make it."""
    from sit_engine import api

    try:
        return api.export(run, format="torchscript", out=out / "model.pt")
    except ExportError as error:
        if error.code != "export.torchscript":
            raise
        screen.say(f"   {error.message} Writing a program of torch.export instead.")
        return api.export(run, format="pt2", out=out / "model.pt2")
