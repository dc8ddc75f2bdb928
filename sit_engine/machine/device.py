"""Which device, which number format: asked and measured once at the start, then stored."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Never

import psutil
import torch
from torch import Tensor
from torch.nn import functional

from sit_engine import ranks
from sit_engine.config.facts import DeviceFacts
from sit_engine.config.tree import ComputeOptions, ResolvedConfig
from sit_engine.counted import Sentence
from sit_engine.errors import DeviceError, OutOfMemoryError
from sit_engine.machine.remembered import recall, remember

MOST_MATMUL_ERROR = 1e-4
CPU_FORMATS = ("highest", "medium", "bf16")
FORMATS_MEASURED = "number formats of a thread"
PROBE_ROUNDS, FEWEST_ROUNDS, PROBE_S = 12, 4, 2.0
# How CUDA, its libraries and the CPU allocator say it.
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "bad_alloc",
)
# What cuDNN, cuBLAS and oneDNN say when they find no room to work in; it may mean another fault.
DISGUISED = (
    "unable to find a valid cudnn algorithm",
    "unable to find an engine",
    "cudnn_status_not_initialized",
    "cudnn_status_internal_error",
    "cudnn_status_execution_failed",
    "cublas_status_not_initialized",
    "could not create a primitive",
    "could not execute a primitive",
)


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
    if wanted.startswith("cuda:") and ranks.count() > 1:
        raise DeviceError(
            "device.one_for_all",
            "The device {wanted} cannot be that of all processes.",
            "Set compute.device to auto or cuda; CUDA_VISIBLE_DEVICES chooses among GPUs.",
            wanted=wanted,
        )
    place = ranks.on_this_machine()[0] if wanted in ("auto", "cuda") else None
    device = torch.device(wanted if place is None else f"cuda:{place}")
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
    """Why there is no usable GPU, as one phrase for a person."""
    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return "this build of torch has no CUDA"
    return "no NVIDIA driver or GPU was found"


def probe(compute: ComputeOptions) -> DeviceFacts:
    """Facts about the device, and the number format that is measured faster on it."""
    device = find_device(compute.device)
    cores = max(1, _usable_cores() // ranks.on_this_machine()[1])
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return DeviceFacts(
            kind=str(device) if compute.device.startswith("cuda:") else "cuda",
            name=properties.name,
            cores=cores,
            memory_bytes=properties.total_memory,
            precision="bf16" if has_bf16 else "fp32",
            matmul="medium",
            why_precision="this GPU has bf16 units" if has_bf16 else "this GPU has no bf16 units",
            can_compile=not (missing := why_not_compile()),
            why_compile=missing or "a GPU with a compiler",
            ranks=ranks.count(),
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
        ranks=ranks.count(),
    )


def why_not_compile() -> str:
    """What torch lacks to compile for a GPU; empty if nothing."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        return "no C compiler was found"
    return ""


def probe_once(compute: ComputeOptions) -> DeviceFacts:
    """What `probe` finds, measured once in this process for the same settings."""
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
    """The fastest format for forward and backward of a feed-forward layer; under 10 % is no gain.

    Measured once on a machine, then remembered; on one thread: of two that wait for each other one is
    nearly always late beside a hungry process, which made fp32 win every fourth probe of a processor
    whose bf16 steps are twice as fast.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        numbers = recall(FORMATS_MEASURED)
        if numbers is None or len(numbers) != len(CPU_FORMATS) + 1:
            numbers = _time_formats()
            remember(FORMATS_MEASURED, numbers)
    finally:
        torch.set_num_threads(threads)
    plain_s, medium_s, half_s, error = numbers
    matmul, fp32_s = "highest", plain_s
    if error <= MOST_MATMUL_ERROR and medium_s < 0.9 * plain_s:
        matmul, fp32_s = "medium", medium_s
    precision = "bf16" if half_s < 0.9 * fp32_s else "fp32"
    why = Sentence(
        "measured here against plain fp32: medium {medium} times as fast with an error of {error}, "
        "bf16 {half} times as fast",
        medium=f"{plain_s / medium_s:.2g}",
        error=f"{error:.0e}",
        half=f"{plain_s / half_s:.2g}",
    )
    return precision, matmul, why


def _time_formats() -> list[float]:
    """Seconds of each of CPU_FORMATS, and the error of "medium".

    A layer with its norm and activation, since bf16 speeds these up too. The formats take turns and
    the smallest time of each counts: other work on the machine only ever adds to a time, and with
    medians it made fp32 win every third probe of a processor whose bf16 steps are 2.7 times as fast.
    """
    layer = _feed_forward()
    before = torch.get_float32_matmul_precision()
    try:
        # Warm-up, and out with what is hopeless: emulated bf16 is 30 to 100 times slower.
        seconds = {name: _time(layer, name) for name in CPU_FORMATS}
        rivals = [name for name in CPU_FORMATS if seconds[name] < 20 * seconds["highest"]]
        seconds |= dict.fromkeys(rivals, math.inf)
        until_s = time.perf_counter() + PROBE_S
        for number in range(PROBE_ROUNDS):
            if number >= FEWEST_ROUNDS and time.perf_counter() > until_s:
                break  # A busy machine
            for name in rivals:
                seconds[name] = min(seconds[name], _time(layer, name))
        error = _medium_error(layer)
    finally:
        torch.set_float32_matmul_precision(before)
    return [*(seconds[name] for name in CPU_FORMATS), error]


def _feed_forward() -> Callable[[], Tensor]:
    """Norm, 384 to 1536, GELU, and back, on 512 tokens, with weights of its own."""
    generator = torch.Generator().manual_seed(0)
    tokens_ND = torch.randn(512, 384, generator=generator, requires_grad=True)
    wider_HD, narrower_DH = (
        torch.randn(shape, generator=generator).mul_(0.05).requires_grad_()
        for shape in ((1536, 384), (384, 1536))
    )

    def forward() -> Tensor:
        hidden_NH = functional.linear(functional.layer_norm(tokens_ND, (384,)), wider_HD)
        return functional.linear(functional.gelu(hidden_NH), narrower_DH) + tokens_ND

    return forward


def _time(forward: Callable[[], Tensor], name: str) -> float:
    """Seconds of one forward and backward in a format of CPU_FORMATS."""
    torch.set_float32_matmul_precision("highest" if name == "highest" else "medium")
    start_s = time.perf_counter()
    with autocast(torch.device("cpu"), "bf16" if name == "bf16" else "fp32"):
        output = forward()
    output.float().square().mean().backward()  # type: ignore[no-untyped-call]
    return time.perf_counter() - start_s


@torch.no_grad()
def _medium_error(forward: Callable[[], Tensor]) -> float:
    """Largest deviation of "medium" products, relative to the largest value."""
    torch.set_float32_matmul_precision("highest")
    exact = forward()
    torch.set_float32_matmul_precision("medium")
    return float((forward() - exact).abs().max() / exact.abs().max())


def apply_settings(compute: ComputeOptions[Never], *, or_cpu: bool = False) -> torch.device:
    """Set threads and matmul precision as resolved; gives the device.

    `or_cpu` takes the CPU where the run's GPU is not there: good enough to measure and export.
    """
    if or_cpu and not torch.cuda.is_available():
        compute = compute.model_copy(update={"device": "cpu"})
    torch.set_num_threads(compute.threads)
    torch.set_float32_matmul_precision(compute.matmul)
    return find_device(compute.device)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bf16 where resolved so, else nothing."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, or is one behind which that usually hides."""
    words = str(error).lower()
    says = isinstance(error, RuntimeError) and any(
        part in words for part in OUT_OF_MEMORY + DISGUISED
    )
    return says or isinstance(error, (MemoryError, torch.OutOfMemoryError))


@contextmanager
def memory_errors(config: ResolvedConfig) -> Iterator[None]:
    """Turn an error of memory, in whatever words, into our sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        batch = config.optim.batch_size
        raise OutOfMemoryError(
            "memory.device",
            "There was not enough memory for {batch} images a step.",
            "Set optim.batch_size to {half}, or choose a smaller backbone.",
            batch=batch,
            half=max(2, batch // 2),
        ) from error


def forget_peak(device: torch.device) -> None:
    """Count the most memory in use on a GPU from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory in use: on the GPU since `forget_peak`, else of this process now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)
