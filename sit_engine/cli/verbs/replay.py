"""`sit-engine replay`: work the step again that ended a run, and say where it stops being finite."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sit_engine.counted import counted
from sit_engine.errors import NOT_REPRODUCED_EXIT_CODE
from sit_engine.records.events import plain

if TYPE_CHECKING:
    from sit_engine.jobs.replay import Replayed


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """BUNDLE."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a folder of RUN/bundles")


def run(chosen: argparse.Namespace) -> int:
    """0 when the step is not finite here too, 11 when it is."""
    from sit_engine.jobs.replay import replay

    found = replay(chosen.bundle.expanduser().absolute())
    if chosen.json:
        print(json.dumps(plain(asdict(found))))
    else:
        print("\n".join(_lines(found)))
    return 0 if found.is_reproduced else NOT_REPRODUCED_EXIT_CODE


def _lines(found: Replayed) -> list[str]:
    figures = found.terms | {"loss": found.loss, "gradient norm": found.norm}
    lines = [f"step {found.step}, {counted(found.images, 'images')}"]
    lines += [f"{name:<18} {value:g}" for name, value in figures.items()]
    if found.is_reproduced:
        lines.append(f"First not finite: {found.where}.")
        return [*lines, "It reproduces: the step is not finite here either."]
    lines.append("It does not reproduce: the step is finite here.")
    if found.processes > 1:
        number = counted(found.processes, "processes")
        lines.append(f"{number} shared it, each with draws of its own.")
    elif not found.is_same:
        lines.append(
            "The weights before it were gone when the run ended; these are a little later."
        )
    return lines
