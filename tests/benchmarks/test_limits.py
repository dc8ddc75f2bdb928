"""A step's operations by kind: what is counted is counted right, and nothing is lost."""

from __future__ import annotations

import pytest
import torch

from benchmarks.limits import PRODUCTS, _kind, take_apart
from benchmarks.recipe import PLAIN, Case


def test_shares_add_up_and_only_products_are_counted() -> None:
    rows = take_apart(Case("vit_tiny", 32, 2), "fp32", PLAIN, torch.device("cpu"))
    _, whole, *kinds = rows
    assert sum(float(row["share_percent"] or 0) for row in kinds) == pytest.approx(100)
    products = next(row for row in kinds if row["part"] == PRODUCTS)
    assert products["gflop"] == whole["gflop"]
    assert sum(float(row["ms"] or 0) for row in kinds) == pytest.approx(float(whole["ms"] or 0))


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
