"""`sit-engine embed`: features of images as arrays, with a map of them and near-duplicates."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.folder_flags import add_folders_flag, add_missing_flag, find
from sit_engine.cli.screen import Screen
from sit_engine.cli.verbs.evaluate import absolute, add_checkpoint_flags, add_features_flag
from sit_engine.counted import counted
from sit_engine.records.embedding import DUPLICATES_ABOVE, KINDS


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, FOLDER…, --out, --map, --duplicates-above, --step, --network."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folders of images")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write"
    )
    parser.add_argument(
        "--map",
        choices=KINDS,
        default="pca",
        help="the kind of map; tsne and umap are drawn beside pca, and take longer",
    )
    parser.add_argument(
        "--duplicates-above",
        type=float,
        default=DUPLICATES_ABOVE,
        metavar="COSINE",
        help=f"how like two images are that count as nearly equal (default {DUPLICATES_ABOVE})",
    )
    add_folders_flag(parser)
    add_missing_flag(parser)
    add_checkpoint_flags(parser)
    add_features_flag(parser)


def run(chosen: argparse.Namespace) -> int:
    """Read, write the folder, say what is in it."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json)
    out = chosen.out.expanduser().absolute()
    path = chosen.run.expanduser().absolute()
    find(chosen, path, screen)
    about = api.embed(
        path,
        [absolute(folder) for folder in chosen.folders],
        out,
        step=chosen.step,
        network=chosen.network,
        duplicates_above=chosen.duplicates_above,
        features=chosen.features,
        on_progress=screen.progress,
    )
    if chosen.map != "pca":
        api.add_map(out, chosen.map, on_progress=screen.progress)
    screen.clear()
    if chosen.json:
        print(json.dumps(about))
        return 0
    near = about["near_duplicates"]
    print(f"Embedded {counted(about['points'], 'images', ',')} into {out}.")
    print(
        f"Pairs of images that are nearly equal (cosine above {near['above']}): {near['found']:,}"
    )
    if near["found"] > near["kept"]:
        print(f"The nearest {near['kept']:,} of them stand in near-duplicates.csv.")
    if about["problems"]:
        print(f"Files that cannot be used: {about['problems']:,}; `sit-engine scan` names them.")
    return 0
