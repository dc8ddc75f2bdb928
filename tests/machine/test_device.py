"""The measured number format: right for this processor, stored in the run, restored at its resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sit_engine import api
from sit_engine.config.facts import DeviceFacts
from sit_engine.config.tree import ComputeOptions
from sit_engine.machine import device
from sit_engine.machine.device import CPU_FORMATS, probe
from sit_engine.records.commands import Command
from sit_engine.records.events import Event
from sit_engine.records.run_folder import open_run
from sit_engine.training import prepare
from tests.tiny import tiny_config


@pytest.fixture(autouse=True)
def _nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what other tests measured on this machine."""
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _matmul_is_put_back() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def pretend(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, list[float]]) -> None:
    """Make the formats take these seconds, one after the other, again and again; all are exact.

    Where a processor has units of bf16, torch takes "medium" for them, and its error is real.
    """
    turns = dict.fromkeys(CPU_FORMATS, -1)

    def timed(_: Callable[[], Tensor], name: str) -> float:
        turns[name] += 1
        return seconds[name][turns[name] % len(seconds[name])]

    monkeypatch.setattr(device, "_time", timed)
    monkeypatch.setattr(device, "_medium_error", lambda _: 0.0)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"highest": [4], "medium": [2], "bf16": [1]}, ("bf16", "medium")),
        ({"highest": [4], "medium": [2], "bf16": [1.9]}, ("fp32", "medium")),
        ({"highest": [4], "medium": [4], "bf16": [400]}, ("fp32", "highest")),
        ({"highest": [4], "medium": [3.8], "bf16": [2]}, ("bf16", "highest")),
        # Other work hit half of the times, and whole formats at once.
        ({"highest": [4, 9], "medium": [30, 2], "bf16": [9, 1]}, ("bf16", "medium")),
    ],
    ids=["bf16 units", "gain too small", "emulated", "medium no faster", "busy machine"],
)
def test_the_fastest_format_is_chosen(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[str, list[float]], expected: tuple[str, str]
) -> None:
    pretend(monkeypatch, seconds)
    facts = probe(ComputeOptions(device="cpu"))
    assert (facts.precision, facts.matmul) == expected
    assert "measured here" in facts.why_precision
    # What is out after the warm-up is still told.
    gain = seconds["highest"][0] / min(seconds["bf16"])
    assert f"bf16 {gain:.2g} times" in facts.why_precision


def test_the_formats_are_timed_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # Beside a hungry process two threads wait for each other, by chance more in one format.
    pretend(monkeypatch, {name: [1.0] for name in CPU_FORMATS})
    timed, threads = device._time, set[int]()

    def counted(layer: Callable[[], Tensor], name: str) -> float:
        threads.add(torch.get_num_threads())
        return timed(layer, name)

    monkeypatch.setattr(device, "_time", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        probe(ComputeOptions(device="cpu"))
        assert (threads, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)


def test_medium_is_left_alone_where_it_is_not_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {"highest": [4], "medium": [1], "bf16": [0.5]})
    monkeypatch.setattr(device, "_medium_error", lambda _: 1e-2)
    facts = probe(ComputeOptions(device="cpu"))
    assert (facts.precision, facts.matmul) == ("bf16", "highest")


def test_the_probe_leaves_settings_and_generators_alone() -> None:
    torch.set_float32_matmul_precision("high")
    state = torch.get_rng_state()
    probe(ComputeOptions(device="cpu"))
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.equal(torch.get_rng_state(), state)


class Stop:
    """A control that stops before the third step."""

    polls = 0

    def poll(self) -> list[Command]:
        """Asked before every step."""
        self.polls += 1
        return [Command("stop", -1)] if self.polls == 3 else []


def test_what_was_measured_is_stored_and_holds_at_the_resume(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    measured = DeviceFacts(precision="bf16", matmul="medium", why_precision="measured", cores=1)
    monkeypatch.setattr(prepare, "probe", lambda _: measured)
    config = tiny_config(sample[0], compute={"precision": "auto", "matmul": "auto"})
    api.pretrain(config, out, emit=lambda _: None, make_control=lambda _: Stop())
    stored = open_run(out).config().compute
    assert (stored.precision, stored.matmul) == ("bf16", "medium")

    def forbidden(_: ComputeOptions) -> DeviceFacts:
        pytest.fail("a resumed run measured again")

    monkeypatch.setattr(prepare, "probe", forbidden)
    torch.set_float32_matmul_precision("highest")
    seen: set[tuple[str, bool]] = set()

    def look(_: Event) -> None:
        seen.add((torch.get_float32_matmul_precision(), torch.is_autocast_enabled("cpu")))

    formats: set[torch.dtype] = set()
    kept = torch.nn.functional.linear

    def linear(*inputs: Tensor) -> Tensor:
        made = kept(*inputs)
        formats.add(made.dtype)
        return made

    monkeypatch.setattr(torch.nn.functional, "linear", linear)
    api.resume(out, emit=look)
    assert ("medium", False) in seen
    assert torch.bfloat16 in formats
