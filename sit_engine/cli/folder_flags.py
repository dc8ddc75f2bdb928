"""--folders and --without-missing: flags of the verbs that read a run's own images."""

from __future__ import annotations

import argparse
from pathlib import Path

from sit_engine.cli.screen import Screen


def add_folders_flag(parser: argparse.ArgumentParser) -> None:
    """--folders."""
    parser.add_argument(
        "--folders",
        nargs="+",
        default=[],
        dest="moved_to",
        metavar="FOLDER",
        help="where the run's images are now, if their folder moved; they are known by their content, "
        "and found there from then on",
    )


def add_missing_flag(parser: argparse.ArgumentParser, more: str = "") -> None:
    """--without-missing."""
    parser.add_argument(
        "--without-missing",
        action="store_true",
        help=f"leave out images of the run that are gone since it began{more}",
    )


def folders_of(chosen: argparse.Namespace) -> list[str]:
    """The folders as they were typed, from the root on."""
    return [str(Path(name).expanduser().absolute()) for name in chosen.moved_to]


def find(chosen: argparse.Namespace, run: Path, screen: Screen) -> None:
    """Look for the run's images where --folders says, before anything else is done with them."""
    if chosen.moved_to:
        screen.say(found(chosen, run, screen))


def found(chosen: argparse.Namespace, run: Path, screen: Screen) -> str:
    """Look for the images as `find` does, and give the sentence that says where they are."""
    from sit_engine import api

    told = api.find_folders(
        run,
        folders_of(chosen),
        without_missing=chosen.without_missing,
        on_progress=screen.progress,
    )
    screen.clear()
    return told.message
