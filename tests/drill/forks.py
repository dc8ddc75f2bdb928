"""A command of the engine in a fork of this process: torch is loaded once for thousands of them."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.drill import faults
from tests.drill.faults import Armed

PATIENCE_S = 120.0
OUR_FAULT = 1


@dataclass(frozen=True)
class Ended:
    """How a fork ended: by itself with `code`, or by a signal (negative, as subprocess has it)."""

    code: int
    said: str

    @property
    def was_killed(self) -> bool:
        """By the drill's signal."""
        return self.code == -signal.SIGKILL

    @property
    def is_our_fault(self) -> bool:
        """No sentence of ours, or none that says what to do."""
        return self.code == OUR_FAULT or self.code < -1 or "our fault" in self.said


def load() -> None:
    """Import what the commands would, so that each fork has it; nothing is computed."""
    import torch

    from sit_engine.cli.main import VERBS
    from sit_engine.config.build import build

    for verb in VERBS.values():
        importlib.import_module(f"sit_engine.cli.verbs.{verb.module}")
    for name in (
        "api",
        "training.start",
        "studies.compare",
        "export.write",
        "models.imports.importing",
    ):
        importlib.import_module(f"sit_engine.{name}")
    # The engine loads these where it uses them.
    for name in ("sklearn.linear_model", "sklearn.metrics", "sklearn.preprocessing", "scipy.stats"):
        importlib.import_module(name)
    build({})  # Which loads the settings of every method and family.
    torch.set_num_threads(1)


def engine(*words: object) -> Callable[[], int]:
    """The command line, to be called in a fork."""

    def call() -> int:
        from sit_engine.cli.main import main

        return main([str(word) for word in words])

    return call


def fork(call: Callable[[], int], said: Path, armed: Armed | None = None) -> int:
    """Call it in a fork whose words go to the file `said`. Its id."""
    child = os.fork()
    if child == 0:
        _in_child(call, said, armed)
    return child


def wait(child: int, said: Path, *, patience_s: float = PATIENCE_S) -> Ended:
    """How it ended; one that hangs is killed and is our fault."""
    until_s = time.monotonic() + patience_s
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return Ended(os.waitstatus_to_exitcode(status), said.read_text("utf-8", "replace"))
        if time.monotonic() > until_s:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ended(OUR_FAULT, f"it hung for {patience_s:.0f} s")
        time.sleep(0.002)


def in_fork(call: Callable[[], int], said: Path, armed: Armed | None = None) -> Ended:
    """`fork` it and `wait` for it."""
    return wait(fork(call, said, armed), said)


def _in_child(call: Callable[[], int], said: Path, armed: Armed | None) -> None:
    code = OUR_FAULT
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if armed is not None:
            faults.arm(armed)
        code = call()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else OUR_FAULT
    except BaseException as error:  # noqa: BLE001 - told, and the fork must not go on as its parent
        print(f"{type(error).__name__}: {error}: our fault", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
