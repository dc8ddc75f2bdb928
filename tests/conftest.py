"""Real photographs, a cache of the tests' own, and no network."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from sit_engine.records.events import Event

# The process that hands the tests out reads this file too: torch and the engine are loaded where they are
# used, so that the others begin sooner.

# Thousands of tests are made and stay: nothing of it is garbage, and looking for some takes seconds.
gc.disable()
# No timing decides a test: this machine may be three times as slow, or busy.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
# Compiled once, for both processes of the suite and all that they start, whatever the machine's habit.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """Garbage is looked for again, in what the tests themselves make."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the journey leaves its pictures."""
    parser.addoption("--screenshots", type=Path, default=None, metavar="DIR")


LONG = (
    "tests/journey/test_journey.py::test_from_a_dropped_folder_to_a_model_that_runs_elsewhere",
    "tests/drill/test_slice.py::test_a_slice_of_the_drill",
)
"""Begun first, so that at the end no process waits for another's."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long tests at the head of what each process is given: equal stretches of all, in order."""
    count = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.nodeid in LONG]
    others = [item for item in items if item.nodeid not in LONG]
    size = len(items) // count
    items.clear()
    for number in range(count):
        own = long[number::count]
        left = len(others) if number == count - 1 else size - len(own)
        items += own + others[: max(left, 0)]
        del others[: max(left, 0)]


MOST_ROWS_BYTES = 100_000
"""Of the lines about some 300 images."""
FEW_CLASSES = ("brick", "cat", "grass", "moon")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither tests nor the processes they start touch the user's cache."""
    import torch

    from tests import children, preloaded

    before = dict(os.environ)
    os.environ["SIT_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Tiny networks: more threads only wait for each other, in this process and its children.
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    children.fork_from_here_on()
    yield
    preloaded.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module", autouse=True)
def _small_cache(_own_cache: None) -> None:
    """To read what is known of the images of all tests before takes longer than to decode a few anew."""
    for rows in Path(os.environ["SIT_CACHE_DIR"]).glob("pixels/*/rows.jsonl"):
        if rows.stat().st_size > MOST_ROWS_BYTES:
            shutil.rmtree(rows.parent)


@pytest.fixture
def cold_children() -> Iterator[None]:
    """Decoders, ranks and what checks exports start from nothing, in forks of the engine too."""
    from tests import children

    children.start_from_nothing()
    yield
    children.fork_from_here_on()


@pytest.fixture(autouse=True)
def _cold(request: pytest.FixtureRequest) -> None:
    """As the mark says."""
    if request.node.get_closest_marker("cold"):
        request.getfixturevalue("cold_children")


@pytest.fixture(autouse=True)
def _exact_products() -> Iterator[None]:
    """How exact products are is the process's: what a run or a benchmark chose ends with its test."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_float32_matmul_precision("highest")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program makes no network call; a test that reaches for one fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("a network call was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Small train and test folders of real photographs: 16 classes, 12 and 4 crops each."""
    from sit_engine.data.sample import write_sample

    folder = tmp_path_factory.mktemp("sample")
    train, test = write_sample(folder, train_per_class=12, test_per_class=4, side=32)
    return Path(train), Path(test)


@pytest.fixture
def photos(sample: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the training folder that a test may damage."""
    folder = tmp_path / "photos"
    shutil.copytree(sample[0], folder)
    return folder


@pytest.fixture(scope="session")
def few(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of twelve images."""
    folder = tmp_path_factory.mktemp("few")
    for name in FEW_CLASSES:
        shutil.copytree(sample[0] / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen made-up films of four seconds."""
    from tests.videos import scenes, write_video

    folder = tmp_path_factory.mktemp("films")
    for seed in range(16):
        write_video(folder / f"{seed:02d}.mp4", scenes(seed, 16))
    return folder


@pytest.fixture(scope="session")
def clip_start(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to start from: it learnt for a moment."""
    from sit_engine import api
    from tests.tiny import tiny_config

    out = tmp_path_factory.mktemp("start") / "run"
    config = tiny_config(films, data={"frame_rate": 4}, optim={"epochs": 2})
    api.pretrain(config, out, emit=lambda _: None)
    return out


@pytest.fixture(scope="session")
def clip_run(
    films: Path, clip_start: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Event]]:
    """A run of clips, and its events."""
    from tests.clip_runs import learn

    out = tmp_path_factory.mktemp("clips") / "run"
    return out, learn(films, clip_start, out, epochs=8)
