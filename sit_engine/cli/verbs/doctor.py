"""`sit-engine doctor`: can this machine do the job, and is this run sound?"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

from sit_engine.errors import CheckpointError
from sit_engine.records.summary import RunSummary

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "scikit-image")


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, or nothing for the machine."""
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run folder to check")


def run(chosen: argparse.Namespace) -> int:
    """Print what was found; 5 when no checkpoint of a run can be used."""
    found, is_sound = (
        _of_run(chosen.run.expanduser().absolute()) if chosen.run else (_of_machine(), True)
    )
    if chosen.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:<14} {value}")
    return 0 if is_sound else CheckpointError.exit_code


def _of_machine() -> dict[str, str]:
    from sit_engine.config.tree import ComputeOptions
    from sit_engine.data.pixel_cache.cache import PixelCache
    from sit_engine.export.able import can_torchscript
    from sit_engine.machine.device import probe

    facts = probe(ComputeOptions())
    place = PixelCache().root
    nearest = next(path for path in (place, *place.parents) if path.exists())
    return {
        "Python": platform.python_version(),
        "System": platform.platform(),
        **{package: version(package) for package in PACKAGES},
        "Device": facts.name + (f" (no GPU: {facts.why_no_gpu})" if facts.why_no_gpu else ""),
        "CPU threads": str(facts.cores),
        "Memory": f"{facts.memory_bytes / 2**30:.1f} GB",
        "Precision": f"{facts.precision}, matmul {facts.matmul} ({facts.why_precision})",
        "Cache": f"{place} ({shutil.disk_usage(nearest).free / 1e9:.0f} GB free)",
        "TorchScript": "can be made"
        if can_torchscript()
        else "cannot be made with this Python and torch",
    }


def _of_run(path: Path) -> tuple[dict[str, str], bool]:
    """Everything that is wrong with a run, as far as its damage lets it be read."""
    from sit_engine.jobs.check import check

    found = check(path)
    report = {"Run": str(path)} | _course(found.summary)
    report |= {f"Problem {n}": told.message for n, told in enumerate(found.problems, 1)}
    steps = dict.fromkeys(found.good, "good")
    steps |= {step: error.message for step, error in found.damaged.items()}
    report |= {f"step {step}": steps[step] for step in sorted(steps)}
    if not found.is_whole:
        report["Mend"] = f"sit-engine repair {path}"
    elif found.summary is not None and found.summary.status == "interrupted":
        report["Next"] = f"sit-engine resume {path}"
    return report, bool(found.good)


def _course(summary: RunSummary | None) -> dict[str, str]:
    if summary is None:
        return {"Status": "not known, since its events cannot be read"}
    report = {
        "Status": summary.status,
        "Step": f"{summary.step} of {summary.total_steps}",
        "Legs": str(summary.leg + 1),
    }
    if summary.outcome is not None and summary.outcome.message:
        report["Ended with"] = f"{summary.outcome.message} {summary.outcome.hint}".strip()
    return report
