"""`sit-engine` without root's right to read and write everything: `python -m tests.unprivileged WORD …`.

On Linux; who is not root has no such right to give up.
"""

from __future__ import annotations

import ctypes
import runpy
import sys

VERSION = 0x20080522
"""Of the layout below: capabilities(7), version 3."""
OVERRIDE, READ_SEARCH = 1 << 1, 1 << 2


def give_up() -> None:
    """From here on the kernel lets this process do what permissions say; its children are others."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(VERSION, 0)
    # Effective, permitted, inheritable; then the same of the capabilities above 31.
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for number in range(3):
        sets[number] &= ~(OVERRIDE | READ_SEARCH)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    give_up()
    sys.argv[0] = "sit-engine"
    runpy.run_module("sit_engine", run_name="__main__")
