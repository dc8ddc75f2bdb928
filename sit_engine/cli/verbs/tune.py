"""`sit-engine tune`: find settings for one folder in so many minutes, and write them as a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.screen import Screen
from sit_engine.cli.terminal_leg import Signals, add_quiet_flag
from sit_engine.cli.verbs.compare import named
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.records.tuning import RUNGS


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER, --minutes, --out, --config, --labels-file, --threads."""
    parser.add_argument("folder", metavar="FOLDER", help="images, one sub-folder a class")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the settings (tuned.toml), the tables (tuning.json) and the runs go; the same "
        "command again goes on",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=20.0,
        metavar="M",
        help="about how long all runs may take together (default 20)",
    )
    parser.add_argument(
        "--config",
        default="standard",
        metavar="CONFIG",
        help="a TOML file or a preset: the default that is tuned (default standard)",
    )
    parser.add_argument(
        "--labels-file", metavar="FILE", help="CSV file with the columns path and label instead"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of every run")
    add_quiet_flag(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train, measure, choose and print the tables; a signal checkpoints the run and leaves."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json, quiet=chosen.quiet)
    signals = Signals(screen)
    signals.install()

    def on_run(rung: int, name: str, number: int, total: int) -> None:
        signals.go_on()
        screen.say(f"Round {rung} of {RUNGS}, run {number} of {total}: {name}")

    def on_progress(phase: str, done: int, total: int) -> None:
        signals.go_on()
        if not chosen.quiet:
            screen.progress(phase, done, total)

    out = chosen.out.expanduser().absolute()
    (base,) = named([Path(chosen.config).expanduser()], chosen.threads).values()
    try:
        found = api.tune(
            absolute(chosen.folder),
            out,
            minutes=chosen.minutes,
            base=base,
            labels_file=chosen.labels_file and absolute(chosen.labels_file),
            emit=signals.on_event,
            make_control=signals.make_control,
            on_run=on_run,
            on_progress=on_progress,
        )
    except KeyboardInterrupt:
        screen.say("Stopped at once. The same command goes on.")
        return signals.exit_code
    finally:
        screen.clear()
    print(json.dumps(found.to_json()) if chosen.json else found.to_text())
    if not found.is_complete:
        screen.say("The same command goes on.")
        return signals.exit_code
    screen.say(f"Next: sit-engine pretrain FOLDER --config {out / 'tuned.toml'} --out RUN")
    return 0
