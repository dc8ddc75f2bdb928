"""A config so small that a run takes a second, and ways to start runs, for many tests."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch

from sit_engine.config.build import build, merge
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.fields import AutoT
from sit_engine.config.methods import DEFAULT_METHOD, traits
from sit_engine.config.tree import RunConfig
from sit_engine.records.event_log import read_events
from sit_engine.records.events import StepReported
from sit_engine.records.places import Places
from sit_engine.records.run import Run
from sit_engine.training.optim import Optimiser
from tests.preloaded import Telling

TINY: dict[str, Any] = {
    "preset": "quick",
    "model": {
        "image_size": 16,
        "patch_size": 4,
        "width": 32,
        "depth": 2,
        "heads": 2,
        "stem": "patch",
    },
    # What "auto" would choose is written out, so that tuning its rules moves no golden loss.
    "method": {
        "head_width": 32,
        "head_out": 16,
        "momentum": 0.9,
        "reconstruction_weight": 5.0,
        "views": {"colours": "published", "flip": 0.5},
        "corruption": {"align": 4},
    },
    "optim": {
        "epochs": 4,
        "batch_size": 32,
        "learning_rate": 0.002,
        "warmup_epochs": 0.4,
        "optimiser": "adamw",
        "schedule": "cosine",
    },
    "compute": {"device": "cpu", "threads": 1, "precision": "fp32", "matmul": "highest"},
    "watch": {"report_every": 1, "readings": 2, "previews": 1},
}

BRIEF = 8
"""Images a step, of which an epoch on the fixture `few` has five, with a tenth of them watched."""
WATCHED = 0.1
BRIEF_FLAGS = ["--optim.batch-size", str(BRIEF), "--data.watch-share", str(WATCHED)]

# The published recipe of 2022: both views corrupted, a teacher, larger blocks.
PUBLISHED: dict[str, Any] = {
    "contrast_loss": "info_nce",
    "temperature": 0.2,
    "views": {"crop_scale_min": 0.2},
    "corruption": {"views": "both", "drop_share": 0.5, "replace_share": 0.3},
}

DINO: dict[str, Any] = {
    "name": "dino",
    "prototypes": 48,
    "bottleneck": 16,
    "teacher_temperature": 0.07,
    "teacher_warmup_epochs": 2,
    "frozen_epochs": 1,
    "local": {"count": 2, "size": 8, "scale_min": 0.2, "scale_max": 0.5, "blur": 0.1},
}

# The family of stripes: maps of 8 × 8 and 4 × 4 places, the first read by columns and rows of one.
CSWIN: dict[str, Any] = {
    "family": "cswin", "image_size": 16, "width": 16, "depths": "1,2", "heads": "2,2", "stripes": "1",
    "stem_stride": 2, "stages": 2,
}  # fmt: skip

# A space of small networks, of patches of 4 and 8 px, in one with shared weights.
SUPERNET: dict[str, Any] = {
    "family": "supernet", "image_size": 16, "patches": "4,8", "widths": "8,16,24,32", "least_depth": 1,
    "slots": 3, "heads": "1,2,4", "attentions": "8,16,24", "mlps": "16,32,48", "low": 3e4, "high": 2e5,
}  # fmt: skip


def with_cswin(config: RunConfig, **more: Any) -> RunConfig:
    """The same with a network of the family cswin."""
    return build(config.model_dump() | {"model": CSWIN | more})


def tiny_config(folder: Path, **more: Any) -> RunConfig:
    """The tiny config on `folder`, changed by tables such as optim={"epochs": 2}.

    Of SiT the recipe is the published one; another method brings its own, and takes of the tiny
    settings those that it has.
    """
    name = more.get("method", {}).get("name")
    own = PUBLISHED if name is None else {}
    has = traits(name or DEFAULT_METHOD).model_fields
    tiny = {key: value for key, value in TINY["method"].items() if key in has}
    base = TINY | {"method": merge(tiny, own), "data": {"folders": [str(folder)]}}
    return build(merge(base, more))


def brief_config(few: Path, **more: Any) -> RunConfig:
    """Twenty steps on the four classes of the fixture `few`, in half the time of tiny_config's."""
    brief = {"optim": {"batch_size": BRIEF}, "data": {"watch_share": WATCHED}}
    return tiny_config(few, **merge(brief, more))


def tiny_dino(folder: Path, **more: Any) -> RunConfig:
    """The same network with DINO: schedules that move within 20 steps."""
    return tiny_config(folder, **merge({"method": DINO}, more))


def tiny_finetune(folder: Path, **more: Any) -> RunConfig:
    """The same network learning the labels of `folder`, in a second; no drop path, no mixing."""
    base = {name: TINY[name] for name in ("preset", "compute", "watch", "model")}
    own = {
        "data": {"folders": [str(folder)]},
        "model": {"drop_path": 0},
        "method": {"name": "finetune", "head": "mlp"},
        "optim": {"epochs": 4, "batch_size": 8, "learning_rate": 0.02},
    }
    return build(merge(merge(base, own), more))


def tiny_flags() -> list[str]:
    """The same as flags of the command line."""
    tree = merge(TINY, {"method": PUBLISHED})
    return ["--preset", "quick", *flags({name: tree[name] for name in tree if name != "preset"})]


def flags(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """Nested settings as words of the command line."""
    words: list[str] = []
    for name, value in tree.items():
        path = f"{prefix}{name.replace('_', '-')}"
        words += flags(value, f"{path}.") if isinstance(value, dict) else [f"--{path}", str(value)]
    return words


Process: TypeAlias = "subprocess.Popen[str] | Telling"


def engine(
    *words: str | Path, check: bool = False, cold: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and wait for it."""
    process = start_engine(*words, cold=cold)
    try:
        out, err = process.communicate(timeout=240)
    except BaseException:
        process.kill()
        raise
    assert process.returncode is not None
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def start_engine(*words: str | Path, cold: bool = False) -> Process:
    """Start the command line in a process of its own; `cold`: with nothing loaded beforehand."""
    texts = [str(word) for word in words]
    if not cold and sys.platform == "linux":
        return Telling(texts)
    command = [sys.executable, "-m", "sit_engine", *texts]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_step(process: Process, run: Path, step: int) -> None:
    """Until a started engine's run has told of that step; fails when it ends before."""
    until_s = time.monotonic() + 120
    while time.monotonic() < until_s:
        assert process.poll() is None, process.communicate()
        found = read_events(Run(run)) if (run / "config.toml").exists() else []
        if any(isinstance(event, StepReported) and event.step >= step for event, _ in found):
            return
        time.sleep(0.05)
    raise AssertionError("the run did not come so far in time")


def learn(
    optimiser: Optimiser, value: torch.Tensor, *, learning_rate: float, weight_decay: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step on a loss."""
    optimiser.clear()
    value.backward()  # type: ignore[no-untyped-call]
    return optimiser.step(value, learning_rate=learning_rate, weight_decay=weight_decay)


def paths_of(folders: Sequence[str], names: Sequence[str]) -> list[str]:
    """Absolute paths of images by their names in the split."""
    places = Places(tuple(folders))
    return [places.path(name) for name in names]


def vit_of(config: RunConfig[AutoT]) -> VitOptions[AutoT]:
    """The settings of its backbone, which is a plain vision transformer."""
    assert isinstance(config.model, VitOptions)
    return config.model
