"""Four classes of the sample and tiny runs on them: sixteen take a minute an evaluation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.report import Report
from tests.tiny import tiny_config, tiny_finetune

CLASSES = ("brick", "cat", "grass", "moon")


@pytest.fixture(scope="session")
def few(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Train and test folders of four classes."""
    folder = tmp_path_factory.mktemp("few")
    for part, found in zip(("train", "test"), sample, strict=True):
        for name in CLASSES:
            shutil.copytree(found / name, folder / part / name)
    return folder / "train", folder / "test"


@pytest.fixture(scope="session")
def run(few: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run on them."""
    out = tmp_path_factory.mktemp("evaluated") / "run"
    config = tiny_config(few[0], optim={"epochs": 1, "batch_size": 16})
    api.pretrain(config, out, emit=lambda _: None)
    return out


@pytest.fixture(scope="session")
def finetuned(run: Path, few: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, taught the four classes."""
    out = tmp_path_factory.mktemp("finetuned") / "run"
    start = run / "checkpoints" / sorted(path.name for path in (run / "checkpoints").iterdir())[-1]
    config = tiny_finetune(few[0], model={"weights": str(start)}, optim={"epochs": 6})
    api.finetune(config, out, emit=lambda _: None)
    return out


@pytest.fixture(scope="session")
def evaluated(run: Path, few: tuple[Path, Path]) -> tuple[Report, Path]:
    """The report of the run on them, and its file."""
    return api.evaluate(run, EvaluateRequest(train=[str(few[0])], test=[str(few[1])]))
