"""Processes of the engine that are forks of one which has loaded it: torch is imported once.

A fork is a process like any other: its own id, session, files, environment and folder, real
signals, and it ends as `sit-engine` ends. What it does not show is that a cold start works, and that
nothing depends on the order of Python's hashes; for those there are `engine(…, cold=True)` of
tests.tiny, and the journey.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import secrets
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

MOST_BYTES = 1 << 20
STAND_IN = Path(__file__).with_name("stand_in.py")
ENGINE = "SIT_TESTS_ENGINE"
"""In the environment of a window in a process of its own: where forks of the engine are to be had."""


class Forked:
    """A running fork; what the tests and the window use of `subprocess.Popen`."""

    def __init__(
        self,
        words: Sequence[str],
        out: int,
        err: int,
        *more: int,
        module: str = "sit_engine",
        file_bytes: int | None = None,
    ) -> None:
        """`more`: standard input. `file_bytes`: the kernel lets it make no file larger than that."""
        told, tells = os.pipe()
        self.args = [module, *words]
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        self._told = told
        order = {
            "words": self.args, "environment": dict(os.environ), "folder": str(Path.cwd()),
            "file_bytes": file_bytes,
        }  # fmt: skip
        self.send(json.dumps(order).encode(), [out, err, tells, *more])
        os.close(tells)
        self.pid = int.from_bytes(os.read(told, 8), "little", signed=True)
        assert self.pid, "the server of forks is gone"

    def send(self, order: bytes, files: list[int]) -> None:
        """Ask the one that forks."""
        socket.send_fds(server().connection, [order], files)

    def poll(self) -> int | None:
        """How it ended, as subprocess tells it; None while it runs."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            told = os.read(self._told, 8)
            os.close(self._told)
            assert told, "the server of forks ended before its fork"
            self.returncode = int.from_bytes(told, "little", signed=True)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Until it ended."""
        if self.returncode is None and not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Unless it ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Telling(Forked):
    """A fork of which we want to know what it says."""

    def __init__(self, words: Sequence[str], *, module: str = "sit_engine") -> None:
        # Not pipes: nobody has to read while it runs.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            super().__init__(words, out.fileno(), err.fileno(), module=module)
            self._said = os.dup(out.fileno()), os.dup(err.fileno())
        self._texts: list[str] = []

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it said until it ended, on standard output and error."""
        self.wait(timeout)
        if not self._texts:
            for number in self._said:
                with os.fdopen(number, "rb") as file:
                    file.seek(0)
                    self._texts.append(file.read().decode("utf-8"))
        return self._texts[0], self._texts[1]


class _Server(NamedTuple):
    process: subprocess.Popen[bytes]
    connection: socket.socket
    address: str
    """Where others reach it (tests.stand_in): a name of the system's, without a file."""


_STARTED: dict[str, _Server] = {}
_STARTING = threading.Lock()


def children() -> set[psutil.Process]:
    """All processes that this one and its children started, but for those that fork."""
    servers = {one.process.pid for one in _STARTED.values()}
    found = psutil.Process().children(recursive=True)
    return {child for child in found if child.pid not in servers}


def stand_in(module: str, *words: str, address: str = "") -> list[str]:
    """A command for who starts processes by himself: a small one that has a fork in its place.

    `address`: of another server than that of the engine.
    """
    address = address or os.environ.get(ENGINE) or server().address
    return [sys.executable, "-I", "-S", str(STAND_IN), address, module, *words]


def warm_children() -> dict[str, str]:
    """What tells a window in a process of its own where its children are to be had (`ENGINE`)."""
    return {ENGINE: server().address} if sys.platform == "linux" else {}


def warm_if_told() -> None:
    """In such a window's process: its children are forks, as in the tests themselves."""
    from sit_studio.engine import questions

    if ENGINE in os.environ:
        questions.engine_python = stand_in  # type: ignore[attr-defined]


def server(module: str = "tests.preloaded") -> _Server:
    """The one of this process that loaded what `module` loads; started when it is first wanted."""
    with _STARTING:
        if module not in _STARTED:
            _STARTED[module] = _start(module)
        return _STARTED[module]


def _start(module: str) -> _Server:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
    address = f"sit-tests-{os.getpid()}-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind("\0" + address)
        listening.listen()
        files = [theirs.fileno(), listening.fileno()]
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, files)],
            pass_fds=files, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            start_new_session=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
    theirs.close()
    return _Server(process, ours, address)


def stop() -> None:
    """End those that fork."""
    while _STARTED:
        _, one = _STARTED.popitem()
        # A child that was forked from this process may hold it too.
        one.connection.shutdown(socket.SHUT_RDWR)
        one.connection.close()
        one.process.wait()


def serve(connection: socket.socket, listening: socket.socket) -> dict[str, Any] | None:
    """Fork for every order, and tell how each fork ended; in a fork: what it is to do."""
    running: dict[int, int] = {}
    wakes, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    selector = selectors.DefaultSelector()
    for waited in (connection, listening, wakes):
        selector.register(waited, selectors.EVENT_READ)
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        with suppress(BlockingIOError):
            os.read(wakes, 4096)
        _reap(running)
        for known in ready:
            if not isinstance(known, socket.socket):
                continue
            text, files = _order(known, is_new=known is listening)
            if not text and known is connection:
                return None
            if len(files) < 3:
                continue  # Whoever asked was ended meanwhile.
            tells = files.pop(2)
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()
                connection.close()
                listening.close()
                for file in (wakes, woken, tells, *running.values()):
                    os.close(file)
                return dict(json.loads(text)) | {"files": files}
            running[child] = tells
            with suppress(BrokenPipeError):
                os.write(tells, child.to_bytes(8, "little", signed=True))
            for file in files:
                os.close(file)


def _order(connection: socket.socket, *, is_new: bool) -> tuple[bytes, list[int]]:
    """What is asked for, over this connection or the next one to it, and with which files."""
    asked = connection.accept()[0] if is_new else connection
    text, files, *_ = socket.recv_fds(asked, MOST_BYTES, 5)
    if is_new:
        asked.close()
    return text, list(files)


def _reap(running: dict[int, int]) -> None:
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        file = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        with suppress(BrokenPipeError):  # Nobody wants to know any more.
            os.write(file, code.to_bytes(8, "little", signed=True))
        os.close(file)


def be(order: dict[str, Any], first: Callable[[], None]) -> None:
    """The module that the order names, with its words, as if `python -m` had just started it.

    `first`: called when the environment is the order's.
    """
    os.setsid()
    for file, number in zip(order["files"], (1, 2, 0), strict=False):
        os.dup2(file, number)
        os.close(file)
    # Python looks at a file once, when it makes the stream: whether it can be sought in.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    for life in order["files"][3:]:
        threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    if (most := order.get("file_bytes")) is not None:
        import resource  # Not there on Windows.

        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    os.environ.clear()
    os.environ.update(order["environment"])
    tempfile.tempdir = None  # Where that is was looked up when the first file was made.
    os.chdir(order["folder"])
    sys.argv = order["words"]
    code = 0
    try:
        first()
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - told as Python would
        code = 1
        traceback.print_exc()
    finally:
        # As Python ends, pools and threads first; but for taking all that was loaded apart again,
        # object by object, which takes seconds.
        threading._shutdown()  # type: ignore[attr-defined]
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


def _end_with(life: int) -> None:
    """As with a parent: when the one in whose place it stands is gone, it is told to end."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def work(load: Callable[[], None], first: Callable[[], None] = lambda: None) -> None:
    """Be a server, which loads when it is first asked; a fork leaves it as what it was told to be."""
    connection, listening = (socket.socket(fileno=int(word)) for word in sys.argv[1:])
    asked, *_ = select.select([connection, listening], [], [])
    if connection in asked and not connection.recv(1, socket.MSG_PEEK):
        return
    load()
    gc.collect()
    gc.freeze()  # A fork that looked for garbage in it would have to copy it all.
    order = serve(connection, listening)
    if order is not None:
        be(order, first)


def main() -> None:
    """The server of forks of the engine."""
    from tests.children import fork_if_told
    from tests.drill.forks import load

    work(load, fork_if_told)


if __name__ == "__main__":
    main()
