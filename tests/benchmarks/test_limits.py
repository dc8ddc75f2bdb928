"""A step's operations by kind."""

from __future__ import annotations

import pytest
import torch

from benchmarks.limits import PRODUCTS, SIDE, _kind, take_apart
from benchmarks.recipe import PLAIN, Case


def test_only_products_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is counted does not depend on the machine's limit: a small product will do for that.
    monkeypatch.setitem(SIDE, "cpu", 128)
    rows = take_apart(Case("vit_tiny", 32, 2), "fp32", PLAIN, torch.device("cpu"))
    _, whole, *kinds = rows
    products = next(row for row in kinds if row["part"] == PRODUCTS)
    assert products["gflop"] == whole["gflop"]
    assert sum("gflop" in row for row in kinds) == 1


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::addmm", PRODUCTS),
        ("aten::bmm", PRODUCTS),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention, fused"),
        ("aten::native_layer_norm_backward", "norms"),
        ("aten::_fused_adamw_", "AdamW and teacher"),
        ("aten::_to_copy", "copies and casts"),
        ("aten::gelu_backward", "GELU"),
    ],
)
def test_operations_have_their_kind(operation: str, kind: str) -> None:
    assert _kind(operation) == kind
