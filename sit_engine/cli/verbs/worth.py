"""`sit-engine worth`: does pretraining, or going on from public weights, pay on these images?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.screen import Screen
from sit_engine.cli.terminal_leg import Signals, add_quiet_flag
from sit_engine.cli.verbs.evaluate import absolute


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER, the weights to try, the minutes, the folder to make, test images."""
    parser.add_argument("folder", metavar="FOLDER", help="images, one sub-folder a class")
    parser.add_argument(
        "--weights",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="imported weights or runs to try frozen and continued (`sit-engine weights`, `import`)",
    )
    parser.add_argument(
        "--minutes", type=float, default=30, metavar="M", help="for all training (default 30)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR",
        help="the study's folder; the same command again goes on",
    )  # fmt: skip
    parser.add_argument(
        "--test",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="labelled images to ask about (default: some that are held out of all training)",
    )
    parser.add_argument(
        "--labels-file", metavar="FILE", help="CSV file with the columns path and label instead"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of every run")
    add_quiet_flag(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train, ask, print the table and the advice; a signal checkpoints and leaves."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json, quiet=chosen.quiet)
    signals = Signals(screen)
    signals.install()

    def on_run(name: str, number: int, total: int) -> None:
        signals.go_on()
        screen.say(f"Run {number} of {total}: {name}")

    def on_progress(phase: str, done: int, total: int) -> None:
        signals.go_on()
        if not chosen.quiet:
            screen.progress(phase, done, total)

    try:
        found = api.worth(
            absolute(chosen.folder),
            chosen.out.expanduser().absolute(),
            weights=[path.expanduser().absolute() for path in chosen.weights],
            minutes=chosen.minutes,
            test=tuple(absolute(folder) for folder in chosen.test),
            labels_file=chosen.labels_file and absolute(chosen.labels_file),
            threads=chosen.threads,
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
    if chosen.json:
        print(json.dumps(found.to_json()))
    if not found.is_complete:
        screen.say("Not complete: the same command goes on.")
        return signals.exit_code
    if not chosen.json:
        print(found.to_text())
    screen.say(f"The table and its figure are in {chosen.out}")
    return 0
