"""`sit-engine pretrain`: a folder of images in, a run out."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from sit_engine.cli.session import add_quiet_flag, work
from sit_engine.cli.settings import add_settings, config_from
from sit_engine.data.names import escape_name


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
    add_settings(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train until the end, a stop or a failure."""
    from sit_engine import api

    # Escaped, since a TOML file cannot hold a folder's name that is not UTF-8.
    folders = [escape_name(str(Path(folder).expanduser().absolute())) for folder in chosen.folders]
    if file := getattr(chosen, "data.labels_file"):
        setattr(chosen, "data.labels_file", escape_name(file))
    config = config_from(chosen, folders)
    out = (
        (chosen.out or _default_out(config.data.folders, config.method.name))
        .expanduser()
        .absolute()
    )
    return work(
        out,
        lambda emit, make_control: api.pretrain(config, out, emit=emit, make_control=make_control),
        as_json=chosen.json,
        quiet=chosen.quiet,
    )


def _default_out(folders: tuple[str, ...], method: str) -> Path:
    name = re.sub(r"[^\w-]+", "-", Path(folders[0]).name if folders else "images").strip("-")
    return Path("runs") / f"{time.strftime('%Y-%m-%d_%H%M%S')}_{name or 'images'}_{method}"
