"""Which device, which number format: asked and measured once at the start, then stored."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache

import psutil
import torch
from torch import Tensor

from sit_engine.config.facts import DeviceFacts
from sit_engine.config.fields import no_auto
from sit_engine.config.tree import ComputeOptions, RunConfig
from sit_engine.errors import DeviceError, OutOfMemoryError

MOST_MATMUL_ERROR = 1e-4
# How CUDA, cuDNN and the CPU allocator say it.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cudnn_status_alloc_failed")


def find_device(wanted: str) -> torch.device:
    """The device that a setting names; auto takes the first GPU, else the CPU."""
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceError(
            "device.no_gpu",
            "The device {wanted} cannot be used: {why}.",
            "Set compute.device to auto or cpu.",
            wanted=wanted,
            why=why_no_gpu(),
        )
    device = torch.device("cuda:0" if wanted == "auto" else wanted)
    if (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            "device.index",
            "There is no device {wanted}; this machine has {count}.",
            "Choose cuda:0 to cuda:{last}.",
            wanted=wanted,
            count=torch.cuda.device_count(),
            last=torch.cuda.device_count() - 1,
        )
    return device


def why_no_gpu() -> str:
    """One phrase for a person without a usable GPU."""
    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return "this build of torch has no CUDA"
    return "no NVIDIA driver or GPU was found"


def probe(compute: ComputeOptions) -> DeviceFacts:
    """Facts about the device, and the number format that is measured faster on it."""
    device = find_device(compute.device)
    cores = _usable_cores()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return DeviceFacts(
            kind="cuda" if device.index in (None, 0) else str(device),
            name=properties.name,
            cores=cores,
            memory_bytes=properties.total_memory,
            precision="bf16" if has_bf16 else "fp32",
            matmul="medium",
            why_precision="this GPU has bf16 units" if has_bf16 else "this GPU has no bf16 units",
        )
    if compute.threads != "auto":
        torch.set_num_threads(compute.threads)
    is_chosen = compute.precision != "auto" and compute.matmul != "auto"
    precision, matmul, why = ("fp32", "highest", "") if is_chosen else _fastest_on_cpu()
    return DeviceFacts(
        kind="cpu",
        name="CPU",
        cores=cores,
        memory_bytes=psutil.virtual_memory().total,
        precision=precision,
        matmul=matmul,
        why_precision=why,
        why_no_gpu=why_no_gpu(),
    )


def probe_once(compute: ComputeOptions) -> DeviceFacts:
    """As `probe`, measured once in this process for the same settings."""
    return _probe_once(compute.model_copy(update={"seed": 0}))


@lru_cache
def _probe_once(compute: ComputeOptions) -> DeviceFacts:
    return probe(compute)


def _usable_cores() -> int:
    """Cores this process may use, which a container can make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fastest_on_cpu() -> tuple[str, str, str]:
    """Forward and backward of one block-sized product in each format; a gain under 10 % is none."""
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(1024, 384, generator=generator)
    right = torch.randn(384, 1536, generator=generator, requires_grad=True)

    def product() -> Tensor:
        return left @ right

    def half_product() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return (left @ right).float()

    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("highest")
        exact, plain_s = product().detach(), _time(product)
        half_s = _time(half_product, give_up_s=3 * plain_s)
        torch.set_float32_matmul_precision("medium")
        error = (product().detach() - exact).abs().max() / exact.abs().max()
        medium_s = _time(product, give_up_s=3 * plain_s)
    finally:
        torch.set_float32_matmul_precision(before)
    is_exact = float(error) <= MOST_MATMUL_ERROR
    matmul, fp32_s = "highest", plain_s
    if is_exact and medium_s < 0.9 * plain_s:
        matmul, fp32_s = "medium", medium_s
    precision = "bf16" if half_s < 0.9 * fp32_s else "fp32"
    why = (
        f"measured here against plain fp32: medium {plain_s / medium_s:.2g} times as fast with an "
        f"error of {float(error):.0e}, bf16 {plain_s / half_s:.2g} times as fast"
    )
    return precision, matmul, why


def _time(work: Callable[[], Tensor], *, give_up_s: float = math.inf, repeats: int = 5) -> float:
    """Median seconds of forward and backward after a warm-up; the first if past `give_up_s`.

    Emulated bf16 can be a hundred times slower: one look at it is enough.
    """
    seconds: list[float] = []
    for _ in range(repeats + 2):
        start_s = time.perf_counter()
        work().square().mean().backward()  # type: ignore[no-untyped-call]
        seconds.append(time.perf_counter() - start_s)
        if seconds[0] > 10 * give_up_s or (len(seconds) == 2 and min(seconds) > give_up_s):
            return min(seconds)
    return statistics.median(seconds[2:])


def apply_settings(compute: ComputeOptions, *, or_cpu: bool = False) -> torch.device:
    """Set threads and matmul precision as resolved; gives the device.

    `or_cpu` takes the CPU where the run's GPU is not there: good enough to measure and export.
    """
    if or_cpu and not torch.cuda.is_available():
        compute = compute.model_copy(update={"device": "cpu"})
    assert compute.threads != "auto"
    torch.set_num_threads(compute.threads)
    torch.set_float32_matmul_precision("highest" if compute.matmul == "auto" else compute.matmul)
    return find_device(compute.device)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bf16 where resolved so, else nothing."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def memory_errors(config: RunConfig) -> Iterator[None]:
    """Out of memory, in whatever words, becomes our sentence."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        words = str(error).lower()
        if isinstance(error, RuntimeError) and not any(part in words for part in OUT_OF_MEMORY):
            raise
        batch = no_auto(config.optim.batch_size)
        raise OutOfMemoryError(
            "memory.device",
            "There was not enough memory for {batch} images a step.",
            "Set optim.batch_size to {half}, or choose a smaller backbone.",
            batch=batch,
            half=max(2, batch // 2),
        ) from error


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory in use: on the GPU since the start, else of this process now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)
