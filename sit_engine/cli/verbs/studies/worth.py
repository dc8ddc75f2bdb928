"""`sit-engine worth`: does pretraining, or going on from public weights, pay on these images?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.layout_flags import reading_of
from sit_engine.cli.study_screen import StudyScreen, add_study_flags
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.config.methods import DEFAULT_METHOD, entrants


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
        "--method",
        choices=list(entrants()),
        default=DEFAULT_METHOD,
        help=f"of own pretraining, such as the winner of `compare --methods` (default {DEFAULT_METHOD})",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR",
        help="the study's folder; the same command again goes on",
    )  # fmt: skip
    add_study_flags(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train, ask, print the table and the advice; a signal checkpoints and leaves."""
    from sit_engine import api

    study = StudyScreen(chosen)
    out = chosen.out.expanduser().absolute()
    found = study.working(
        lambda: api.worth(
            absolute(chosen.folder),
            out,
            weights=[path.expanduser().absolute() for path in chosen.weights],
            minutes=chosen.minutes,
            test=tuple(absolute(folder) for folder in chosen.test),
            labels_file=chosen.labels_file and absolute(chosen.labels_file),
            threads=chosen.threads,
            method=chosen.method,
            reading=reading_of(chosen),
            emit=study.signals.on_event,
            make_control=study.signals.make_control,
            on_run=study.on_run,
            on_progress=study.on_progress,
        )
    )
    if found is None:
        return study.signals.exit_code
    if chosen.json:
        print(json.dumps(found.to_json()))
    elif found.is_complete:
        print(found.to_text())
    return study.ended(is_complete=found.is_complete, last=f"The table and its figure are in {out}")
