"""`sit-engine scan`: what is in these folders."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.screen import Screen

MOST_SHOWN = 20


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER… and --labels."""
    parser.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="folders of images, with sub-folders"
    )
    parser.add_argument(
        "--labels",
        choices=["folders", "none"],
        default="folders",
        help="where labels come from: first-level sub-folders (default), or none",
    )


def run(chosen: argparse.Namespace) -> int:
    """List, read and fully decode every file."""
    from sit_engine import api
    from sit_engine.data.scan import display_name

    screen = Screen(as_json=chosen.json)
    folders = [str(Path(folder).expanduser().absolute()) for folder in chosen.folders]
    index = api.scan(folders, labels=chosen.labels, on_progress=screen.progress)
    screen.clear()
    found = index.to_json()
    if chosen.json:
        print(json.dumps(found))
        return 0
    print(f"{found['images']:,} files: {found['usable']:,} usable, {len(found['problems']):,} not")
    if found["classes"]:
        print(
            "Classes: " + ", ".join(f"{display_name(n)} {c:,}" for n, c in found["classes"].items())
        )
    if found["usable"]:
        width, height = found["sizes"]["width"], found["sizes"]["height"]
        print(f"Median size: {width['median']} × {height['median']} px")
    if found["duplicates"]:
        print(f"Exact duplicates: {len(found['duplicates']):,} groups")
    for problem in found["problems"][:MOST_SHOWN]:
        print(f"  {display_name(problem['path'])}: {problem['reason']}")
    if len(found["problems"]) > MOST_SHOWN:
        print(f"  … and {len(found['problems']) - MOST_SHOWN:,} more; --json lists them all")
    return 0
