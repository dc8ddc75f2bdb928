"""The numbers about a folder that "auto" settings depend on."""

from __future__ import annotations

import numpy as np

from sit_engine.config.facts import DataFacts
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.layout import has_parts


def facts_of(index: ImageIndex) -> DataFacts:
    """Counts and the median shorter side of the usable images."""
    counts = np.unique(index.labels[index.labels >= 0], return_counts=True)[1]
    validation = 0
    if has_parts(index.layout):
        validation = int((index.labels[index.part_rows("val")] >= 0).sum())
    return DataFacts(
        images=len(index.paths),
        classes=len(counts),
        median_side_px=int(np.median(index.sizes.min(axis=1))) if len(index.sizes) else 0,
        smallest_class=int(counts.min(initial=len(index.paths))) if len(counts) else 0,
        largest_class=int(counts.max(initial=0)),
        labelled=int(counts.sum()),
        validation=validation,
        layout=index.layout,
    )
