"""`sit-engine runs`: the runs in a folder, from their folders alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.errors import RunError, SitError
from sit_engine.files import disk_error
from sit_engine.paths import display_name
from sit_engine.records import damage
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FOLDER."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("runs"), metavar="FOLDER", help="default: runs"
    )


def run(chosen: argparse.Namespace) -> int:
    """Print one line a run, and a second one for what is wrong with it."""
    folder = chosen.folder.expanduser().absolute()
    if not folder.is_dir():
        raise RunError(
            "run.no_folder", "There is no folder {path}.", "Name the folder of runs.", path=folder
        )
    rows = [_row(path) for path in sorted(folder.iterdir()) if damage.looks_like_run(path)]
    if chosen.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        steps = f"{row['step']:>8}/{row['total_steps']:<8}"
        print(f"{row['status']:<12} {steps} {display_name(Path(str(row['path'])).name)}")
        if row["problem"]:
            print(f"{'':<12} {row['problem']}")
    if not rows:
        print(f"No runs in {folder} yet. Make one with: sit-engine pretrain FOLDER")
    return 0


def _row(path: Path) -> dict[str, str | int]:
    """The line of one run, read by itself: what is wrong with it hides no other."""
    run = Run(path)
    row: dict[str, str | int] = {
        "path": str(path), "status": "damaged", "step": 0, "total_steps": 0, "leg": -1,
        "problem": "",
    }  # fmt: skip
    try:
        found = summarise(run)
        row |= {
            "status": found.status, "step": found.step, "total_steps": found.total_steps,
            "leg": found.leg,
        }  # fmt: skip
        problem = damage.find(run, unfit=found.unfit)
    except SitError as error:
        problem = error
    except OSError as error:
        problem = disk_error(error, path)
    if problem is not None:
        row["problem"] = problem.message
        if row["status"] != "running":
            row["status"] = "damaged"
    return row
