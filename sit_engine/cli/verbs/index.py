"""`sit-engine index`: a vector for each clip of the videos in some folders."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.screen import Screen
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.counted import counted
from sit_engine.paths import display_name

MOST_SHOWN = 20


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, FOLDER…, --out, --step."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run that makes vectors of clips")
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folders of videos")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="INDEX",
        help="the folder to write; one that is there is brought up to date",
    )
    parser.add_argument(
        "--step", type=int, help="the checkpoint of this step (default: the newest)"
    )


def run(chosen: argparse.Namespace) -> int:
    """Read what is new, write the index, say what is in it."""
    from sit_engine import api

    screen = Screen(as_json=chosen.json)
    out = chosen.out.expanduser().absolute()
    found, problems = api.index_videos(
        chosen.run.expanduser().absolute(),
        [absolute(folder) for folder in chosen.folders],
        out,
        step=chosen.step,
        on_progress=screen.progress,
    )
    screen.clear()
    if chosen.json:
        print(json.dumps(found.to_json() | {"problems": len(problems)}))
        return 0
    print(
        f"{counted(len(found.videos), 'videos', ',')} in {counted(len(found), 'clips', ',')}, "
        f"{found.vectors.nbytes / 1e6:.3g} MB of vectors, in {out}."
    )
    print(f"Near-duplicates from a score of {found.about.threshold:.2f} on.")
    for problem in problems[:MOST_SHOWN]:
        print(f"{display_name(problem.path)}: {problem.reason}")
    if len(problems) > MOST_SHOWN:
        print(f"… and {len(problems) - MOST_SHOWN:,} more; `sit-engine scan` names them all.")
    return 0
