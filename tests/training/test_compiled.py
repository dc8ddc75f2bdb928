"""Compiled passes, traced by torch but run as they are: the CPU has no kernels worth the wait."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._dynamo.config

from sit_engine.config.tree import ResolvedConfig
from tests.training import rank_worker

WHOLE = torch.compile
PLAIN = rank_worker.config_of


def compiled(*words: Any) -> ResolvedConfig:
    """The same settings with compiled passes."""
    config = PLAIN(*words)
    compute = config.compute.model_copy(update={"compile": "on"})
    return config.model_copy(update={"compute": compute})


def test_passes_of_several_sizes_give_the_losses_of_plain_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One after the other in a process, as a comparison trains them."""
    graphs = []

    def traced(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        del inputs
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 1)
    monkeypatch.setattr(torch._dynamo.config, "fail_on_recompile_limit_hit", True)
    monkeypatch.setattr(rank_worker, "STEPS", 2)
    for method in ("dino", "simdino"):
        torch._dynamo.reset()
        graphs.clear()
        plain = rank_worker.train(f"{method}:float32:1:off")
        with monkeypatch.context() as patch:
            patch.setattr(torch, "compile", functools.partial(WHOLE, backend=traced))
            patch.setattr(rank_worker, "config_of", compiled)
            found = rank_worker.train(f"{method}:float32:1:off")
        assert torch.equal(found["losses"], plain["losses"])
        assert len(graphs) > 1
