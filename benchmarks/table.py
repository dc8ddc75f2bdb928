"""What all benchmarks share: works that take turns, medians, a printed table, JSON with the machine.

A row is a dict: words and whole numbers say what was measured, floats are figures with their unit in
the name. `ratio…` is how many times as fast ours is as what the row names, from one run; only ratios
are compared between runs (benchmarks.regression).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

Row = dict[str, str | int | float | None]
Work = Callable[[int], object]  # called with the number of the repeat
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "PySide6-Essentials", "onnxruntime")


@dataclass(frozen=True)
class Effort:
    """How much the command line asks of every benchmark, and where."""

    quick: bool
    device: torch.device


@dataclass(frozen=True)
class Table:
    """One benchmark's rows, how they came about, and on which machine."""

    name: str
    command: str
    machine: dict[str, str | int]
    rows: list[Row]


def main(name: str, about: str | None, measure: Callable[[Effort], list[Row]]) -> None:
    """Read the flags that all benchmarks have, measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats, small sizes")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="torch's; one is steadier on a busy machine")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    rows = measure(Effort(chosen.quick, torch.device(chosen.device)))
    words = [arg for arg in sys.argv[1:] if arg != "--json" and arg != str(chosen.json)]
    command = shlex.join(["python", "-m", f"benchmarks.{name}", *words])
    table = Table(name, command, machine(chosen.device), rows)
    print(markdown(table))
    if chosen.json:
        write(table, chosen.json)


def row(**figures: str | float | None) -> Row:
    """One line of a table."""
    return dict(figures)


def write(table: Table, path: Path) -> None:
    """As JSON that `read` reads."""
    path.write_text(json.dumps(asdict(table), indent=1) + "\n", "utf-8")


def read(path: Path) -> Table:
    """What `write` wrote."""
    return Table(**json.loads(path.read_text("utf-8")))


def alternate(
    works: Mapping[str, Work],
    repeats: int,
    *,
    after: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each repeat of each work, after a warm-up of each.

    The works take turns, so that what else the machine does hits all of them. `after` waits for a
    device and is part of every time.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, work in works.items():
            started_s = clock()
            work(repeat)
            after()
            seconds[name].append(clock() - started_s)
    return {name: times[1:] for name, times in seconds.items()}


def ratio(ours_s: Sequence[float], reference_s: Sequence[float]) -> float:
    """The median over repeats of how many times as fast ours was in the same repeat."""
    pairs = zip(ours_s, reference_s, strict=True)
    return statistics.median(theirs / ours for ours, theirs in pairs)


def against(ours: Work, reference: Work, repeats: int, images: int) -> Row:
    """Median milliseconds an image of both, and the ratio."""
    works = {"ours": ours, "reference": reference}
    seconds = alternate(works, repeats, clock=clock_for(torch.device("cpu")))
    each_ms = {name: 1000 * statistics.median(times) / images for name, times in seconds.items()}
    return row(
        ours_ms_an_image=each_ms["ours"],
        reference_ms_an_image=each_ms["reference"],
        ratio=ratio(seconds["ours"], seconds["reference"]),
    )


def clock_for(device: torch.device) -> Callable[[], float]:
    """Processor time where one thread of this process does all the work: others hardly touch it."""
    is_alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if is_alone else time.perf_counter


def wait_for(device: torch.device) -> Callable[[], object]:
    """What waits until the device has done its work."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def machine(device: str) -> dict[str, str | int]:
    """The facts that explain the figures."""
    known = {
        item.metadata["Name"].lower().replace("_", "-")
        for item in importlib.metadata.distributions()
    }
    versions = {
        name: importlib.metadata.version(name) for name in PACKAGES if name.lower() in known
    }
    gpu = {"gpu": torch.cuda.get_device_name()} if device == "cuda" else {}
    facts: dict[str, str | int] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    return facts | versions | gpu


def _processor() -> str:
    """Its name, and whether it has units for bf16: what ratios between formats hang on."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor()
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in facts.items()}
    halves = [
        flag for flag in ("avx512_bf16", "amx_bf16") if flag in found.get("flags", "").split()
    ]
    place = f"family {found.get('cpu family')}, model {found.get('model')}"
    return f"{found.get('model name')} ({place}; {', '.join(halves) or 'no bf16 units'})"


def markdown(table: Table) -> str:
    """The table and the command that made it."""
    names = list(dict.fromkeys(name for line in table.rows for name in line))
    head = [name.replace("_", " ") for name in names]
    body = [[shown(name, line.get(name)) for name in names] for line in table.rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(names))]
    is_figure = [
        any(isinstance(line.get(name), int | float) for line in table.rows) for name in names
    ]

    def drawn(cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, is_figure, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * (width - 1) + ":") if right else "-" * width
            for width, right in zip(widths, is_figure, strict=True)]  # fmt: skip
    return "\n".join([f"`{table.command}`", "", drawn(head), drawn(rule), *map(drawn, body)])


def shown(name: str, value: str | float | None) -> str:
    """A cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
        return f"{text} ×" if name.startswith("ratio") else text
    return str(value)
