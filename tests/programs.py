"""Clean processes for exported programs: forks of one which has loaded numpy, torch and nothing of ours.

`python -m tests.programs` is the server.

As a module that the server runs: the first word is a program, the others are its words.
"""

from __future__ import annotations

import sys


def load() -> None:
    """What most exported programs need."""
    import numpy  # noqa: F401
    import torch  # noqa: F401


def main() -> None:
    """The server, or in a fork of it the program that was given."""
    if not sys.argv[1].isdecimal():
        program = sys.argv.pop(1)
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    else:
        from tests import preloaded

        preloaded.work(load)


if __name__ == "__main__":
    main()
