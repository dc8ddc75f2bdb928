"""What a step is relieved of when the device refuses it: the same step is then tried again."""

from __future__ import annotations

import gc
from dataclasses import asdict, dataclass

import torch

from sit_engine import ranks
from sit_engine.errors import DeviceError, OutOfMemoryError
from sit_engine.machine.device import is_out_of_memory
from sit_engine.machine.malloc import give_back, trim
from sit_engine.training.stepper import Stepper

COMPILERS = ("torch._dynamo", "torch._inductor", "triton")


@dataclass(frozen=True)
class Change:
    """A setting that differs from the run's config.toml from now on, and why."""

    field: str
    old: str
    new: str
    why: str

    def plain(self) -> dict[str, str]:
        """The change as plain values, as a checkpoint keeps it."""
        return {name: str(text) for name, text in asdict(self).items()}


def recover(stepper: Stepper, error: Exception) -> Change | None:
    """Make the next try of a step easier; None: this error is not about that, or nothing is left.

    The batch and its loss stay what they are. Gradient checkpointing goes first: it saves most. Of
    several ranks none can be relieved: the others already wait for its gradients.
    """
    if ranks.count() > 1:
        _say_among_ranks(error)
        return None
    if is_from_compiler(error):
        return (
            Change("compute.compile", "on", "off", "the compiler failed here")
            if stepper.interpret()
            else None
        )
    if not is_out_of_memory(error):
        return None
    why = "there was not enough memory"
    if not stepper.is_recomputing:
        change = Change("compute.recompute", "off", "on", why)
    elif stepper.can_halve:
        change = Change(
            "compute.parts", str(stepper.micro_batches), str(2 * stepper.micro_batches), why
        )
    else:
        return None
    apply_change(stepper, change.field, change.new)
    stepper.optimiser.clear()
    return change


def _say_among_ranks(error: Exception) -> None:
    if is_from_compiler(error):
        raise DeviceError(
            "device.compiler",
            "The networks' passes cannot be compiled on this machine.",
            "Set compute.compile to off.",
        ) from error
    if is_out_of_memory(error):
        raise OutOfMemoryError(
            "memory.ranks",
            "There was not enough memory for the share of a batch on process {number} of {count}.",
            "Set compute.recompute to on, or compute.parts to a larger number.",
            number=ranks.number() + 1,
            count=ranks.count(),
        ) from error


def free_memory() -> None:
    """Give back what a failed step held; call it when its error is gone."""
    gc.collect()
    trim()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def apply_change(stepper: Stepper, field: str, new: str) -> None:
    """Work as an earlier leg of the run had to; fields of others change nothing here."""
    if field == "compute.recompute":
        stepper.recompute(on=new == "on")
    elif field == "compute.parts":
        stepper.cut(int(new))
    elif field == "compute.compile":
        stepper.interpret()
    if field in ("compute.recompute", "compute.parts") and stepper.device.type == "cpu":
        give_back()  # Memory is short; from now on, too.


def is_from_compiler(error: BaseException) -> bool:
    """Whether torch's compiler, or what it calls, raised it."""
    return any(kind.__module__.startswith(COMPILERS) for kind in type(error).__mro__)
