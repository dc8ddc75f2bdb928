"""Decoders that are forks of a process which has loaded what they need: numpy and Pillow, no torch.

A start from nothing takes a third of a second, and most tests decode some small images. A fork is a
decoder like any: it has an id and pipes of its own, reads real files, and can be killed.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from typing import IO

from tests import preloaded

MODULE = "sit_engine.data.decode.decoder"
_CONNECT = socket.socket.connect
"""Of the system; in a test another one refuses."""


class ForkedDecoder(preloaded.Forked):
    """What decode_pool uses of `subprocess.Popen`."""

    def __init__(self, address: str) -> None:
        self._address = address
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
            _CONNECT(server, "\0" + self._address)
            socket.send_fds(server, [order], files)


def load() -> None:
    """All but the module itself, which is to be run."""
    from PIL import Image

    importlib.import_module(MODULE)
    del sys.modules[MODULE]
    Image.preinit()


if __name__ == "__main__":
    preloaded.work(load)
