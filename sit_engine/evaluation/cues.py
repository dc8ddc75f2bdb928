"""What a folder's labels live on: how well k-NN does by colour, by grey pixels, with mirror images.

Plain arrays, no torch: a scan measures it too. Decides "auto" for colour changes and mirroring
(docs/adr/0017-what-labels-live-on.md). Shapes: n images, V side in px, D width, K classes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from sit_engine.config.facts import FEWEST_FOR_CUES, CueFacts
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.store import PixelStore

PHASE = "looking at what the labels live on"
SIDE_PX = 32
MOST_IMAGES = 2000
LEVELS = 4
NEIGHBOURS, TEMPERATURE = 20, 0.07
Z = 1.96
# ITU-R BT.601, as Pillow makes grey.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_READ_AT_ONCE = 256

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]
Answers = NDArray[np.bool_]


def find_cues(index: ImageIndex, store: PixelStore) -> CueFacts | None:
    """What the labels live on, by a sample that is the same at every call; None: there are too few."""
    rows = store.readable(sample(index.labels))
    labels_n = index.labels[rows]
    if len(rows) < FEWEST_FOR_CUES or len(np.unique(labels_n)) < 2:
        return None
    images_nVVC = read(store, rows)
    # As evaluation.probes: threads that wait for each other take longer on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        return measure(images_nVVC, labels_n)


def read(store: PixelStore, rows: NDArray[np.integer[Any]]) -> Pixels:
    """Whole images, squashed to squares: uint8 [n,V,V,3]."""
    parts = np.array_split(rows, math.ceil(len(rows) / _READ_AT_ONCE))
    return np.concatenate([_shrunk(store.rows(part)) for part in parts])


def sample(labels_n: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Rows of labelled images, at most two thousand, in order; whatever the seed of a run."""
    labelled = np.flatnonzero(labels_n >= 0)
    return np.sort(np.random.default_rng(0).permutation(labelled)[:MOST_IMAGES])


def measure(images_nVVC: Pixels, labels_n: NDArray[np.integer[Any]]) -> CueFacts:
    """Each image asked of all others, by each cue: uint8 [n,V,V,3] and numbers of classes [n].

    The mean of pixels is taken off, coordinates of a histogram are standardised, and cosines vote as
    in `probes.knn_predict`. An image's own mirror image is no neighbour of it.
    """
    plain_nD, mirrored_nD = _pixels(images_nVVC), _pixels(images_nVVC[:, :, ::-1])
    mean_D = (plain_nD.mean(0) + mirrored_nD.mean(0)) / 2
    plain_nD, mirrored_nD = _unit(plain_nD - mean_D), _unit(mirrored_nD - mean_D)
    grey_nD = _pixels(images_nVVC.astype(np.float32) @ LUMA)
    by_colour = _is_right(_cosines(_standardised(histograms(images_nVVC))), labels_n)
    by_grey = _is_right(_cosines(_unit(grey_nD - grey_nD.mean(0))), labels_n)
    cosine_nn = _cosines(plain_nD)
    across_nn = _without_self(plain_nD @ mirrored_nD.T)
    by_pixels = _is_right(cosine_nn, labels_n)
    with_mirrored = _is_right(
        np.concatenate([cosine_nn, across_nn], axis=1), labels_n, np.tile(labels_n, 2)
    )
    return CueFacts(
        images=len(labels_n),
        colour=float(by_colour.mean()),
        grey=float(by_grey.mean()),
        colour_margin=margin(by_colour, by_grey),
        pixels=float(by_pixels.mean()),
        mirrored=float(with_mirrored.mean()),
        mirror_margin=margin(by_pixels, with_mirrored),
    )


def histograms(images_nVVC: Pixels) -> Floats:
    """Square roots of the shares of 4 × 4 × 4 colours [n,64]: no shape is left."""
    level_nPC = (images_nVVC.reshape(len(images_nVVC), -1, 3) // (256 // LEVELS)).astype(np.int64)
    cell_nP = (level_nPC[..., 0] * LEVELS + level_nPC[..., 1]) * LEVELS + level_nPC[..., 2]
    counts = [np.bincount(cells, minlength=LEVELS**3) for cells in cell_nP]
    shares: Floats = np.array(counts, dtype=np.float32) / cell_nP.shape[1]
    return np.sqrt(shares)


def knn(
    cosine_nm: Floats, labels_m: NDArray[np.integer[Any]], classes: int, k: int = NEIGHBOURS
) -> NDArray[np.int64]:
    """The class that each row's nearest columns vote for, each weighing exp(cosine/T).

    `probes.knn_predict` for cosines that are known, without torch (a test holds them together).
    """
    k = min(k, cosine_nm.shape[1] - 1)
    near_nk = np.argpartition(-cosine_nm, k, axis=1)[:, :k]
    near_cosine_nk = np.take_along_axis(cosine_nm, near_nk, axis=1)
    weight_nk = np.exp((near_cosine_nk - near_cosine_nk.max(1, keepdims=True)) / TEMPERATURE)
    votes_nK = np.zeros((len(cosine_nm), classes), dtype=np.float64)
    np.add.at(votes_nK, (np.arange(len(cosine_nm))[:, None], labels_m[near_nk]), weight_nk)
    answers: NDArray[np.int64] = votes_nK.argmax(1)
    return answers


def margin(one_n: Answers, other_n: Answers) -> float:
    """Half the 95 % interval of the difference of two shares, paired over the same images.

    With the images that vote as they are: other ones would move it further.
    """
    difference_n = one_n.astype(np.float64) - other_n
    return float(Z * difference_n.std() / math.sqrt(len(difference_n)))


def _is_right(
    cosine_nm: Floats,
    labels_n: NDArray[np.integer[Any]],
    labels_m: NDArray[np.integer[Any]] | None = None,
) -> Answers:
    voting = labels_n if labels_m is None else labels_m
    right: Answers = knn(cosine_nm, voting, int(labels_n.max()) + 1) == labels_n
    return right


def _shrunk(squares_BSSC: Pixels) -> Pixels:
    size = (SIDE_PX, SIDE_PX)
    return np.stack(
        [
            np.asarray(Image.fromarray(square).resize(size, Image.Resampling.BOX))
            for square in squares_BSSC
        ]
    )


def _pixels(images: NDArray[np.number[Any]]) -> Floats:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _unit(values_nD: Floats) -> Floats:
    length_n1 = np.linalg.norm(values_nD, axis=1, keepdims=True)
    scaled: Floats = values_nD / np.maximum(length_n1, 1e-12)
    return scaled


def _standardised(values_nD: Floats) -> Floats:
    return _unit((values_nD - values_nD.mean(0)) / (values_nD.std(0) + 1e-6))


def _cosines(unit_nD: Floats) -> Floats:
    return _without_self(unit_nD @ unit_nD.T)


def _without_self(cosine_nn: Floats) -> Floats:
    np.fill_diagonal(cosine_nn, -np.inf)
    return cosine_nn
