"""Opens an exported program in a clean process without our package, compares it and times it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.errors import ExportError

MOST_DIFFERENCE = 1e-4
TIME_LIMIT_S = 300

# Runs where only torch and NumPy may be imported; -I keeps this project's folder off the path.
CLEAN_PROGRAM = """
import json, statistics, sys, time, warnings
warnings.simplefilter("ignore")
import numpy, torch
file, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
program = torch.jit.load(file)
seconds = []
with torch.inference_mode():
    for number in range(3):
        images = torch.from_numpy(numpy.load(f"{folder}/images-{number}.npy"))
        numpy.save(f"{folder}/features-{number}.npy", program(images).numpy())
    one = torch.from_numpy(numpy.load(f"{folder}/images-0.npy"))[:1]
    for _ in range(13):
        start = time.perf_counter()
        program(one)
        seconds.append(time.perf_counter() - start)
foreign = sorted(name for name in ("sit_engine", "timm", "pydantic") if name in sys.modules)
print(json.dumps({"latency_ms": 1000 * statistics.median(seconds[3:]), "foreign": foreign}))
"""


@dataclass(frozen=True)
class Verified:
    """max|a−b| / max|a| over three batches, and median milliseconds for one image on CPU."""

    difference: float
    latency_ms: float
    threads: int


def verify_torchscript(file: Path, eager: nn.Module, side: int) -> Verified:
    """Compare the file with the eager model on uint8 images of three sizes and batch sizes."""
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="sit-verify-") as name:
        folder = Path(name)
        batches = _images(side)
        for number, images in enumerate(batches):
            np.save(folder / f"images-{number}.npy", images.numpy())
        answer = _run_clean(file, folder, threads)
        difference = 0.0
        with torch.inference_mode():
            for number, images in enumerate(batches):
                ours = eager(images)
                theirs = torch.from_numpy(np.load(folder / f"features-{number}.npy"))
                apart = float((ours - theirs).abs().max() / ours.abs().max())
                # max() would pass over a NaN that stands second.
                difference = max(difference, math.inf if math.isnan(apart) else apart)
    if not difference <= MOST_DIFFERENCE or answer["foreign"]:
        raise ExportError(
            "export.differs",
            "The exported file {file} differs from the model by {difference} (allowed {most}).",
            "Keep the run and report this; the file was left for a look.",
            file=file,
            difference=f"{difference:.1e}",
            most=MOST_DIFFERENCE,
        )
    return Verified(difference, float(str(answer["latency_ms"])), threads)


def _images(side: int) -> list[Tensor]:
    """uint8 noise: the view's own size, a larger landscape and a smaller portrait."""
    generator = torch.Generator().manual_seed(0)
    sizes = [(3, side, side), (2, side + 37, 2 * side), (1, side + 5, max(1, side - 3))]
    return [
        torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)
        for batch, height, width in sizes
    ]


def _run_clean(file: Path, folder: Path, threads: int) -> dict[str, object]:
    command = [sys.executable, "-I", "-c", CLEAN_PROGRAM, str(file), str(folder), str(threads)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise _failed(file, f"it took longer than {TIME_LIMIT_S} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise _failed(file, lines[-1] if lines else f"exit code {done.returncode}")
    return dict(json.loads(done.stdout))


def _failed(file: Path, why: str) -> ExportError:
    return ExportError(
        "export.reload",
        "The exported file {file} could not be run in a clean process: {why}.",
        "Try --format safetensors.",
        file=file,
        why=why,
    )
