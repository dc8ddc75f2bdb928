"""The papers' presets see views as sharp as the published code cuts from photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
import sklearn.datasets

from benchmarks.sharpness import ratio
from sit_engine.config.presets import presets

PHOTOGRAPHS = sorted((Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"))


@pytest.mark.parametrize("preset", ["paper-2022", "paper-2021"])
@pytest.mark.parametrize("size", [32, 96, 128, 224])
def test_views_of_the_papers_presets_are_as_sharp_as_published(preset: str, size: int) -> None:
    assert len(PHOTOGRAPHS) == 2
    chosen = presets()[preset].values
    smallest = chosen["method"]["views"]["crop_scale_min"]
    # Many crops of each.
    found, _, _ = ratio(PHOTOGRAPHS * 8, size, chosen["data"]["cache_factor"], smallest)
    assert 0.97 <= found <= 1.03
