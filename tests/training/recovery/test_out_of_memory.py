"""A step that the machine refuses is made easier and tried again; the loss stays what it was."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.config.facts import DataFacts, DeviceFacts, MemoryFacts
from sit_engine.config.resolve import resolve
from sit_engine.errors import OutOfMemoryError
from sit_engine.machine.device import is_out_of_memory
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.method import Sit
from sit_engine.records.event_log import read_events
from sit_engine.records.events import ConfigChanged, Event, StepReported
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from sit_engine.training.recovery.out_of_memory import apply_change
from sit_engine.training.stepper import Stepper
from tests.tiny import engine, tiny_config, tiny_flags
from tests.training import rank_worker
from tests.training.recovery import memory_worker
from tests.training.test_resume import stop_at


def with_limit(folder: Path, out: Path, megabytes: int) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own that may take so much more once it trains.

    Its threads share one heap: 64 MB that each would set aside are a reserve, and now and then a loss.
    """
    words = ["tests.training.recovery.memory_worker", str(folder), str(out), str(megabytes)]
    return subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True, text=True, check=False, timeout=200,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What such a run printed."""
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can cut a process's memory short")
def test_a_run_that_meets_the_end_of_memory_goes_on_with_the_same_loss(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    free = memory_worker.train(str(sample[0]), str(tmp_path / "free"), 0)
    # How much a step takes, and how often it must be cut, depends on what the machine's libraries take.
    for megabytes in (160, 130, 100):
        out = tmp_path / f"short-{megabytes}"
        short = told(with_limit(sample[0], out, megabytes))
        if short["changes"]:
            break
    assert free["changes"] == []
    assert short["changes"][0] == [0, "compute.recompute", "off", "on"]
    parts = [change[1:] for change in short["changes"][1:]]
    assert parts == [["compute.parts", str(2**n), str(2 ** (n + 1))] for n in range(len(parts))]
    assert short["losses"] == pytest.approx(free["losses"], rel=1e-4)
    run = open_run(out)
    kept = checkpoint.load_state(checkpoint.newest_verified(run)[0])["progress"]["changes"]
    assert [change["field"] for change in kept] == [change[1] for change in short["changes"]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can cut a process's memory short")
def test_a_run_for_which_nothing_is_left_to_save_says_so(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    done = with_limit(sample[0], tmp_path / "run", 1)
    assert "OutOfMemoryError" in done.stderr
    assert "There was not enough memory for 32 images a step." in done.stderr
    assert summarise(open_run(tmp_path / "run")).status == "failed"


def test_a_resumed_leg_works_as_the_one_before_had_to(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """With parts the losses differ in the last bits, so that a leg without them would be seen."""
    config = tiny_config(sample[0], compute={"parts": 4}, model={"drop_path": 0.0})
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    api.pretrain(config, whole, emit=lambda _: None)
    api.pretrain(config, halved, emit=lambda _: None, make_control=stop_at(6))
    api.resume(halved, emit=lambda _: None)
    last = [
        checkpoint.load_model(checkpoint.newest_verified(open_run(run))[0])
        for run in (whole, halved)
    ]
    assert all(torch.equal(value, last[1][name]) for name, value in last[0].items())


@pytest.mark.parametrize(
    "method", ["sit", "sit2021", "mocov3", "dino", "simdino", "reconstruction"]
)
def test_parts_and_gradient_checkpointing_leave_the_losses_alone(method: str) -> None:
    whole, cut = (rank_worker.train(f"{method}:float64:{how}") for how in ("1:off", "4:on"))
    assert (whole["losses"] - cut["losses"]).abs().max() < 1e-8
    assert whole["losses"][0] != whole["losses"][-1]


def test_parts_are_contrasted_in_the_runs_own_number_format() -> None:
    first = []
    for parts in (1, 2):
        config = rank_worker.config_of("sit", parts, "off")
        half = config.compute.model_copy(update={"precision": "bf16"})
        config = config.model_copy(update={"compute": half})
        stepper = Stepper(config, rank_worker.store(), np.arange(rank_worker.IMAGES))
        done = stepper.step(StepInfo(0, 0, 1000), learning_rate=0.0, weight_decay=0.0)
        first.append(float(done.losses.total))
    assert first[1] == pytest.approx(first[0], rel=1e-4)


def test_without_a_working_compiler_the_run_goes_on_without_one(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler of the CPU calls C++; here it is none."""
    monkeypatch.setitem(os.environ, "CXX", "/nonexistent/c++")
    monkeypatch.setitem(os.environ, "TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    # By minutes, so that the speed is measured first, by compiled passes too.
    more = ["--optim.epochs", "auto", "--optim.minutes", "0.01"]
    more += ["--compute.compile", "on", "--watch.readings", "0", "--model.depth", "1"]
    done = engine("pretrain", sample[0], "--out", tmp_path / "run", *tiny_flags(), *more, cold=True)
    assert done.returncode == 0, done.stderr
    changes = [
        (event.field, event.old, event.new)
        for event, _ in read_events(open_run(tmp_path / "run"))
        if isinstance(event, ConfigChanged)
    ]
    assert changes == [("compute.compile", "on", "off")]


@pytest.mark.long
@pytest.mark.parametrize("method", [{}, {"name": "sit2021"}])
@pytest.mark.parametrize("worked", [{}, {"parts": 2, "recompute": "on"}])
def test_compiled_passes_train_as_plain_ones_do(
    method: dict[str, Any], worked: dict[str, Any], sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """With drop path, which must drop the same wherever a pass is worked again."""
    found: list[list[float]] = []
    for compiled in ("off", "on"):
        events: list[Event] = []
        config = tiny_config(
            sample[0], method=method, compute=worked | {"compile": compiled},
            model={"drop_path": 0.3},
            optim={"epochs": 2}, watch={"readings": 0, "previews": 0},
        )  # fmt: skip
        api.pretrain(config, tmp_path / f"run{len(found)}", emit=events.append)
        assert not [event for event in events if isinstance(event, ConfigChanged)]
        found.append([e.loss for e in events if isinstance(e, StepReported)])
    assert found[1] == pytest.approx(found[0], rel=2e-3)


MESSAGES = [
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
    (RuntimeError("Unable to find a valid cuDNN algorithm to run convolution"), True),
    (RuntimeError("GET was unable to find an engine to execute this computation"), True),
    (
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        True,
    ),
    (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        True,
    ),
    (MemoryError(), True),
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), False),
    (ValueError("out of memory"), False),
]


@pytest.mark.parametrize(("error", "expected"), MESSAGES)
def test_out_of_memory_is_known_in_all_its_disguises(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def device(memory: MemoryFacts | None) -> DeviceFacts:
    """A GPU on which a step was measured."""
    return DeviceFacts(kind="cuda", name="GPU", memory=memory)


@pytest.mark.parametrize(
    ("memory", "recompute", "parts"),
    [
        (None, "off", 1),
        (MemoryFacts(free=80_000, fixed=1000, image=70, recomputed_image=0), "off", 1),
        (MemoryFacts(free=20_000, fixed=1000, image=70, recomputed_image=20), "on", 1),
        (MemoryFacts(free=4_000, fixed=1000, image=70, recomputed_image=20), "on", 4),
        (MemoryFacts(free=1_000, fixed=1000, image=70, recomputed_image=20), "on", 256),
    ],
)
def test_auto_fits_a_batch_into_the_memory_that_was_measured(
    memory: MemoryFacts | None, recompute: str, parts: int
) -> None:
    found = resolve(tiny_config(Path("/images")), DataFacts(1000, 0, 32), device(memory))
    assert found.config.optim.batch_size == 32
    big = tiny_config(Path("/images"), optim={"batch_size": 256})
    found = resolve(big, DataFacts(1000, 0, 32), device(memory))
    compute = found.config.compute
    assert (compute.recompute, compute.parts) == (recompute, parts)
    if memory is not None:
        assert "measured" in found.reasons["compute.parts"]


def test_a_run_cut_on_one_gpu_goes_on_with_what_fits_on_more() -> None:
    """32 parts of a batch of 64, and then 16 images on each of four ranks."""
    stepper = Stepper(
        rank_worker.config_of("sit", 1, "off"), rank_worker.store(), np.arange(rank_worker.IMAGES)
    )
    apply_change(stepper, "compute.parts", "32")
    assert stepper.micro_batches == rank_worker.BATCH


def test_what_was_updated_is_not_tried_again(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the weights have moved, the same step again would move them twice."""
    calls = []

    def refuse(_: Sit, step_info: StepInfo, __: torch.Tensor) -> dict[str, float]:
        calls.append(step_info.step)
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Sit, "after_step", refuse)
    with pytest.raises(OutOfMemoryError):
        api.pretrain(tiny_config(sample[0]), tmp_path / "run", emit=lambda _: None)
    assert calls == [0]


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        ({}, "images at once"),
        ({"recompute": "on"}, "images at once"),
        ({"parts": 2}, "16 images at once"),
    ],
)
def test_a_run_measures_what_a_step_takes(
    compute: dict[str, Any], words: str, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tiny_config(sample[0], compute=compute, optim={"epochs": 0.2})
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    told = (tmp_path / "run" / "config.toml").read_text("utf-8")
    (why,) = re.findall(r"# measured ([\d.]+) MB an image: .* free for (.*)$", told, re.MULTILINE)[
        :1
    ]
    assert 0.01 < float(why[0]) < 10
    assert words in why[1]


def test_a_run_whose_memory_is_chosen_is_not_measured(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    compute = {"recompute": "off", "parts": 1}
    config = tiny_config(sample[0], compute=compute, optim={"epochs": 0.2})
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    assert "MB an image" not in (tmp_path / "run" / "config.toml").read_text("utf-8")


def test_parts_must_divide_the_batch(sample: tuple[Path, Path], tmp_path: Path) -> None:
    done = engine(
        "pretrain", sample[0], "--out", tmp_path / "run", *tiny_flags(), "--compute.parts", "3"
    )
    assert done.returncode == 4, done.stderr
    assert "compute.parts = 3" in done.stderr
    assert OutOfMemoryError.exit_code == 7
