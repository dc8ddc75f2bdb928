"""`sit-engine finetune`: weights and a labelled folder in, a classifier out."""

from __future__ import annotations

import argparse
from pathlib import Path

from sit_engine.cli.setting_flags import add_settings, config_from
from sit_engine.cli.terminal_leg import add_gpus_flag, add_quiet_flag, work
from sit_engine.cli.verbs.training.pretrain import folders_of, place_for
from sit_engine.config.methods import LABELLED_METHOD
from sit_engine.errors import RunError

SCRATCH = "scratch"


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """START, FOLDER…, --out, --with-scratch, --like and every setting."""
    parser.usage = (
        "%(prog)s START FOLDER [FOLDER ...] [--out RUN] [--with-scratch] [--SETTING X ...]"
    )
    parser.add_argument(
        "start",
        nargs="?",
        metavar="START",
        help="what to start from: a run folder, a safetensors file, a folder that timm wrote, or the "
        f"word {SCRATCH}",
    )
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="labelled images, one sub-folder a class"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="RUN",
        help="the run folder to make (default: runs/DATE_FOLDER_finetune)",
    )
    parser.add_argument(
        "--with-scratch",
        action="store_true",
        help="train the same network from nothing too, into RUN-scratch, to compare with",
    )
    parser.add_argument(
        "--like",
        type=Path,
        metavar="RUN",
        help=f"with {SCRATCH}: train what --with-scratch would have trained beside this run",
    )
    add_quiet_flag(parser)
    add_gpus_flag(parser)
    add_settings(parser, LABELLED_METHOD)


def run(chosen: argparse.Namespace) -> int:
    """Train until the end, a stop or a failure."""
    from sit_engine import api

    if chosen.like is not None:
        like = _like(chosen)
        config, out = api.scratch_twin(like)
    else:
        if chosen.start is not None and chosen.start != SCRATCH:
            setattr(chosen, "model.weights", str(_path(chosen.start)))
        config = config_from(chosen, folders_of(chosen), LABELLED_METHOD)
        out = place_for(chosen.out, config)
    return work(
        out,
        lambda path, emit, make_control: api.finetune(
            config, path, emit=emit, make_control=make_control, with_scratch=chosen.with_scratch
        ),
        chosen,
        device=config.compute.device,
    )


def _like(chosen: argparse.Namespace) -> Path:
    if chosen.start != SCRATCH or chosen.folders or chosen.with_scratch:
        raise RunError(
            "finetune.like",
            "--like goes with the word scratch alone.",
            "Write `sit-engine finetune scratch --like RUN`.",
        )
    return _path(chosen.like)


def _path(name: str | Path) -> Path:
    return Path(name).expanduser().absolute()
