"""`sit-engine evaluate`: a run beside raw pixels, the untrained backbone and weights on disk."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from sit_engine.cli.folder_flags import add_folders_flag, add_missing_flag, find
from sit_engine.cli.layout_flags import (
    add_column_flags,
    add_layout_flag,
    add_pattern_flags,
    columns_of,
    patterns_of,
)
from sit_engine.cli.screen import Screen
from sit_engine.config.backbones import FeatureKind
from sit_engine.jobs.evaluate_request import EvaluateRequest


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, --train, --test, --labels-file, --baseline, --step, --network."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="a run folder; with --relevance an index of videos"
    )
    parser.add_argument(
        "--relevance",
        type=Path,
        metavar="FILE",
        help="JSON of which videos are relevant to which, as FIVR-200K has it, or of stretches that are "
        "copies: measures an index of videos",
    )
    parser.add_argument(
        "--train",
        nargs="+",
        metavar="FOLDER",
        help="labelled images that k-NN and probes learn from, one sub-folder a class; a finetuned "
        "run has its own",
    )
    parser.add_argument(
        "--test",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="labelled images that accuracy is measured on, one sub-folder a class; a run whose folder "
        "has test images of its own knows them",
    )
    parser.add_argument(
        "--labels-file", metavar="FILE", help="CSV file with the columns path and label instead"
    )
    add_column_flags(parser)
    add_layout_flag(parser)
    add_pattern_flags(parser)
    parser.add_argument(
        "--baseline",
        type=Path,
        action="append",
        default=[],
        metavar="WEIGHTS",
        help="weights on disk to measure beside it: a safetensors file, a folder of timm, or a run; "
        "may be given several times",
    )
    parser.add_argument(
        "--knn-only", action="store_true", help="leave the slower linear probe and few-shot out"
    )
    add_folders_flag(parser)
    add_missing_flag(parser, ", of this report")
    add_checkpoint_flags(parser)
    add_features_flag(parser)


def add_checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    """--step and --network, for every verb that reads a checkpoint."""
    parser.add_argument(
        "--step",
        type=int,
        help="the checkpoint of this step (default: the newest; of a finetuned run the best)",
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="whose features, such as student or teacher (default: the method's choice)",
    )


def add_features_flag(parser: argparse.ArgumentParser) -> None:
    """--features, for every verb that reads features."""
    parser.add_argument(
        "--features",
        choices=get_args(FeatureKind),
        default="usual",
        help="what a feature is made of: usual: what the network is read by; with-mean: and the mean of "
        "its places beside it; last-layers: of its last four blocks (default usual)",
    )


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the table, and say where the page is."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json)
    if chosen.relevance is not None:
        return _evaluate_index(chosen, screen)
    train, path = chosen.train, chosen.run.expanduser().absolute()
    find(chosen, path, screen)
    report, file = api.evaluate(
        path,
        EvaluateRequest(
            train=None if train is None else [absolute(folder) for folder in train],
            test=[absolute(folder) for folder in chosen.test],
            baselines=[path.expanduser().absolute() for path in chosen.baseline],
            labels_file=chosen.labels_file and absolute(chosen.labels_file),
            columns=columns_of(chosen),
            layout=chosen.layout,
            patterns=patterns_of(chosen),
            step=chosen.step,
            network=chosen.network,
            features=chosen.features,
            knn_only=chosen.knn_only,
            without_missing=chosen.without_missing,
        ),
        on_progress=screen.progress,
    )
    screen.clear()
    if chosen.json:
        print(json.dumps(report.to_json()))
    else:
        print(f"{report.to_text()}\n\nPage: {file.with_name(report.page)}")
    return 0


def _evaluate_index(chosen: argparse.Namespace, screen: Screen) -> int:
    from sit_engine import api

    found = api.evaluate_index(
        chosen.run.expanduser().absolute(),
        chosen.relevance.expanduser().absolute(),
        on_progress=screen.progress,
    )
    screen.clear()
    print(json.dumps(found.to_json()) if chosen.json else found.to_text())
    return 0


def absolute(name: str) -> str:
    """A path as the user typed it."""
    return str(Path(name).expanduser().absolute())
