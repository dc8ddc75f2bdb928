"""Two processes train what one would; and when one is lost, nothing else is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file

from sit_engine import api, ranks
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.errors import ConfigError, NotFiniteError, RankError
from sit_engine.jobs.replay import replay
from sit_engine.records.event_log import read_events
from sit_engine.records.events import RolledBack, RunStarted
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from sit_engine.training.recovery.bundle import read
from sit_engine.training.start import check_shared
from tests.preloaded import Telling
from tests.tiny import engine, start_engine, tiny_config, tiny_flags, wait_for_step
from tests.training import rank_worker
from tests.training.test_resume import StopAt

# Of weights whose gradient is zero but for rounding, which AdamW blows up: batch norm takes every shift
# away again. 1e-8 is asked of all others.
SHIFTS = (
    "contrast_head.layers.0.bias",
    "contrast_head.layers.3.bias",
    "contrast_head.layers.6.bias",
)
LONG = ["--optim.epochs", "2000", "--watch.readings", "0", "--watch.checkpoint-minutes", "0.01"]
CASES = {
    "sit:float64:1:off": 1e-8,
    "sit:float64:2:on": 1e-8,
    "noise:float64:1:off": 1e-8,
    "conv:float64:1:off": 1e-8,
    "sit2021:float64:2:off": 1e-8,
    "cswin:float64:2:on": 1e-8,
    "supernet:float64:1:off": 1e-8,
    "supernet:float64:2:on": 1e-8,
    "dino:float64:1:off": 1e-8,
    "dino:float64:2:on": 1e-8,
    "simdino:float64:1:off": 1e-8,
    "simdino:float64:2:on": 1e-8,
    "mocov3:float64:1:off": 1e-8,
    "mocov3:float64:2:on": 1e-8,
    "svrtn:float64:1:off": 1e-8,
    "svrtn-block:float64:2:on": 1e-8,
    "svrtn-plain:float64:1:off": 1e-8,
    "sit:float32:1:off": 1e-4,
    "sit2021:float32:1:off": 1e-4,
}


def in_ranks(count: int, module: str, *words: str) -> list[Telling]:
    """A Python module in so many ranks, as torchrun would start them."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shape = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    started = []
    with pytest.MonkeyPatch.context() as patch:
        for rank in range(count):
            told = address | shape | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            for name, value in told.items():
                patch.setenv(name, value)
            started.append(Telling(words, module=module))
    return started


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two ranks left all cases."""
    folder = tmp_path_factory.mktemp("ranks")
    for process in in_ranks(2, "tests.training.rank_worker", str(folder), *CASES):
        said = "".join(process.communicate(timeout=120))
        assert process.returncode == 0, said
    return folder


@pytest.mark.parametrize(("case", "most"), CASES.items())
def test_two_ranks_train_what_one_process_does(case: str, most: float, together: Path) -> None:
    """The parts and the gradient checkpointing of the two change nothing either."""
    method, dtype, *_ = case.split(":")
    alone = rank_worker.train(f"{method}:{dtype}:1:off")
    found = load_file(together / case.replace(":", "_"))
    assert (alone["losses"] - found["losses"]).abs().max() < most
    if dtype == "float64":
        for name, value in alone.items():
            bound = 1e-7 if name.endswith(SHIFTS) else most
            assert (value - found[name]).abs().max() < bound, name
    assert alone["losses"][0] != alone["losses"][-1]


def test_a_batch_that_cannot_be_shared_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "count", lambda: 2)
    with pytest.raises(ConfigError, match="31 images cannot be shared evenly by 2 processes"):
        check_shared(tiny_config(Path("/images"), optim={"batch_size": 31}))
    check_shared(tiny_config(Path("/images"), optim={"batch_size": 30}))


def test_more_gpus_than_there_are_is_a_sentence(sample: tuple[Path, Path], tmp_path: Path) -> None:
    done = engine("pretrain", sample[0], "--out", tmp_path / "run", "--gpus", "99")
    assert done.returncode == 9
    assert "--gpus 99 needs as many GPUs" in done.stderr or "has no GPU" in done.stderr
    assert not (tmp_path / "run").exists()


def test_ranks_that_cannot_meet_say_so(tmp_path: Path) -> None:
    """Somebody else listens at the address."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(other.getsockname()[1])}
        done = subprocess.run(
            [sys.executable, "-m", "sit_engine", "pretrain", tmp_path, "--out", tmp_path / "run"],
            capture_output=True, text=True, check=False, timeout=120,
            env=os.environ | address | {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"},
        )  # fmt: skip
    assert done.returncode == RankError.exit_code, done.stderr
    assert "did not find each other" in done.stderr
    assert "Traceback" not in done.stderr


NOT_LOST = [
    "CUDA error: the launch timed out and was terminated",
    "NCCL error: Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1000",
    "DDP expects same model across all ranks",
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("Connection closed by peer [127.0.0.1]:4711", True), *((words, False) for words in NOT_LOST)],
)
def test_only_a_lost_connection_is_called_one(
    words: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "count", lambda: 2)
    monkeypatch.setattr(ranks, "number", lambda: 1)
    found = ranks.lost(RuntimeError(words))
    assert (found is not None) is expected
    assert found is None or words in found.message


@pytest.mark.parametrize(("count", "batch"), [(2, 64), (3, 63), (6, 60)])
@pytest.mark.parametrize("method", ["sit", "finetune"])
def test_an_automatic_batch_can_be_shared(method: str, count: int, batch: int) -> None:
    config = build({"preset": "quick", "method": {"name": method}})
    found = resolve(config, DataFacts(5000, 10, 32, 500, 500), DeviceFacts(ranks=count))
    assert found.config.optim.batch_size == batch
    assert f"shared by {count}" in found.reasons["optim.batch_size"] or batch == 64


def ranks_of(run: Path) -> dict[int, psutil.Process]:
    """The processes that train this run, by rank."""
    found = {}
    for process in psutil.process_iter():
        try:
            if str(run) in process.cmdline() and "RANK" in (about := process.environ()):
                found[int(about["RANK"])] = process
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    ("asked", "number", "code"),
    [
        pytest.param("parent", signal.SIGTERM, 143, marks=pytest.mark.long),
        ("parent", signal.SIGINT, 3),
        ("second rank", signal.SIGTERM, 3),
    ],
)
def test_a_signal_to_any_of_them_stops_all_with_a_checkpoint(
    asked: str, number: signal.Signals, code: int, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = start_engine("pretrain", sample[0], "--out", out, "--gpus", "2", *tiny_flags(), *LONG)
    wait_for_step(process, out, 5)
    (process if asked == "parent" else ranks_of(out)[1]).send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == code, said
    assert "Stopped at step" in said
    assert "Another process" not in said
    run = open_run(out)
    found = summarise(run)
    assert found.status == "stopped"
    assert checkpoint.all_steps(run)[-1] == found.step


@pytest.mark.cold
@pytest.mark.parametrize("killed", [pytest.param(0, marks=pytest.mark.long), 1])
def test_a_killed_rank_ends_all_and_the_newest_checkpoint_goes_on_alone(
    killed: int, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = start_engine("pretrain", sample[0], "--out", out, "--gpus", "2", *tiny_flags(), *LONG)
    wait_for_step(process, out, 20)
    both = ranks_of(out)
    assert set(both) == {0, 1}
    both[killed].send_signal(signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == RankError.exit_code, said
    assert f"Process {killed + 1} of 2 was ended from outside (signal 9)" in said
    assert "sit-engine resume" in said
    assert "Traceback" not in said
    until_s = time.monotonic() + 60
    while ranks_of(out) and time.monotonic() < until_s:
        time.sleep(0.1)
    assert not ranks_of(out)
    run = open_run(out)
    assert summarise(run).status == ("interrupted" if killed == 0 else "failed")
    path, manifest, rejected = checkpoint.newest_verified(run)
    assert not rejected
    step = int(path.name.rpartition("-")[2])
    result = api.resume(out, emit=lambda _: None, make_control=lambda run: StopAt(run, 3, "stop"))
    assert (result.outcome, result.step) == ("stopped", step + 3)
    (started,) = [e for e, _ in read_events(run) if isinstance(e, RunStarted)]
    assert started.processes == 2
    assert manifest["method"] == "sit"


def test_all_of_them_go_back_alike_and_take_a_rate_set_by_hand(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """At this temperature every cosine overflows, at whatever rate."""
    out = tmp_path / "run"

    def ends_in_both(*words: str) -> None:
        both = in_ranks(2, "sit_engine", *words)
        said = [one.communicate(timeout=120)[1] for one in both]
        assert [one.returncode for one in both] == [NotFiniteError.exit_code] * 2, said
        assert "went back 2 times" in said[0]

    never = ["--method.temperature", "1e-40", "--watch.readings", "0"]
    ends_in_both("pretrain", str(sample[0]), "--out", str(out), *tiny_flags(), *never)
    text = (out / "config.toml").read_text("utf-8")
    (out / "config.toml").write_text(text.replace("learning_rate = 0.002", "learning_rate = 0.001"))
    # So the second process has forgotten the halved rate too, and its three chances.
    ends_in_both("resume", str(out), "--accept-changes")
    backs = [e for e, _ in read_events(Run(out)) if isinstance(e, RolledBack)]
    assert [back.learning_rate for back in backs] == [
        0.001, 0.0005, 0.00025, 0.0005, 0.00025, 0.000125,
    ]  # fmt: skip
    (bundle,) = (out / "bundles").iterdir()
    assert read(bundle).about["processes"] == 2
    assert replay(bundle).is_reproduced
