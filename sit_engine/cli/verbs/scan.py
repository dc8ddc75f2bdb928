"""`sit-engine scan`: what is in these folders."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sit_engine.cli.layout_flags import (
    add_column_flags,
    add_layout_flag,
    add_pattern_flags,
    columns_of,
    lines_of,
)
from sit_engine.cli.screen import Screen
from sit_engine.cli.video_flags import add_video_flags
from sit_engine.config.build import build
from sit_engine.config.presets import presets
from sit_engine.counted import counted
from sit_engine.data.folder.index import NOT_IN_FULL
from sit_engine.data.folder.label_file import UNMATCHED_ROWS
from sit_engine.data.folder.saved_index import NOT_DECODED
from sit_engine.paths import display_name

MOST_SHOWN = 20


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER…, --labels, --labels-file, --layout, --include, --exclude, --test and --preset."""
    parser.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="folders of images, with sub-folders"
    )
    parser.add_argument(
        "--labels",
        choices=["folders", "csv", "none"],
        help="where labels come from: first-level sub-folders (default), a CSV file, or none",
    )
    parser.add_argument(
        "--labels-file", metavar="FILE", help="CSV file with the columns path and label"
    )
    add_column_flags(parser)
    add_layout_flag(parser)
    add_pattern_flags(parser)
    parser.add_argument(
        "--test",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="test images: those that are training images too, byte by byte, are named",
    )
    parser.add_argument(
        "--preset",
        choices=list(presets()),
        default="standard",
        help="decode images as a run with this preset wants them, so that it finds them decoded",
    )
    add_video_flags(parser)


def run(chosen: argparse.Namespace) -> int:
    """List, read and fully decode every file."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json)
    folders, test = (
        [str(Path(folder).expanduser().absolute()) for folder in names]
        for names in (chosen.folders, chosen.test)
    )
    found = api.scan(
        folders,
        labels=chosen.labels or ("csv" if chosen.labels_file else "folders"),
        labels_file=chosen.labels_file and str(Path(chosen.labels_file).expanduser()),
        columns=columns_of(chosen),
        layout=chosen.layout,
        include=chosen.include,
        exclude=chosen.exclude,
        test=test,
        config=build({"preset": chosen.preset}),
        frame_rate=chosen.frame_rate,
        gifs=chosen.gifs,
        on_progress=screen.progress,
    ).to_json()
    screen.clear()
    if chosen.json:
        print(json.dumps(found))
        return 0
    _print(found)
    if cues := found["cues"]:
        print(
            f"What tells {counted(cues['images'], 'labelled images', ',')} apart: colour alone "
            f"{100 * cues['colour']:.0f} %, grey pixels {100 * cues['grey']:.0f} %, pixels "
            f"{100 * cues['pixels']:.0f} % ({100 * cues['mirrored']:.0f} % among mirrored ones)"
        )
    if chosen.test or found["parts"].get("test"):
        print(f"Test images that are training images too: {len(found['leaks']):,}")
        _print_some([f"{display_name(one)} is {display_name(two)}" for one, two in found["leaks"]])
    return 0


def _print(found: dict[str, Any]) -> None:
    files = counted(found["images"], "files", ",")
    print(f"{files}: {found['usable']:,} usable, {len(found['problems']):,} not")
    for line in [*lines_of(found), *_of_videos(found)]:
        print(line)
    if found["classes"]:
        print(
            "Classes: " + ", ".join(f"{display_name(n)} {c:,}" for n, c in found["classes"].items())
        )
    if rows := found["notes"].get(UNMATCHED_ROWS):
        print(f"Rows of the label file that name no image: {rows:,}")
    if found["usable"]:
        width, height = found["sizes"]["width"], found["sizes"]["height"]
        print(f"Median size: {width['median']} × {height['median']} px")
    for note in NOT_IN_FULL:
        if number := found["notes"].get(note):
            which = "file, which" if number == 1 else "files, each of which"
            print(f"Not read in full: {number:,} {which} {note}")
    if not_decoded := found["notes"].get(NOT_DECODED):
        print(
            f"Only the headers of {counted(not_decoded, 'images', ',')} were read: not all have room "
            "in the cache. Damage inside them and duplicates are not known."
        )
    for remark in found["remarks"]:
        print(remark["message"])
    if found["duplicates"]:
        print(f"Exact duplicates: {counted(len(found['duplicates']), 'groups', ',')}")
    _print_some([f"{display_name(item['path'])}: {item['reason']}" for item in found["problems"]])


def _of_videos(found: dict[str, Any]) -> list[str]:
    videos = found.get("videos")
    if videos is None:
        return []
    length = timedelta(seconds=round(videos["seconds"]))
    frames = counted(videos["frames"], "frames", ",")
    return [f"{counted(videos['count'], 'videos', ',')} of {length} in all, read as {frames}"]


def _print_some(lines: list[str]) -> None:
    for line in lines[:MOST_SHOWN]:
        print(f"  {line}")
    if len(lines) > MOST_SHOWN:
        print(f"  … and {len(lines) - MOST_SHOWN:,} more; --json lists them all")
