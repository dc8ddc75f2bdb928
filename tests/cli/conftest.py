"""Tiny runs that several verbs are asked about; no test changes them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sit_engine import api
from tests.tiny import tiny_config, tiny_finetune


@pytest.fixture(scope="session")
def run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pretrained run."""
    out = tmp_path_factory.mktemp("measured") / "run"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 1}), out, emit=lambda _: None)
    return out


@pytest.fixture(scope="session")
def finetuned(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run that learnt the sixteen classes."""
    out = tmp_path_factory.mktemp("finetuned") / "run"
    config = tiny_finetune(sample[0], optim={"epochs": 1, "batch_size": 32})
    api.pretrain(config, out, emit=lambda _: None)
    return out


@pytest.fixture(scope="session")
def embedded(
    run: Path, sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The run's training and test images."""
    out = tmp_path_factory.mktemp("embedded") / "all"
    api.embed(run, [str(folder) for folder in sample], out)
    return out


@pytest.fixture
def odd(sample: tuple[Path, Path], tmp_path: Path) -> Path:
    """Five images, one in the root and one whose name is no text, and three files that are none."""
    folder = tmp_path / "odd, «folder»"
    shutil.copytree(sample[1] / "cat", folder / "cat")
    shutil.copy(sample[1] / "moon" / "000.png", folder / "root.png")
    name = os.fsdecode(b'quo"te,\n\xff.png') if os.name == "posix" else "quo'te.png"
    (folder / "cat" / "000.png").rename(folder / "cat" / name)
    (folder / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    half = (sample[1] / "moon" / "001.png").read_bytes()
    (folder / "half.jpg").write_bytes(half[: len(half) // 8])
    (folder / "notes.txt").write_text("not an image")
    return folder
