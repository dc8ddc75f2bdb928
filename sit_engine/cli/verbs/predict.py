"""`sit-engine predict`: the answer for every image of some folders, as a CSV file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.screen import Screen
from sit_engine.cli.verbs.evaluate import absolute, add_checkpoint_flags


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """MODEL, FOLDER…, --csv, --trust, --step, --network."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="RUN|MODEL",
        help="a finetuned run, or a model that was exported (.pt, .pt2 or .onnx)",
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folders of images")
    parser.add_argument(
        "--csv",
        type=Path,
        required=True,
        metavar="OUT",
        help="the table to write: path, class, probability and the next four, or the problem",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a model that this program did not export; it can run any code",
    )
    add_checkpoint_flags(parser)


def run(chosen: argparse.Namespace) -> int:
    """Read, answer, write the table."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json)
    done = api.predict(
        chosen.model.expanduser().absolute(),
        [absolute(folder) for folder in chosen.folders],
        chosen.csv.expanduser().absolute(),
        step=chosen.step,
        network=chosen.network,
        trust=chosen.trust,
        on_progress=screen.progress,
    )
    screen.clear()
    print(json.dumps(done.to_json()) if chosen.json else done.to_text())
    return 0
