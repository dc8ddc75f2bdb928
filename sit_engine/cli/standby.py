"""A command that waits to be told which one it is; what training loads is loaded by then.

`python -m sit_engine.cli.standby`: one line {"words": […], "log": FILE} on standard input, then it is
`sit-engine` with these words, and says what it says into the file. Without a line it ends.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from sit_engine.cli.main import entry
from sit_engine.own_files import parse_json

LOADED = (
    "sit_engine.cli.verbs.training.pretrain",
    "sit_engine.cli.verbs.training.finetune",
    "sit_engine.cli.verbs.training.resume",
    "sit_engine.training.start",
)


def load(names: Sequence[str]) -> None:
    """Modules ahead of their use; one that cannot be loaded fails again there, where it is told."""
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)


def run() -> None:
    """Load, wait, and be that command."""
    load(LOADED)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    order = parse_json(line.decode("utf-8"))
    _say_into(order["log"])
    sys.argv[1:] = order["words"]
    entry()


def _say_into(log: str) -> None:
    """Nothing comes in any more, and all that is said goes to the end of this file."""
    nothing = file = os.open(os.devnull, os.O_RDWR)
    # Whoever would read it may have gone meanwhile, and taken it away.
    with suppress(OSError):
        file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for end, fd in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(end, fd)


if __name__ == "__main__":
    run()
