"""How folders are laid out and label files read: flags of several verbs, and what was understood."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from sit_engine.config.facts import Layout
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import SHAPES, told
from sit_engine.data.folder.wanted import EVERYTHING, Patterns

READING = ("path_column", "label_column", "layout", "include", "exclude")
REASONS = {
    "system": "hidden, or of the system",
    "ours": "written by SiT Studio, or weights",
    "left out": "left out by --include or --exclude",
}


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """Label columns, layout and patterns of a verb whose settings have them too: flags win."""
    add_column_flags(parser)
    add_layout_flag(parser, default=None)
    add_pattern_flags(parser)


def reading_of(chosen: argparse.Namespace) -> dict[str, Any]:
    """The data settings that these flags name."""
    named = {name: getattr(chosen, name) for name in READING}
    return {name: value for name, value in named.items() if value not in (None, [])}


def add_layout_flag(parser: argparse.ArgumentParser, default: str | None = "auto") -> None:
    """--layout; with the default None one that was not given is None."""
    shapes = ", ".join(f"{name} ({shape})" for name, shape in SHAPES.items())
    parser.add_argument(
        "--layout",
        choices=["auto", *get_args(Layout)],
        default=default,
        help=f"how the folders are laid out: {shapes}; auto (default) goes by their names and says so",
    )


def add_pattern_flags(parser: argparse.ArgumentParser) -> None:
    """--include and --exclude."""
    for name, what in (("include", "look only at"), ("exclude", "leave out")):
        parser.add_argument(
            f"--{name}",
            metavar="PATTERN",
            type=lambda text: text.split(","),
            default=[],
            help=f"{what} files that match one of these patterns, such as *.jpg,photos/* or masks",
        )


def add_column_flags(parser: argparse.ArgumentParser) -> None:
    """--path-column and --label-column."""
    for name in ("path", "label"):
        parser.add_argument(
            f"--{name}-column",
            metavar="NAME",
            help=f"how the label file calls its column of {name}s (default: {name})",
        )


def columns_of(chosen: argparse.Namespace) -> LabelColumns | None:
    """The columns that were named; None if none was."""
    named = {name: getattr(chosen, f"{name}_column") for name in ("path", "label")}
    given = {name: text for name, text in named.items() if text is not None}
    return LabelColumns(**given) if given else None


def patterns_of(chosen: argparse.Namespace) -> Patterns | None:
    """The patterns that were given; None if none was."""
    given = Patterns(tuple(chosen.include), tuple(chosen.exclude))
    return None if given == EVERYTHING else given


def lines_of(found: dict[str, Any]) -> list[str]:
    """What was understood, and how much was not looked at, from a scan's JSON."""
    lines = [told(found["layout"], found["parts"]).message] if found["parts"] else []
    if counts := found["not_looked_at"]:
        words = ", ".join(f"{n:,} {REASONS[reason]}" for reason, n in counts.items())
        lines.append(f"Files and folders not looked at: {words}")
    return lines
