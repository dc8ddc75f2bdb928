"""`sit-engine repair`: mend what a kill, a disk or a stranger did to a run folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.folder_flags import add_folders_flag, add_missing_flag, found
from sit_engine.cli.screen import Screen


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, --folders, --without-missing."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    add_folders_flag(parser)
    add_missing_flag(parser)


def run(chosen: argparse.Namespace) -> int:
    """Say what was done."""
    from sit_engine import api

    path = chosen.run.expanduser().absolute()
    done = [told.message for told in api.repair(path)]
    if chosen.moved_to:
        done.append(found(chosen, path, Screen(as_json=chosen.json)))
    if chosen.json:
        print(json.dumps({"run": str(path), "done": done}))
        return 0
    print("\n".join(done or ["Nothing had to be repaired."]))
    print(f"Continue with: sit-engine resume {path}")
    return 0
