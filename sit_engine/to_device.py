"""Numbers of the host onto a device."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(values: NDArray[Any], device: torch.device) -> Tensor:
    """An array on a device, on the current stream; the host does not wait for a GPU.

    From pageable memory it would, where there is more than fits the driver's own buffer (64 KiB).
    """
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
