"""A trainer that is there before it is wanted: it loads what it needs while the user still chooses.

Qt-free. Only a window that a person opened keeps one (sit_studio.frame.preload); without it nothing is
lost but the seconds that loading takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

import sit_engine

LEAST_FREE_BYTES = 2 << 30
BEHIND_THE_WINDOW = 5


def engine_python(module: str, *words: str) -> list[str]:
    """A module of the engine with this Python; -P, so that nothing in the user's folder is imported."""
    return [sys.executable, "-P", "-m", module, *words]


def engine_environment() -> dict[str, str]:
    """The environment in which that command finds our package, installed or in a checkout."""
    home = str(Path(sit_engine.__path__[0]).parent)
    paths = [home, os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def step_back(pid: int) -> None:
    """Lower a process's priority: the window must stay quick on a machine with few cores."""
    with suppress(psutil.Error, OSError):
        if sys.platform != "win32":
            psutil.Process(pid).nice(BEHIND_THE_WINDOW)


def is_memory_short() -> bool:
    """Whether what is not needed yet should not take any."""
    return bool(psutil.virtual_memory().available < LEAST_FREE_BYTES)


class Standby:
    """Keeps at most one process, which waits for its words."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._places: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether one waits, or loads."""
        # The trainer's thread may take it between two looks.
        process = self._process
        return process is not None and process.poll() is None

    def make_ready(self) -> None:
        """Start a process that waits, unless one does or memory is short."""
        with self._lock:
            if self.is_there or is_memory_short():
                return
            self._places = engine_places()
            with suppress(OSError):
                self._process = subprocess.Popen(
                    engine_python("sit_engine.cli.standby"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=engine_environment(),
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
                step_back(self._process.pid)

    def take(self, words: list[str], log: Path) -> subprocess.Popen[bytes] | None:
        """The process, which is that command from now on; None: there is none that could be it."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or process.stdin is None:
                return None
            if process.poll() is None and self._places == engine_places():
                order = json.dumps({"words": words, "log": str(log)}).encode("ascii")
                with suppress(OSError):
                    process.stdin.write(order + b"\n")
                    process.stdin.close()
                    return process
            self._end(process)
        return None

    def let_go(self) -> None:
        """End the process that waits: nobody will want one soon."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        with suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()


def engine_places() -> dict[str, str]:
    """Variables that say where the engine keeps things: Settings can change them at any time."""
    return {name: value for name, value in os.environ.items() if name.startswith("SIT_")}


STANDBY = Standby()
