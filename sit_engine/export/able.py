"""Which formats this machine can write; asked whenever the window starts, so little is loaded for it."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def _least(values: Tensor) -> Tensor:
    """What TorchScript takes if it takes anything."""
    return values


@contextmanager
def quiet() -> Iterator[None]:
    """torch warns that TorchScript is deprecated; the README says so, the user's screen need not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def can_torchscript() -> bool:
    """Whether this Python and torch can still make TorchScript: asked by trying, not by version."""
    try:
        with quiet():
            torch.jit.script(_least)
    except (RuntimeError, NotImplementedError, TypeError, OSError):
        return False
    return True


def can_onnx() -> bool:
    """Whether the packages that write and check ONNX are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ONNX_PACKAGES)
