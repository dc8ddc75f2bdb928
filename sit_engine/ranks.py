"""The processes that train one run together (ranks), and what they tell each other.

One process alone, which is the rule, exchanges nothing and takes every shortcut here. Tensors travel on
their own device (NCCL between GPUs), small decisions of the host over gloo: nothing waits for a GPU.
Shapes: R ranks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from sit_engine.errors import RankError

# The first rank scans, decodes and measures while the others wait, perhaps for hours; in the middle
# of a step nobody waits for long.
LONGEST_WAIT, LONGEST_STEP = timedelta(hours=24), timedelta(minutes=10)
# How gloo, NCCL and the store say that a peer is gone.
LOST = (
    "connection closed by peer",
    "connection reset by peer",
    "connection refused",
    "broken pipe",
    "timed out waiting",
    "watchdog caught collective operation timeout",
    "remote process exited or there was a network error",
)


class _State:
    """This process's state: the group for the host's decisions, and whether it acts alone for now."""

    control: Any = None
    is_alone = False


def count() -> int:
    """How many ranks train this run, R."""
    if _State.is_alone or not distributed.is_available() or not distributed.is_initialized():
        return 1
    return distributed.get_world_size()


def number() -> int:
    """Which of them this process is; the first is 0 and writes the run folder."""
    return 0 if count() == 1 else distributed.get_rank()


def is_first() -> bool:
    """Whether this process decides, writes and speaks."""
    return number() == 0


def on_this_machine() -> tuple[int, int]:
    """Which of this machine's ranks this is, and how many there are, as the launcher says."""
    if count() == 1:
        return 0, 1
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@contextmanager
def joined() -> Iterator[None]:
    """Join the other ranks where a launcher (torchrun, --gpus) started several; alone: nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    backend = "gloo"
    if torch.cuda.is_available() and distributed.is_nccl_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    try:
        distributed.init_process_group(
            backend, init_method=_meeting(), timeout=LONGEST_STEP,
            rank=int(os.environ["RANK"]), world_size=int(os.environ["WORLD_SIZE"]),
        )  # fmt: skip
        _State.control = distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:
        raise RankError(
            "ranks.join",
            "The processes of this run did not find each other: {why}.",
            "With torchrun check the address, the port and the number of processes; else try again.",
            why=str(error).strip().splitlines()[0].rstrip("."),
        ) from None
    yield
    # After a failure nobody waits for the others: the process ends, and its connections with it.
    _State.control = None
    distributed.destroy_process_group()


def _meeting() -> str:
    """Where the ranks find each other: a file of `--gpus`, or the address that a launcher gave."""
    file = os.environ.get("SIT_RANKS_MEET")
    return "env://" if file is None else Path(file).as_uri()


@contextmanager
def alone() -> Iterator[None]:
    """Act as one process for a while, to measure something that the others do not take part in."""
    before, _State.is_alone = _State.is_alone, True
    try:
        yield
    finally:
        _State.is_alone = before


@contextmanager
def _lost_peers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise lost(error) or error from None


def lost(error: BaseException) -> RankError | None:
    """The sentence for an error that says that another rank is gone; None: it says something else."""
    words = str(error).lower()
    if count() == 1 or not isinstance(error, RuntimeError) or not any(w in words for w in LOST):
        return None
    return RankError(
        "ranks.lost",
        "Another process of this run ended, so process {number} of {count} ends too ({why}).",
        "Look at what that process said. A run that had begun goes on with `sit-engine resume`.",
        number=number() + 1,
        count=count(),
        why=str(error).strip().splitlines()[0][:200],
    )


def wait() -> None:
    """Wait until every rank is here."""
    agree([0])


def agree(values: Sequence[int]) -> list[int]:
    """The largest of each number over all ranks; the host waits for the slowest of them."""
    if count() == 1:
        return list(values)
    found = torch.tensor(values, dtype=torch.int64)
    with _lost_peers():
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX, group=_State.control)
    return [int(value) for value in found.tolist()]


def told(text: str) -> str:
    """What the first rank says, to all of them."""
    if count() == 1:
        return text
    own = list(os.fsencode(text)) if is_first() else []
    (length,) = agree([len(own)])
    # Bytes are never negative, so the largest of each is the first rank's.
    return os.fsdecode(bytes(agree(own + [0] * (length - len(own)))))


def total(values: Tensor) -> Tensor:
    """The sum over ranks of a tensor that needs no gradient."""
    if count() > 1:
        values = values.detach().clone()
        with _lost_peers():
            distributed.all_reduce(values)
    return values


def mean(values: Tensor) -> Tensor:
    """The mean over ranks of floating-point numbers that need no gradient."""
    return total(values) if count() == 1 else total(values) / count()


def gathered(values: Tensor) -> Tensor:
    """[...] of every rank as [R, ...]; the gradient comes back to the rank that the values are from."""
    if count() == 1:
        return values[None]
    found: Tensor = _Gathered.apply(values)
    return found


class _Gathered(torch.autograd.Function):
    """Every rank's loss may use every rank's values, so a gradient is the sum of all of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        found = [torch.empty_like(values) for _ in range(count())]
        distributed.all_gather(found, values.contiguous())
        return torch.stack(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].contiguous().clone()
        distributed.all_reduce(summed)
        return summed[number()]
