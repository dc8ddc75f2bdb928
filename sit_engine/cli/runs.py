"""`sit-engine runs`: the runs in a folder, from their folders alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine import runs
from sit_engine.errors import RunError


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("runs"), metavar="FOLDER", help="default: runs"
    )


def run(chosen: argparse.Namespace) -> int:
    """One line a run."""
    folder = chosen.folder.expanduser().absolute()
    if not folder.is_dir():
        raise RunError(
            "run.no_folder", "There is no folder {path}.", "Name the folder of runs.", path=folder
        )
    found = [
        runs.summarise(runs.Run(path)) for path in sorted(folder.iterdir()) if runs.is_run(path)
    ]
    if chosen.json:
        rows = [
            {
                "path": str(s.path),
                "status": s.status,
                "step": s.step,
                "total_steps": s.total_steps,
                "leg": s.leg,
            }
            for s in found
        ]
        print(json.dumps(rows))
        return 0
    for summary in found:
        print(
            f"{summary.status:<12} {summary.step:>8}/{summary.total_steps:<8} {summary.path.name}"
        )
    if not found:
        print(f"No runs in {folder} yet. Make one with: sit-engine pretrain FOLDER")
    return 0
