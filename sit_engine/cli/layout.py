"""--layout, and what was understood of folders, for every verb that looks at some."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from sit_engine.config.facts import Layout
from sit_engine.data.layout import SHAPES, told

REASONS = {
    "system": "hidden, or of the system",
    "ours": "written by SiT Studio",
    "left out": "left out by --include or --exclude",
}


def add_layout_flag(parser: argparse.ArgumentParser) -> None:
    """--layout."""
    shapes = ", ".join(f"{name} ({shape})" for name, shape in SHAPES.items())
    parser.add_argument(
        "--layout",
        choices=["auto", *get_args(Layout)],
        default="auto",
        help=f"how the folders are laid out: {shapes}; auto (default) goes by their names and says so",
    )


def lines_of(found: dict[str, Any]) -> list[str]:
    """What was understood, and how much was not looked at, from a scan's JSON."""
    lines = [told(found["layout"], found["parts"]).message] if found["parts"] else []
    if counts := found["not_looked_at"]:
        words = ", ".join(f"{n:,} {REASONS[reason]}" for reason, n in counts.items())
        lines.append(f"Files and folders not looked at: {words}")
    return lines
