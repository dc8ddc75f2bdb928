"""`sit-engine resume`: the next leg of a run."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path

from sit_engine.cli.folder_flags import add_folders_flag, add_missing_flag, folders_of
from sit_engine.cli.terminal_leg import add_gpus_flag, add_quiet_flag, work
from sit_engine.errors import SitError
from sit_engine.records.run_folder import open_run


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, --epochs, and what is agreed to."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--epochs", type=float, help="train to this many epochs in all instead")
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on with config.toml and split.json as they are, though changed by hand",
    )
    add_folders_flag(parser)
    add_missing_flag(parser)
    add_quiet_flag(parser)
    add_gpus_flag(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train until the end, a stop or a failure."""
    from sit_engine import api

    path = chosen.run.expanduser().absolute()
    return work(
        path,
        lambda path, emit, make_control: api.resume(
            path,
            emit=emit,
            make_control=make_control,
            epochs=chosen.epochs,
            accept_changes=chosen.accept_changes,
            without_missing=chosen.without_missing,
            folders=folders_of(chosen),
        ),
        chosen,
        device=_device(path) if chosen.gpus > 1 else "auto",
    )


def _device(path: Path) -> str:
    """The device of the run's settings; damaged settings are brought back later."""
    run = open_run(path, prepared=False)
    with suppress(SitError):
        return run.wanted().compute.device
    return "auto"
