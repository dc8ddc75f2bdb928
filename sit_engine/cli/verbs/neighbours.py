"""`sit-engine neighbours`: the embedded images that a run finds most like one image."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.paths import display_name, escape_name


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """DIR, IMAGE, --count."""
    parser.add_argument(
        "embedded", type=Path, metavar="DIR", help="a folder that `sit-engine embed` made"
    )
    parser.add_argument("image", metavar="IMAGE", help="an image file, of that folder or another")
    parser.add_argument("--count", type=int, default=12, help="how many (default 12)")


def run(chosen: argparse.Namespace) -> int:
    """Print them, the nearest first."""
    from sit_engine import api

    found = api.neighbours(
        chosen.embedded.expanduser().absolute(), absolute(chosen.image), count=chosen.count
    )
    if chosen.json:
        records = [
            {"row": row, "path": escape_name(path), "cosine": cosine} for row, path, cosine in found
        ]
        print(json.dumps({"neighbours": records}))
        return 0
    for _, path, cosine in found:
        print(f"{cosine:6.3f}  {display_name(path)}")
    return 0
