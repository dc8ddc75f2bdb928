"""A process in whose place a fork of the engine works: `python -I -S stand_in.py ADDRESS MODULE WORD …`.

It hands its standard streams to the one that forks (tests.preloaded), and ends as the fork ends; when it
is ended itself, so is the fork.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main(address: str, *words: str) -> int:
    """Ask, and wait."""
    told, tells = os.pipe()
    life, _ = os.pipe()
    order = {"words": words, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        asked.connect("\0" + address)
        socket.send_fds(asked, [json.dumps(order).encode()], [1, 2, tells, 0, life])
    for file in (0, 1, 2, tells, life):
        os.close(file)
    fork = int.from_bytes(os.read(told, 8), "little", signed=True)
    heard = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in heard:
        signal.signal(number, lambda given, _: os.kill(fork, given))
    ended = os.read(told, 8)
    code = int.from_bytes(ended, "little", signed=True) if ended else 70
    if code < 0:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
