"""Adds up losses and curves on the device between two reports; the host waits once a report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sit_engine import ranks
from sit_engine.training.stepper import Done


@dataclass(frozen=True)
class Means:
    """Loss terms (with "loss" and "norm") and curves, each the mean over the finite steps, NaN if
    there was none; and of each step its loss (0 where not finite) and whether it was finite, and the
    curves that were asked for step by step.
    """

    terms: dict[str, float]
    curves: dict[str, float]
    losses: list[float]
    is_finite: list[bool]
    each: dict[str, list[float]]


@dataclass
class MetricsWindow:
    """Sums over the steps since the last report; a step that was not finite adds nothing."""

    device: torch.device
    each: tuple[str, ...] = ()
    """Curves that are wanted of each step too."""
    names: list[str] = field(default_factory=list)
    curve_names: set[str] = field(default_factory=set)
    sums: Tensor | None = None
    finite: list[Tensor] = field(default_factory=list)
    rows: list[Tensor] = field(default_factory=list)
    """On the device, one a step: the loss and the curves of `each` that there are."""
    steps: int = 0
    started_s: float = field(default_factory=time.perf_counter)
    waited_s: float = 0.0
    paused_s: float = 0.0

    def add(self, done: Done) -> None:
        """Add one finished step."""
        losses, finite, norm = done.losses, done.finite, done.norm
        self.waited_s += done.waited_s
        values = {"loss": losses.total, "norm": norm} | losses.terms | losses.curves
        self.names, self.curve_names = list(values), set(losses.curves)
        row = torch.stack([value.detach().float() for value in values.values()])
        row = torch.where(finite > 0, row, torch.zeros_like(row))
        self.sums = row if self.sums is None else self.sums + row
        self.finite.append(finite)
        kept = [0, *(self.names.index(name) for name in self._each())]
        self.rows.append(torch.stack([row[place] for place in kept]))
        self.steps += 1

    def _each(self) -> list[str]:
        return [name for name in self.each if name in self.names]

    def read(self) -> Means:
        """What the steps gave; the one place where the host waits for the device."""
        assert self.sums is not None
        # Whether a step was finite all ranks know; the numbers are the mean over them.
        own = ranks.mean(torch.cat([self.sums, torch.cat(self.rows)])).cpu()
        sums, rows = own[: len(self.sums)], own[len(self.sums) :]
        losses, *curves_each = rows.reshape(self.steps, -1).T.tolist()
        is_finite = [value > 0 for value in torch.stack(self.finite).tolist()]
        finite = float(sum(is_finite))
        values = (sums / finite if finite else sums * float("nan")).tolist()
        terms, curves = dict[str, float](), dict[str, float]()
        for name, value in zip(self.names, values, strict=True):
            (curves if name in self.curve_names else terms)[name] = value
        each = dict(zip(self._each(), curves_each, strict=True))
        return Means(terms, curves, losses, is_finite, each)

    def busy_s(self) -> float:
        """Seconds of this window without previews, readings and checkpoints."""
        return max(1e-9, time.perf_counter() - self.started_s - self.paused_s)
