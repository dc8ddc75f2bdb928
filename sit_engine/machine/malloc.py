"""The C library's heap while a run trains on the CPU."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sit_engine.config.tree import ComputeOptions

# Of malloc.h; mallopt(3) describes them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = (1 << 31) - 1
# Where glibc's own adjustment ends, once a process has freed large blocks.
_USUAL = 32 << 20


@contextmanager
def tuned_malloc(options: ComputeOptions) -> Iterator[None]:
    """What a step frees stays in the process for the next one, and goes back at the end.

    By itself glibc gives every large block back at once, and the system hands it out again page by
    page, each filled with zeros: some 100,000 page faults a step. On a GPU, and where the C library is
    another one, nothing changes; nor with gradient checkpointing or a limit of address space: a heap that
    is kept has gaps, and memory is short then. In a thread beside the main one, as in a window that
    trains within its own process, glibc keeps less. `options` are resolved.
    """
    is_wanted = options.device == "cpu" and options.recompute != "on"
    library = glibc() if is_wanted and not _has_limit() else None
    if library is None:
        yield
        return
    # Older versions refuse more than their usual limit.
    if not library.mallopt(_MMAP_THRESHOLD, _NEVER):
        library.mallopt(_MMAP_THRESHOLD, _USUAL)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        give_back()


def _has_limit() -> bool:
    """Whether `ulimit -v` bounds the address space: what the heap takes, compiled kernels lack."""
    if sys.platform == "win32":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def give_back() -> None:
    """What is free goes back to the system, now and, as usual, whenever a large block is freed."""
    if (library := glibc()) is not None:
        library.mallopt(_MMAP_THRESHOLD, _USUAL)
        library.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
    trim()


def trim() -> None:
    """What is free now goes back to the system."""
    if (library := glibc()) is not None:
        library.malloc_trim(0)


def glibc() -> ctypes.CDLL | None:
    """The C library, if it is the one whose heap can be told."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
