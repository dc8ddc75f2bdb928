"""Differences between two networks on the same images or draws, over several seeds; plain arrays.

Used by studies.cells and benchmarks.tables. Shapes: S seeds, M images or draws over all seeds,
R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

RESAMPLES = 10_000
AT_ONCE = 500


def mean_over_seeds(values_SM: np.ndarray) -> float:
    """Mean over seeds of each seed's own mean; NaN stands where a seed has no such image or draw."""
    return float(np.mean([row[~np.isnan(row)].mean() for row in values_SM]))


def interval(difference_SM: np.ndarray, *, among: int = 1) -> tuple[float, float]:
    """95 % bootstrap of `mean_over_seeds`: seeds and columns are both drawn with replacement.

    Seeds and images cross: an image that is hard at one seed is hard at the other, so pairs are not
    independent, and an image is drawn for all seeds or for none ("pigeonhole bootstrap", Owen 2007,
    arXiv 0712.1111). Where every seed has columns of its own (NaN elsewhere) they nest by themselves.
    Noise of one image at one seed counts up to three times, which errs on the wide side. Of S seeds
    only (S − 1)/S of the variance between them is seen: with two the interval tells of images
    mostly, and is too narrow where seeds differ much.
    `among` so many comparisons read together each is as much wider as keeps 95 % for all (Bonferroni).
    """
    generator = np.random.default_rng(0)
    seeds, columns = difference_SM.shape
    is_there_SM = ~np.isnan(difference_SM)
    filled_SM = np.where(is_there_SM, difference_SM, 0.0)
    means = []
    for start in range(0, RESAMPLES, AT_ONCE):
        size = min(AT_ONCE, RESAMPLES - start)
        of_columns_RM = _times_drawn(generator, size, columns)
        counts_RS = of_columns_RM @ is_there_SM.T.astype(float)
        weights_RS = _times_drawn(generator, size, seeds) * (counts_RS > 0)
        means_RS = of_columns_RM @ filled_SM.T / np.maximum(counts_RS, 1)
        drawn_R = weights_RS.sum(1)
        has_any = drawn_R > 0
        means.append((weights_RS * means_RS).sum(1)[has_any] / drawn_R[has_any])
    tail = 2.5 / among
    low, high = np.percentile(np.concatenate(means), [tail, 100 - tail])
    return float(low), float(high)


def _times_drawn(generator: np.random.Generator, size: int, items: int) -> np.ndarray:
    """How often each item came in each of `size` draws of `items` with replacement: [size,items]."""
    drawn = generator.integers(items, size=(size, items)) + np.arange(size)[:, None] * items
    return np.bincount(drawn.ravel(), minlength=size * items).reshape(size, items).astype(float)


def lined_up(values: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """[S,M] from names [m] and values [m] of each seed: a column a name, NaN where a seed lacks it."""
    columns = np.unique(np.concatenate([names for names, _ in values.values()]))
    table = np.full((len(values), len(columns)), np.nan)
    for row, (names, found) in zip(table, values.values(), strict=True):
        row[np.searchsorted(columns, names)] = found
    return table
