"""`sit-engine weights`: list public weights, and fetch one: nothing else asks for a network."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict
from pathlib import Path

from sit_engine.cli.screen import Screen
from sit_engine.cli.terminal_leg import add_quiet_flag
from sit_engine.records.public_weights import GATED, PUBLIC


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """What to do, the name, the folder, the side of views."""
    parser.add_argument(
        "what", choices=("list", "get"), help="list them; or fetch one, over the network"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one, as the list calls it")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder to make (default: weights/NAME)"
    )
    parser.add_argument(
        "--image-size",
        type=int,
        metavar="PX",
        help="side of your views; the position table is resized (default: the weights' own)",
    )
    add_quiet_flag(parser)


def run(chosen: argparse.Namespace) -> int:
    """The list, or a folder to start from."""
    if chosen.what == "list":
        _list(as_json=chosen.json)
        return 0
    if chosen.name is None:
        from sit_engine.errors import RunError

        raise RunError(
            "weights.no_name",
            "No weights are named.",
            "Name one: {names}.",
            names=", ".join(PUBLIC),
        )
    from sit_engine import api

    screen = Screen(as_json=chosen.json, quiet=chosen.quiet)
    out = (chosen.out or Path("weights") / chosen.name).expanduser().absolute()

    def tell(phase: str, done: int, total: int) -> None:
        if not chosen.quiet:
            screen.progress(f"{phase}, MB:", done, total)

    try:
        done = api.fetch_weights(chosen.name, out, image_size=chosen.image_size, on_progress=tell)
    finally:
        screen.clear()
    if chosen.json:
        print(json.dumps(done.to_json()))
        return 0
    print(done.to_text())
    print(f"Go on from it: sit-engine pretrain FOLDER --weights {shlex.quote(str(done.path))}")
    return 0


def _list(*, as_json: bool) -> None:
    if as_json:
        found = [asdict(one) | {"link": one.link, "terms": one.terms} for one in PUBLIC.values()]
        print(json.dumps({"weights": found, "gated": [asdict(one) for one in GATED.values()]}))
        return
    for one in PUBLIC.values():
        print(f"{one.name}  ({one.megabytes:,.0f} MB, views of {one.side} px)")
        print(f"    saw {one.saw}")
        print(f"    {one.licence}: {one.terms}; {one.link}")
    print(
        "\nOnly for those who accept terms, so fetched by hand (`sit-engine weights get` says how):"
    )
    for gated in GATED.values():
        print(f"{gated.name}  ({gated.licence}; huggingface.co/{gated.repository})")
    print("\nWhat you train from them is yours. Nothing is fetched before you ask for it.")
