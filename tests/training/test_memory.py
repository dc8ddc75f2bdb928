"""What a step is said to take is what it takes: held against torch's own record of its allocations."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from torch.profiler import ProfilerActivity, profile

from sit_engine.config.facts import DeviceFacts
from sit_engine.config.tree import ResolvedConfig
from sit_engine.methods.protocol import StepInfo
from sit_engine.training.memory import with_memory
from sit_engine.training.stepper import Stepper
from tests.training import rank_worker


def peak(config: ResolvedConfig, images: int, trace: Path) -> int:
    """Most bytes that a step on so many images had allocated at once, over what was there before."""
    stepper = Stepper(
        config.model_copy(update={"optim": config.optim.model_copy(update={"batch_size": images})}),
        rank_worker.store(),
        np.arange(images),
    )
    stepper.step(StepInfo(0, 0, 1000), learning_rate=0.0, weight_decay=0.0)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        stepper.learn(StepInfo(0, 1, 1000))
    profiler.export_chrome_trace(str(trace))
    told = [
        event
        for event in json.loads(trace.read_bytes())["traceEvents"]
        if event["name"] == "[memory]"
    ]
    sizes = [event["args"]["Bytes"] for event in sorted(told, key=lambda event: event["ts"])]
    return int(np.cumsum(sizes).max())


@pytest.mark.parametrize("method", ["sit", "sit2021", "mocov3"])
def test_an_image_takes_what_was_said_or_a_little_less(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path))
    config = rank_worker.config_of(method, 1, "off")
    auto = config.compute.model_copy(update={"recompute": "auto", "parts": "auto"})
    rows = np.arange(rank_worker.IMAGES)
    told = with_memory(DeviceFacts(), auto, config, rank_worker.store(), rows, 0 * rows).memory
    assert told is not None
    # Garbage in circles is taken away whenever Python looks for it: the middle one of three each.
    eight, four = (
        median(peak(config, n, tmp_path / "trace.json") for _ in range(3)) for n in (8, 4)
    )
    took = (eight - four) / 4
    assert took <= told.image <= 1.4 * took
