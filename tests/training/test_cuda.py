"""What only a GPU can show: nothing waits for it in a step, compiled passes and ranks train the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.config.facts import DataFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import ResolvedConfig
from sit_engine.machine.device import probe
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.events import ConfigChanged, Event, StepReported
from sit_engine.training.stepper import Stepper
from tests.gpu import nothing_waits
from tests.tiny import DINO, tiny_config
from tests.training.rank_worker import IMAGES, SIDE, store

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
# "highest" makes some compilers warn of what TF32 would save.
ON_GPU = {"device": "cuda", "precision": "auto", "matmul": "medium", "compile": "off"}


def config_of(method: dict[str, Any], compute: dict[str, Any]) -> ResolvedConfig:
    """The tiny network on the GPU."""
    on_gpu = ON_GPU | compute
    config = tiny_config(Path("photos"), method=method, compute=on_gpu, optim={"batch_size": 8})
    return resolve(config, DataFacts(IMAGES, 0, SIDE), probe(config.compute)).config


METHODS = [
    {"name": "sit"},
    {"name": "sit2021", "reconstruction_weight": 1.0},
    {"name": "mocov3"},
    DINO,
    DINO | {"loss": "simdino"},
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compute", [{}, {"parts": 2}, {"recompute": "on"}, {"compile": "on"}])
def test_no_step_waits_for_the_gpu(method: dict[str, Any], compute: dict[str, Any]) -> None:
    stepper = Stepper(config_of(method, compute), store(), np.arange(IMAGES))
    for step in range(3):  # Kernels are chosen and compiled; then an epoch begins anew.
        stepper.step(StepInfo(0, step, 100), learning_rate=1e-3, weight_decay=0.1)
    with nothing_waits():
        for step in range(3, 6):
            stepper.step(StepInfo(0, step, 100), learning_rate=1e-3, weight_decay=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_a_compiled_run_trains_as_a_plain_one(
    method: dict[str, Any], sample: tuple[Path, Path], tmp_path: Path
) -> None:
    found: list[list[float]] = []
    for compiled in ("off", "on"):
        events: list[Event] = []
        config = tiny_config(
            sample[0],
            method=method,
            compute=ON_GPU | {"compile": compiled, "precision": "fp32"},
            model={"drop_path": 0.0},
            watch={"readings": 0, "previews": 0},
        )
        api.pretrain(config, tmp_path / compiled, emit=events.append)
        assert not [event for event in events if isinstance(event, ConfigChanged)]
        found.append([event.loss for event in events if isinstance(event, StepReported)])
    assert found[1] == pytest.approx(found[0], rel=1e-2)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_share_a_run(sample: tuple[Path, Path], tmp_path: Path) -> None:
    words = ["pretrain", str(sample[0]), "--out", str(tmp_path / "run"), "--gpus", "2"]
    more = ["--preset", "quick", "--optim.epochs", "2", "--optim.batch-size", "32"]
    done = subprocess.run(
        [sys.executable, "-m", "sit_engine", *words, *more],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "shared by 2 processes" in done.stdout
