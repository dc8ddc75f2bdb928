"""`sit-engine doctor`: can this machine do the job, and is this run sound?"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

from sit_engine import damage, runs
from sit_engine.errors import CheckpointError, FileError, RunError, SitError

BAD_COPY = ", but its copies of config.toml and split.json are damaged"
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
    from sit_engine.data.cache import PixelCache
    from sit_engine.export.formats import can_torchscript
    from sit_engine.training.device import probe

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
    found = runs.Run(path)
    report, wrong = {"Run": str(path)}, []
    try:
        runs.open_run(path, prepared=False)
    except RunError as error:
        is_later = error.code == "run.format" and error.values["found"] != "unknown"
        if is_later or error.code == "run.missing":
            raise
        wrong.append(error.message)
    unfit = 0
    try:
        summary = runs.summarise(found)
        unfit = summary.unfit
        report |= _course(summary)
    except FileError as error:
        report["Status"] = f"not known: {error.message}"
    told = [problem.message for problem in damage.problems(found, unfit=unfit)]
    wrong += [message for message in told if message not in report.get("Status", "")]
    report |= {f"Problem {number}": message for number, message in enumerate(wrong, 1)}
    settings, checkpoints, good = _of_files(found)
    report |= settings | checkpoints
    if wrong or settings or len(checkpoints) > good:
        report["Mend"] = f"sit-engine repair {path}"
    elif report.get("Status") == "interrupted":
        report["Next"] = f"sit-engine resume {path}"
    return report, good > 0


def _course(summary: runs.RunSummary) -> dict[str, str]:
    report = {
        "Status": summary.status,
        "Step": f"{summary.step} of {summary.total_steps}",
        "Legs": str(summary.leg + 1),
    }
    if summary.outcome is not None and summary.outcome.message:
        report["Ended with"] = f"{summary.outcome.message} {summary.outcome.hint}".strip()
    return report


def _of_files(run: runs.Run) -> tuple[dict[str, str], dict[str, str], int]:
    """What is wrong with settings and split, how each checkpoint is, and how many are good."""
    from sit_engine.training import checkpoint, frozen

    try:
        settings = frozen.look(run)
    except SitError as error:
        settings = {"Settings": error.message}
    report, good = {}, 0
    for step in checkpoint.all_steps(run):
        folder = checkpoint.folder(run, step)
        try:
            checkpoint.verify(folder)
            report[f"step {step}"] = "good" + BAD_COPY * frozen.damaged_copies(folder)
            good += 1
        except CheckpointError as error:
            report[f"step {step}"] = error.message
    return settings, report, good
