"""`sit-engine evaluate`: a run's features beside raw pixels and the untrained backbone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.screen import Screen


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, --train, --test, --step, --network."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    for name, what in (
        ("train", "k-NN and probes learn from"),
        ("test", "accuracy is measured on"),
    ):
        parser.add_argument(
            f"--{name}",
            nargs="+",
            required=True,
            metavar="FOLDER",
            help=f"labelled images that {what}, one sub-folder a class",
        )
    parser.add_argument(
        "--knn-only", action="store_true", help="leave the slower linear probe and few-shot out"
    )
    add_checkpoint_flags(parser)


def add_checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    """--step and --network, for every verb that reads a checkpoint."""
    parser.add_argument(
        "--step", type=int, help="the checkpoint of this step (default: the newest)"
    )
    parser.add_argument(
        "--network",
        choices=["student", "teacher"],
        help="whose features (default: the method's choice)",
    )


def run(chosen: argparse.Namespace) -> int:
    """Measure and print the table."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json)
    report, _ = api.evaluate(
        chosen.run.expanduser().absolute(),
        train=[str(Path(folder).expanduser().absolute()) for folder in chosen.train],
        test=[str(Path(folder).expanduser().absolute()) for folder in chosen.test],
        step=chosen.step,
        network=chosen.network,
        knn_only=chosen.knn_only,
        on_progress=screen.progress,
    )
    screen.clear()
    print(json.dumps(report.to_json()) if chosen.json else report.to_text())
    return 0
