"""`sit-engine tune`: find settings for one folder in so many minutes, and write them as a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.study_screen import StudyScreen, add_study_flags, with_flags
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.cli.verbs.studies.compare import named
from sit_engine.records.studies.tuning import RUNGS


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
    add_study_flags(parser, has_test=False)


def run(chosen: argparse.Namespace) -> int:
    """Train, measure, choose and print the tables; a signal checkpoints the run and leaves."""
    from sit_engine import api

    study = StudyScreen(chosen)

    def on_run(rung: int, name: str, number: int, total: int) -> None:
        study.say_of_run(f"Round {rung} of {RUNGS}, run {number} of {total}: {name}")

    out = chosen.out.expanduser().absolute()
    (named_base,) = named([Path(chosen.config).expanduser()]).values()
    base = with_flags(named_base, chosen)
    found = study.working(
        lambda: api.tune(
            absolute(chosen.folder),
            out,
            minutes=chosen.minutes,
            base=base,
            labels_file=chosen.labels_file and absolute(chosen.labels_file),
            emit=study.signals.on_event,
            make_control=study.signals.make_control,
            on_run=on_run,
            on_progress=study.on_progress,
        )
    )
    if found is None:
        return study.signals.exit_code
    print(json.dumps(found.to_json()) if chosen.json else found.to_text())
    return study.ended(
        is_complete=found.is_complete,
        last=f"Next: sit-engine pretrain FOLDER --config {out / 'tuned.toml'} --out RUN",
    )
