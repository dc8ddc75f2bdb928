"""`sit-engine search`: find the network for one folder under a budget, and write it as a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from sit_engine.cli.study_screen import StudyScreen, add_study_flags, with_flags
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.cli.verbs.studies.compare import named
from sit_engine.config.families.sharing import Sharing
from sit_engine.records.studies.network_request import ChosenSpace, NetworkRequest
from sit_engine.records.studies.network_search import NetworkSearch
from sit_engine.records.studies.network_search_text import generation_text, to_text


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER, --budget, --minutes, --out, how to search, and how long the best train anew."""
    parser.add_argument("folder", metavar="FOLDER", help="images, with or without labels")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the search goes, with network.toml in it; the same command again goes on, and "
        "`pretrain --backbone DIR` takes what was found",
    )
    parser.add_argument(
        "--budget",
        default="auto",
        metavar="X",
        help="what the network may cost: multiply-adds of an image such as 300M or 1.3G, parameters "
        "such as 5M-parameters, time of an image on this machine such as 20ms, or auto: as much as "
        "the network that pretrain would choose (default)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=60.0,
        metavar="M",
        help="about how long the search may take (default 60): two thirds train the networks with "
        "shared weights, in the rest they are asked",
    )
    parser.add_argument(
        "--config",
        default="standard",
        metavar="CONFIG",
        help="a TOML file or a preset: how to pretrain (default standard)",
    )
    _add_how(parser)
    parser.add_argument(
        "--anew",
        type=float,
        default=0.0,
        metavar="M",
        help="afterwards train the network that was found, that of random search and the uniform one "
        "of the same cost for so many minutes each and seed, and say whether the search was worth it",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="K", help="runs of each of those (default 3)"
    )
    add_study_flags(parser, has_test=False)


def _add_how(parser: argparse.ArgumentParser) -> None:
    """By what networks are judged, among which, and how they are searched."""
    parser.add_argument(
        "--from-labels",
        action="store_true",
        help="judge networks by what they learn from labels, as published, instead of by pretraining",
    )
    parser.add_argument(
        "--sharing",
        choices=get_args(Sharing),
        default="ring",
        help="which channels of shared weights narrower networks take (default ring)",
    )
    parser.add_argument(
        "--objectives",
        type=int,
        choices=(1, 2),
        default=1,
        help="1: the best under the budget, as published; 2: the best at every cost up to it",
    )
    parser.add_argument(
        "--space",
        choices=get_args(ChosenSpace),
        default="auto",
        help="the sizes to choose from: auto follows the images and the budget; published ones are of "
        "ViTAS, for 224 px, and need --from-labels",
    )
    parser.add_argument(
        "--memory", type=float, metavar="MB", help="the most that answering an image may take"
    )
    parser.add_argument(
        "--population", type=int, metavar="N", help="networks a generation (default: at most 50)"
    )
    parser.add_argument(
        "--generations", type=int, metavar="N", help="how many (default: at most 40)"
    )


def run(chosen: argparse.Namespace) -> int:
    """Train, ask and print what was found; a signal checkpoints the run under way and leaves."""
    from sit_engine import api

    study = StudyScreen(chosen)
    out = chosen.out.expanduser().absolute()
    (named_base,) = named([Path(chosen.config).expanduser()]).values()
    base = with_flags(named_base, chosen)
    request = NetworkRequest(
        folder=absolute(chosen.folder),
        base=base,
        minutes=chosen.minutes,
        budget=chosen.budget,
        sharing=chosen.sharing,
        objectives=chosen.objectives,
        is_labelled=chosen.from_labels,
        memory_mb=chosen.memory,
        space=chosen.space,
        population=chosen.population,
        generations=chosen.generations,
        labels_file=chosen.labels_file and absolute(chosen.labels_file),
        anew_minutes=chosen.anew,
        seeds=chosen.seeds,
    )
    found: NetworkSearch | None = study.working(
        lambda: api.search(
            request,
            out,
            emit=study.signals.on_event,
            make_control=study.signals.make_control,
            on_run=study.on_run,
            on_generation=lambda found, number: study.screen.say(generation_text(found, number)),
            on_progress=study.on_progress,
        )
    )
    if found is None:
        return study.signals.exit_code
    print(json.dumps(found.to_json()) if chosen.json else to_text(found))
    is_compared = found.comparison is not None and found.comparison.is_complete
    return study.ended(
        is_complete=found.asked.is_done and (is_compared or chosen.anew == 0),
        last=f"Next: sit-engine pretrain FOLDER --backbone {out} --out RUN",
    )
