"""`sit-engine demo`: the whole job on the built-in sample, with a table of before and after."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from sit_engine.cli.export import snippet
from sit_engine.cli.screen import Screen, duration
from sit_engine.cli.session import Signals
from sit_engine.errors import RunError
from sit_engine.runs import disk_error

MINUTES = 2.5
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
    from sit_engine.config.build import build
    from sit_engine.data.sample import write_sample

    screen = Screen(as_json=chosen.json)
    out = chosen.out.expanduser().absolute()
    if chosen.replace and (out / MARK).is_file():
        shutil.rmtree(out)
    if out.exists() and any(out.iterdir()):
        raise RunError(
            "demo.exists",
            "The folder {path} is not empty.",
            "Remove it, or choose another with --out.",
            path=out,
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARK).touch()
    except OSError as error:
        raise disk_error(error, out) from None
    screen.say("1. Writing the built-in sample: crops of real photographs, one class a photograph")
    train, test = write_sample(out / "images")
    screen.say("2. Scanning it")
    index = api.scan([str(train)], on_progress=screen.progress)
    found = index.to_json()
    screen.say(f"   {found['usable']:,} usable images, {len(found['classes'])} classes")
    screen.say(f"3. Pretraining without labels, about {chosen.minutes:g} minutes")
    config = build(
        {
            "preset": "quick",
            "data": {"folders": [str(train)]},
            "optim": {"minutes": chosen.minutes},
        }
    )
    path = out / "run"
    signals = Signals(screen)
    signals.install()
    started_s = time.monotonic()
    result = api.pretrain(config, path, emit=signals.on_event, make_control=signals.make_control)
    screen.clear()
    screen.say(f"   {duration(time.monotonic() - started_s)} with decoding and readings")
    if result.outcome != "completed":
        screen.say(f"Continue with: sit-engine resume {path}")
        return 3
    screen.say("4. Measuring before and after")
    report = api.evaluate(path, train=[str(train)], test=[str(test)], on_progress=screen.progress)
    screen.clear()
    if not chosen.json:
        print(f"\n{report.to_text()}\n", flush=True)
    screen.say("5. Pictures and the model to take home")
    pictures = api.inspect(path, images=[], out=out / "pictures")
    pictures.append(api.draw_curves(path, out / "pictures" / "curves.png"))
    done = api.export(path, format="torchscript", out=out / "model.pt")
    if chosen.json:
        print(json.dumps({"report": report.to_json(), "pictures": [str(p) for p in pictures],
                          "export": str(done.path), "difference": done.difference,
                          "latency_ms": done.latency_ms}))  # fmt: skip
        return 0
    for picture in pictures:
        if picture.suffix == ".png":
            print(f"   {picture}")
    print(
        f"   {done.path} (reopened in a clean process: differs by {done.difference:.1e}, "
        f"{done.latency_ms:.1f} ms for one image on {done.threads} CPU threads)"
    )
    print(f"\nUse it anywhere, with torch alone:\n\n{snippet('torchscript', done.path)}")
    return 0
