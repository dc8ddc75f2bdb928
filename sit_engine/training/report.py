"""Adds up losses and curves on the device between two reports; the host waits once a report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sit_engine import ranks
from sit_engine.training.stepper import Done


@dataclass
class Window:
    """Sums over the steps since the last report; a step that was not finite adds nothing."""

    device: torch.device
    names: list[str] = field(default_factory=list)
    curve_names: set[str] = field(default_factory=set)
    sums: Tensor | None = None
    finite_steps: Tensor | None = None
    steps: int = 0
    started_s: float = field(default_factory=time.perf_counter)
    waited_s: float = 0.0
    paused_s: float = 0.0

    def add(self, done: Done) -> None:
        """One finished step."""
        losses, finite, norm = done.losses, done.finite, done.norm
        self.waited_s += done.waited_s
        values = {"loss": losses.total, "norm": norm} | losses.terms | losses.curves
        self.names, self.curve_names = list(values), set(losses.curves)
        row = torch.stack([value.detach().float() for value in values.values()])
        row = torch.where(finite > 0, row, torch.zeros_like(row))
        self.sums = row if self.sums is None else self.sums + row
        self.finite_steps = finite if self.finite_steps is None else self.finite_steps + finite
        self.steps += 1

    def means(self) -> tuple[dict[str, float], dict[str, float], int]:
        """Loss terms (with "loss" and "norm") and curves, and how many steps were not finite.

        Each is the mean over the finite steps, NaN if there was none.
        """
        assert self.sums is not None
        assert self.finite_steps is not None
        finite = float(self.finite_steps)
        sums = ranks.mean(self.sums)
        values = (sums.cpu() / finite if finite else sums.cpu() * float("nan")).tolist()
        terms, curves = dict[str, float](), dict[str, float]()
        for name, value in zip(self.names, values, strict=True):
            (curves if name in self.curve_names else terms)[name] = value
        return terms, curves, self.steps - round(finite)

    def busy_s(self) -> float:
        """Seconds of this window without previews, readings and checkpoints."""
        return max(1e-9, time.perf_counter() - self.started_s - self.paused_s)
