"""`sit-engine find`: the videos of an index that show what a query shows, or its near-duplicates."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from sit_engine.cli.screen import Screen
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.counted import counted
from sit_engine.errors import ConfigError
from sit_engine.paths import display_name

if TYPE_CHECKING:
    from sit_engine.records.clips.found_clips import FoundClips, FoundDuplicates


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """INDEX, QUERY…, --count, --duplicates, --above, --csv, --html."""
    parser.add_argument(
        "index", type=Path, metavar="INDEX", help="a folder that `sit-engine index` made"
    )
    parser.add_argument(
        "queries", nargs="*", metavar="QUERY", help="videos, cuts of some, or images"
    )
    parser.add_argument("--count", type=int, default=10, help="hits of each query (default 10)")
    parser.add_argument(
        "--duplicates", action="store_true", help="list groups of near-duplicates in the index"
    )
    parser.add_argument(
        "--above",
        type=_score,
        metavar="SCORE",
        help="how like near-duplicates are (default: chosen from the videos of the index)",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the list there too")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with pictures of the videos"
    )


def _score(text: str) -> float:
    score = float(text)
    if not (math.isfinite(score) and -1 <= score < 1):
        raise argparse.ArgumentTypeError("a number from -1 to below 1")
    return score


def run(chosen: argparse.Namespace) -> int:
    """Look, print, and write what was asked for."""
    from sit_engine import api

    if bool(chosen.queries) == chosen.duplicates:
        raise ConfigError(
            "config.find",
            "Say what to look for: videos or images, or --duplicates.",
            "For example: sit-engine find INDEX clip.mp4",
        )
    screen = Screen(as_json=chosen.json)
    place = chosen.index.expanduser().absolute()
    found: FoundClips | FoundDuplicates
    if chosen.duplicates:
        found = api.find_duplicates(place, above=chosen.above, on_progress=screen.progress)
    else:
        queries = [absolute(query) for query in chosen.queries]
        found = api.find_clips(place, queries, count=chosen.count, on_progress=screen.progress)
    for name in ("csv", "html"):
        if (file := getattr(chosen, name)) is not None:
            api.write_found(found, place, file.expanduser().absolute(), name)
    screen.clear()
    if chosen.json:
        print(json.dumps(found.to_json()))
        return 0
    _print(found)
    return 0


def _print(found: FoundClips | FoundDuplicates) -> None:
    from sit_engine.records.clips.found_clips import FoundClips

    if isinstance(found, FoundClips):
        query = ""
        for hit in found.hits:
            if hit.query != query:
                query = hit.query
                print(display_name(query))
            where = ""
            if hit.stretch is not None:
                start, end, first, last = hit.stretch
                turned = ", backwards" if hit.is_reversed else ""
                where = f"  {start:.1f}–{end:.1f} s is {first:.1f}–{last:.1f} s{turned}"
            mark = "=" if hit.score > found.threshold else " "
            print(f"{mark} {hit.score:6.3f}  {display_name(hit.path)}{where}")
        print(
            f"= is above {found.threshold:.2f}, where near-duplicates begin. Search: {found.how}."
        )
        return
    for number, group in enumerate(found.groups, start=1):
        print(f"Group {number}")
        for path, score in zip(group.paths, group.scores, strict=True):
            print(f"  {score:6.3f}  {display_name(path)}")
    groups = counted(len(found.groups), "groups", ",")
    print(f"{groups} of near-duplicates above {found.threshold:.2f}: {found.why}.")
