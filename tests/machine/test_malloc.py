"""The heap keeps what steps free, and gives it back when the run ends."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sit_engine import api
from sit_engine.config.tree import ComputeOptions
from sit_engine.machine.malloc import glibc, tuned_malloc
from sit_engine.records.events import Event, StepReported
from tests.tiny import tiny_config

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
OLDEST = (2, 35)  # Older ones keep no blocks above 32 MB.
pytestmark = [
    pytest.mark.skipif(
        glibc() is None or tuple(int(part) for part in platform.libc_ver()[1].split(".")) < OLDEST,
        reason="needs glibc 2.35 or newer",
    ),
    pytest.mark.skipif(
        HUGE_PAGES.exists() and "[always]" in HUGE_PAGES.read_text("ascii"),
        reason="page faults do not count where all pages are huge",
    ),
]

BLOCK = 64 << 20
PAGES = 8 * BLOCK // 4096


def page_faults() -> int:
    """Of eight large blocks, one after the other, once the heap is used to them."""
    for _ in range(16):
        torch.ones(BLOCK, dtype=torch.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(BLOCK, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def train(folder: str, out: str) -> None:
    """Print page faults within a run, and the bytes that the process gave back at its end."""
    inside: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, StepReported) and not inside:
            inside.extend([page_faults(), resident()])

    config = tiny_config(Path(folder), optim={"epochs": 0.1}, watch={"readings": 0, "previews": 0})
    api.pretrain(config, Path(out), emit=hear)
    sys.stdout.write(f"{inside[0]} {inside[1] - resident()}\n")


def test_a_run_uses_blocks_again_and_gives_them_back_at_its_end(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    # In a process of its own, whose heap nobody else shaped.
    program = "import sys; from tests.machine.test_malloc import train; train(*sys.argv[1:])"
    command = [sys.executable, "-c", program, str(sample[0]), str(tmp_path / "run")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    within, given_back = (int(word) for word in done.stdout.split())
    assert within < PAGES / 8
    assert given_back > BLOCK / 2


def leave_alone() -> None:
    """Print page faults where address space is limited, on a GPU, and where memory is short."""
    options = {"device": "cpu", "recompute": "off"}
    for other in ({}, {"device": "cuda"}, {"recompute": "on"}):
        with pytest.MonkeyPatch.context() as patch:
            if not other:
                patch.setattr(resource, "getrlimit", lambda _: (1 << 46, 1 << 46))
            with tuned_malloc(ComputeOptions.model_validate(options | other)):
                sys.stdout.write(f"{page_faults()} ")


def test_where_address_space_or_memory_is_short_and_on_a_gpu_the_heap_is_left_alone() -> None:
    program = "from tests.machine.test_malloc import leave_alone; leave_alone()"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert [int(word) > PAGES / 2 for word in done.stdout.split()] == [True] * 3
