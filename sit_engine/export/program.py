"""Exported programs opened again: what they say of themselves, and their answers from a child process.

TorchScript and .pt2 files are programs: whoever made them decides what they do. Those that this
machine exported are known by their hash; others are opened only when the user vouches for them. Used
by predict and by the check of every export. Shapes: n images, B of a batch, V side of a view.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sit_engine import own_files
from sit_engine.counted import Sentence
from sit_engine.data.folder.index import ValueRange
from sit_engine.errors import DataError, ExportError, FileError
from sit_engine.export.graphs import onnx_metadata, read_extra
from sit_engine.files import cache_root, file_hash

TIME_LIMIT_S = 300
FORMATS = {".pt": "torchscript", ".onnx": "onnx", ".pt2": "pt2"}
LARGEST_VIEW = 1024
"""In px, as of model.image_size."""
LARGEST_ANSWER_BYTES = 2 * 2**30

# Runs where nothing of ours can be imported; -I keeps this project's folder off the path.
CHILD = """
import json, pathlib, statistics, sys, time, warnings
warnings.simplefilter("ignore")
import numpy
kind, file, folder, threads, times, most = sys.argv[1:4] + [int(word) for word in sys.argv[4:]]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass
if kind == "onnx":
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    def answer(images):
        return session.run(None, {name: images})[0]
else:
    import torch
    torch.set_num_threads(threads)
    program = torch.jit.load(file) if kind == "torchscript" else torch.export.load(file).module()
    def answer(images):
        with torch.inference_mode():
            return program(torch.from_numpy(images)).numpy()
images = sorted(pathlib.Path(folder).glob("images-*.npy"))
for path in images:
    numpy.save(path.with_name(path.name.replace("images", "answers")), answer(numpy.load(path)))
one, seconds = numpy.load(images[0])[:1], []
for _ in range(times):
    start = time.perf_counter()
    answer(one)
    seconds.append(time.perf_counter() - start)
foreign = sorted(name for name in ("sit_engine", "timm", "pydantic") if name in sys.modules)
latency = 1000 * statistics.median(seconds[3:]) if times else 0
print(json.dumps({"latency_ms": latency, "foreign": foreign}))
"""


@dataclass(frozen=True)
class ProgramInfo:
    """What an exported program says of itself; nothing in it was run to know this."""

    format: str
    labels: tuple[str, ...]
    image_size: int
    value_range: ValueRange | None
    output: str
    """"probabilities" or "features"."""


def open_program(path: Path) -> ProgramInfo:
    """Read what travels inside the file; one that is no export of this program is a sentence."""
    format = FORMATS.get(path.suffix.lower(), "")
    extra = (onnx_metadata if format == "onnx" else read_extra)(path) if format else {}
    try:
        return _info(
            format,
            own_files.parse_json(extra["about.json"]),
            own_files.parse_json(extra["labels.json"]),
        )
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        raise DataError(
            "data.no_program",
            "The file {path} is no model that this program exported.",
            "Give a run folder, or a .pt, .pt2 or .onnx file made by `sit-engine export`.",
            path=path,
        ) from None


def _info(format: str, about: dict[str, Any], labels: list[str]) -> ProgramInfo:
    """Raises one of what a damaged text makes of this."""
    found, side = about["value_range"], int(about["image_size"])
    value_range = (float(found[0]), float(found[1])) if found else None
    if not (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
        raise TypeError("labels")
    if not 1 <= side <= LARGEST_VIEW or not all(map(math.isfinite, value_range or ())):
        raise ValueError("about")
    return ProgramInfo(format, tuple(labels), side, value_range, str(about["output"]))


def remember(path: Path) -> None:
    """This machine made the file: it may be opened without a question."""
    known = _known_file()
    known.parent.mkdir(parents=True, exist_ok=True)
    own_files.check_regular(known)
    with known.open("a", encoding="ascii") as file:
        file.write(f"{file_hash(path)}\n")


def is_known(path: Path) -> bool:
    """Whether this machine exported the file, as it is; ONNX is data and needs no trust."""
    if path.suffix.lower() == ".onnx":
        return True
    try:
        return file_hash(path) in own_files.lines(_known_file())
    except (OSError, FileError):
        return False


def _known_file() -> Path:
    return cache_root() / "exported.txt"


def run_program(
    path: Path, views_nCVV: np.ndarray, *, format: str, trust: bool = False
) -> np.ndarray:
    """The program's answers [n,…] for uint8 views; ours, vouched for, or a sentence."""
    if not trust and not is_known(path):
        raise DataError(
            "data.foreign_program",
            "The file {path} is a program, and it was not exported on this machine.",
            "Open it only if you trust who made it: add --trust.",
            path=path,
        )
    answers, _ = run_child(path, [views_nCVV], format=format)
    return answers[0]


def run_child(
    path: Path, batches: Sequence[np.ndarray], *, format: str, times: int = 0
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The answers for each batch from a clean process, and its median latency over `times` calls."""
    with tempfile.TemporaryDirectory(prefix="sit-program-") as name:
        folder = Path(name)
        for number, images in enumerate(batches):
            np.save(folder / f"images-{number:03d}.npy", images)
        words = [format, str(path), name, str(torch.get_num_threads()), str(times)]
        told = _run_clean(path, [*words, str(LARGEST_ANSWER_BYTES)], folder)
        answers = [np.load(folder / f"answers-{number:03d}.npy") for number in range(len(batches))]
    return answers, told


def _clean(words: list[str]) -> list[str]:
    """The command of a process that knows nothing of ours."""
    return [sys.executable, "-I", "-c", CHILD, *words]


def _run_clean(path: Path, words: list[str], folder: Path) -> dict[str, Any]:
    try:
        done = subprocess.run(
            _clean(words),
            capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False, cwd=folder,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _failed(path, Sentence("it took longer than {limit} s", limit=TIME_LIMIT_S)) from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        silent = Sentence("exit code {exit_code}", exit_code=done.returncode)
        raise _failed(path, lines[-1] if lines else silent)
    return dict(json.loads(done.stdout))


def _failed(path: Path, why: str) -> ExportError:
    return ExportError(
        "export.reload",
        "The exported file {file} could not be run in a clean process: {why}.",
        "Try another --format.",
        file=path,
        why=why,
    )
