"""`sit-engine inspect`: reconstructions and attention as pictures and arrays."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from pathlib import Path

from sit_engine.cli.folder_flags import add_folders_flag, add_missing_flag, find
from sit_engine.cli.screen import Screen
from sit_engine.counted import Sentence


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, images, --out, --keep, --step."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files (default: some of the run's own)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    add_folders_flag(parser)
    add_missing_flag(parser)
    parser.add_argument(
        "--keep",
        type=_share,
        metavar="SHARE",
        help="draw attention as a mask of the places that hold this share of it, such as 0.6",
    )
    parser.add_argument(
        "--step", type=int, help="the checkpoint of this step (default: the newest)"
    )


def _share(text: str) -> float:
    """Argparse's type of a share."""
    with suppress(ValueError):
        if 0 < (value := float(text)) <= 1:
            return value
    raise argparse.ArgumentTypeError(Sentence("{text} is no share above 0 and up to 1", text=text))


def run(chosen: argparse.Namespace) -> int:
    """Write and list the files."""
    from sit_engine import api

    path = chosen.run.expanduser().absolute()
    find(chosen, path, Screen(as_json=chosen.json))
    written = api.inspect(
        path,
        images=[str(Path(image).expanduser().absolute()) for image in chosen.images],
        out=chosen.out.expanduser().absolute(),
        step=chosen.step,
        keep=chosen.keep,
    )
    paths = [str(path) for path in written]
    print(json.dumps({"files": paths}) if chosen.json else "\n".join(paths))
    return 0
