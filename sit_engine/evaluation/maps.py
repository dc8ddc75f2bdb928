"""Maps of embedded images: where features lie on a plane. PCA at once, t-SNE and UMAP when asked.

Shapes: n images, D width.
"""

from __future__ import annotations

import importlib
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from sit_engine.errors import DataError
from sit_engine.records.embedding import MapKind

ROWS = 8192
NEIGHBOURS = 50
MOST_TSNE = 20_000
FEWEST = 5
SEED = 0

Features = NDArray[np.float32]


def draw_map(kind: MapKind, features_nD: Features) -> Features:
    """Points of the plane [n,2]; the same features give the same map."""
    if kind == "pca":
        return principal(features_nD, 2)
    if len(features_nD) < FEWEST:
        raise DataError(
            "embedded.too_few",
            "A map by neighbours needs at least {fewest} images; there are {found}.",
            "Use the PCA map.",
            fewest=FEWEST,
            found=len(features_nD),
        )
    return _tsne(features_nD) if kind == "tsne" else _umap(features_nD)


def principal(features_nD: Features, count: int) -> Features:
    """Coordinates [n,count] on the axes of most variance; 0 where there are fewer axes.

    From the covariance, a piece of rows at a time, so that mapped features stay on the disk. An axis
    may point either way: the way in which its largest weight is positive is chosen.
    """
    rows, width = features_nD.shape
    mean_D = np.zeros(width)
    products_DD = np.zeros((width, width))
    for start in range(0, rows, ROWS):
        mean_D += features_nD[start : start + ROWS].sum(0, dtype=np.float64) / rows
    for start in range(0, rows, ROWS):
        centred = features_nD[start : start + ROWS] - mean_D
        products_DD += centred.T @ centred
    axes_DK = np.linalg.eigh(products_DD)[1][:, ::-1][:, :count]
    largest = np.abs(axes_DK).argmax(0)
    axes_DK = axes_DK * np.sign(axes_DK[largest, np.arange(axes_DK.shape[1])])
    found = np.zeros((rows, count), dtype=np.float32)
    for start in range(0, rows, ROWS):
        piece = features_nD[start : start + ROWS] - mean_D
        found[start : start + ROWS, : axes_DK.shape[1]] = piece @ axes_DK
    return found


def _tsne(features_nD: Features) -> Features:
    """Van der Maaten & Hinton 2008, on the 50 axes of most variance, as they advise (section 4.2)."""
    if len(features_nD) > MOST_TSNE:
        raise DataError(
            "embedded.too_many",
            "t-SNE takes too long for {found} images; it is made for at most {most}.",
            "Use the PCA map or UMAP, or embed fewer images.",
            found=len(features_nD),
            most=MOST_TSNE,
        )
    reduced = principal(features_nD, NEIGHBOURS)
    perplexity = min(30.0, (len(features_nD) - 1) / 3)
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=SEED).fit_transform(reduced)
    return np.asarray(found, dtype=np.float32)


def _umap(features_nD: Features) -> Features:
    """McInnes et al. 2018 (arXiv 1802.03426), from a package that need not be there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            umap = importlib.import_module("umap")
    except ImportError:
        raise DataError(
            "embedded.no_umap",
            "UMAP is not installed.",
            "Install it with `pip install 'sit-studio[umap]'`, or use PCA or t-SNE.",
        ) from None
    reduced = principal(features_nD, NEIGHBOURS)
    with warnings.catch_warnings():
        # It says that a fixed seed means one thread.
        warnings.simplefilter("ignore")
        near = min(15, len(features_nD) - 1)
        found = umap.UMAP(n_components=2, n_neighbors=near, random_state=SEED).fit_transform(
            reduced
        )
    return np.asarray(found, dtype=np.float32)
