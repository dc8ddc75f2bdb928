"""The numbers about a folder that "auto" settings depend on."""

from __future__ import annotations

import numpy as np

from sit_engine.config.facts import DataFacts
from sit_engine.data.scan import ImageIndex


def facts_of(index: ImageIndex) -> DataFacts:
    """Counts and the median shorter side of the usable images."""
    return DataFacts(
        images=len(index.paths),
        classes=len(np.unique(index.labels[index.labels >= 0])),
        median_side_px=int(np.median(index.sizes.min(axis=1))) if len(index.sizes) else 0,
    )
