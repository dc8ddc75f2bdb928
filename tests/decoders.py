"""Decoders that are forks of a process which has loaded what they need: numpy and Pillow, no torch.

A start from nothing takes a third of a second, and most tests decode some small images. What a fork
takes in is a file, as of any decoder: it has an id and pipes of its own, and can be killed. Tests of
the decoders themselves (tests/data) and the journey start theirs from nothing.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from typing import IO

from sit_engine.data.decode import decode_pool
from tests import preloaded

MODULE = "sit_engine.data.decode.decoder"
ADDRESS = "SIT_TESTS_DECODERS"
"""In the environment of forks of the engine: where decoders are to be had."""
_COLD = decode_pool._start
_CONNECT = socket.socket.connect
"""Of the system; in a test another one refuses."""


class ForkedDecoder(preloaded.Forked):
    """What decode_pool uses of `subprocess.Popen`."""

    def __init__(self) -> None:
        asked, asks = os.pipe()
        answered, answers = os.pipe()
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            super().__init__([], answers, nowhere.fileno(), asked, module=MODULE)
        os.close(asked)
        os.close(answers)
        self.stdin = os.fdopen(asks, "wb")
        self.stdout: IO[bytes] = os.fdopen(answered, "rb")

    def send(self, order: bytes, files: list[int]) -> None:
        """From a fork of the engine too, so over a connection of its own."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, preloaded.MOST_BYTES)
            _CONNECT(server, "\0" + os.environ[ADDRESS])
            socket.send_fds(server, [order], files)


def fork_from_here_on() -> None:
    """In this process and in the forks of the engine that it starts."""
    if sys.platform == "linux":
        os.environ.setdefault(ADDRESS, preloaded.server("tests.decoders").address)
        decode_pool._start = ForkedDecoder  # type: ignore[assignment]


def fork_if_told() -> None:
    """In a fork of the engine: as the process that it was started from."""
    if ADDRESS in os.environ:
        decode_pool._start = ForkedDecoder  # type: ignore[assignment]


def start_from_nothing() -> None:
    """In this process and in the forks of the engine that it starts."""
    os.environ.pop(ADDRESS, None)
    decode_pool._start = _COLD


def main() -> None:
    """The server; each fork leaves it as a decoder."""
    from PIL import Image

    importlib.import_module(MODULE)
    Image.preinit()
    # It is to be run, not imported.
    del sys.modules[MODULE]
    preloaded.work()


if __name__ == "__main__":
    main()
