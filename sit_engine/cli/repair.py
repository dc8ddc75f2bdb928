"""`sit-engine repair`: mend what a kill, a disk or a stranger did to a run folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")


def run(chosen: argparse.Namespace) -> int:
    """Say what was done."""
    from sit_engine.training.repair import repair

    path = chosen.run.expanduser().absolute()
    done = [told.message for told in repair(path)]
    if chosen.json:
        print(json.dumps({"run": str(path), "done": done}))
        return 0
    print("\n".join(done or ["Nothing had to be repaired."]))
    print(f"Continue with: sit-engine resume {path}")
    return 0
