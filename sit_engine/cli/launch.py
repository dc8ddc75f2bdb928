"""`--gpus N`: the same command in N processes that train one run together, one for each GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sit_engine.errors import DeviceError, RankError

# Those that are left notice within a step that one is gone, and then write their last words.
LEAVE_S = 30.0
MEETING = "SIT_RANKS_MEET"
"""The variable that names a file by which the ranks of one machine find each other (ranks.joined)."""
POLL_S = 0.2


def is_rank() -> bool:
    """Whether a launcher, ours or torchrun, started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_gpus(count: int, device: str) -> None:
    """There is a GPU for each process; on the CPU any number may share it."""
    import torch

    found = torch.cuda.device_count()
    if device == "cpu" or (count <= found and device in ("auto", "cuda")):
        return
    if not found:
        raise DeviceError(
            "device.gpus_none",
            "This machine has no GPU that torch can use, so {count} cannot share a run.",
            "Leave --gpus out, or add --device cpu to try several processes.",
            count=count,
        )
    raise DeviceError(
        "device.gpus",
        "--gpus {count} needs as many GPUs and compute.device = auto or cuda; this machine has "
        "{found}, and the device is {device}.",
        "Give --gpus {found} or less, and leave --device out.",
        count=count,
        found=found,
        device=device,
    )


def launch(count: int, words: Sequence[str]) -> int:
    """Run the command in `count` processes and wait for all; gives their exit code.

    The first rank speaks in this terminal. Signals, Ctrl+C among them, are passed on to all. Raises
    RankError where one was ended from outside.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting")
        children = [_start(rank, count, meeting, words, said) for rank in range(count)]
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda number, _: _pass_on(children, number))
        codes = _watch(children)
        guilty = min(codes, key=lambda rank: _guilt(codes[rank]))
        if codes[guilty] < 0:
            raise RankError(
                "ranks.killed",
                "Process {number} of {count} was ended from outside (signal {signal}), so the run "
                "stopped.",
                "Continue from the newest checkpoint with `sit-engine resume`.",
                number=guilty + 1,
                count=count,
                signal=-codes[guilty],
            )
        if guilty > 0:
            said.seek(0)
            stream = sys.stdout if "--json" in words else sys.stderr
            stream.write(said.read().decode(errors="replace"))
        return codes[guilty]


def _guilt(code: int) -> int:
    """How blamable a process is: ended from outside first, then failed by itself, then left alone."""
    if code < 0:
        return 0
    return 3 if code == 0 else 2 if code == RankError.exit_code else 1


def _start(
    rank: int, count: int, meeting: Path, words: Sequence[str], said: IO[bytes]
) -> subprocess.Popen[bytes]:
    place: dict[str, object] = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
    }
    place |= {MEETING: meeting}
    environment = os.environ | {name: str(value) for name, value in place.items()}
    return subprocess.Popen(
        _engine(*words),
        env=environment,
        stdout=None if rank == 0 else said,
        stderr=None if rank == 0 else said,
        # Ctrl+C comes once, from us.
        start_new_session=True,
    )


def _engine(*words: str) -> list[str]:
    # -P: nothing of the folder that the user stands in is imported.
    return [sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", "sit_engine", *words]


def _pass_on(children: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    # On Windows a console's processes all hear Ctrl+C, and nothing else can be sent.
    for child in children if sys.platform != "win32" else ():
        child.send_signal(number)


def _watch(children: Sequence[subprocess.Popen[bytes]]) -> dict[int, int]:
    """Exit codes of those that ended, once all have; whoever stays behind is ended and has none."""
    leave_at_s = float("inf")
    while any(child.poll() is None for child in children) and time.monotonic() < leave_at_s:
        if any(child.poll() is not None for child in children):
            leave_at_s = min(leave_at_s, time.monotonic() + LEAVE_S)
        time.sleep(POLL_S)
    codes = {
        rank: child.returncode for rank, child in enumerate(children) if child.poll() is not None
    }
    for child in children:
        child.kill()
        child.wait()
    return codes
