"""`sit-engine pretrain`: a folder of images in, a run out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from sit_engine.cli.setting_flags import add_settings, config_from
from sit_engine.cli.terminal_leg import add_gpus_flag, add_quiet_flag, work
from sit_engine.config.methods import pretraining_methods
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError
from sit_engine.paths import file_word


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER…, --out and every setting."""
    parser.usage = "%(prog)s FOLDER [FOLDER ...] [--out RUN] [--preset P] [--SETTING X ...]"
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="folders of images, with sub-folders"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="RUN",
        help="the run folder to make (default: runs/DATE_FOLDER_METHOD)",
    )
    add_quiet_flag(parser)
    add_gpus_flag(parser)
    methods = pretraining_methods()
    parser.add_argument(
        "--method",
        choices=methods,
        help=f"the self-supervised recipe (default: that of the preset, else {methods[0]}); defaults "
        f"below are those of {methods[0]}, `sit-engine config --method` prints those of others",
    )
    add_settings(parser, *methods)


def run(chosen: argparse.Namespace) -> int:
    """Train until the end, a stop or a failure."""
    from sit_engine import api

    config = config_from(chosen, folders_of(chosen), chosen.method)
    if config.method.name not in pretraining_methods():
        raise ConfigError(
            "config.pretrain_method",
            "The settings are for {method}, which learns from labels.",
            "Use `sit-engine finetune START FOLDER --config FILE`, or give --method.",
            method=config.method.name,
        )
    out = place_for(chosen.out, config)
    return work(
        out,
        lambda path, emit, make_control: api.pretrain(
            config, path, emit=emit, make_control=make_control
        ),
        chosen,
        device=config.compute.device,
    )


def folders_of(chosen: argparse.Namespace) -> list[Path]:
    """The folders of the command line, wherever it is read."""
    return [Path(folder).expanduser().absolute() for folder in chosen.folders]


def place_for(out: Path | None, config: RunConfig) -> Path:
    """The run folder that was asked for, or one named after time, images and method."""
    folders = config.data.folders
    name = file_word(Path(folders[0]).name if folders else "")
    stem = f"{time.strftime('%Y-%m-%d_%H%M%S')}_{name or 'images'}_{config.method.name}"
    return (out or Path("runs") / stem).expanduser().absolute()
