"""How fast a network is measured: features, k-NN and the linear probe, against plain loops.

Run from the repository root: `python -m benchmarks.evaluation [--quick] [--json FILE]`. References:
features image by image from a full forward pass; k-NN test image by test image; scikit-learn's
cross-validated regression on all coordinates with as many BLAS threads as there are cores.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from benchmarks.recipe import PLAIN, Case, config_of
from benchmarks.table import Effort, Row, alternate, clock_for, main, ratio, row
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.evaluation.features import extract
from sit_engine.evaluation.probes import (
    C_GRID,
    MOST_ITERATIONS,
    TOLERANCE,
    knn_predict,
    linear_probe,
)
from sit_engine.models.families import build_backbone
from sit_engine.records.report import TEMPERATURE, K

CLASSES = 10


def measure(effort: Effort) -> list[Row]:
    """Features at two sizes, then both measurements of features."""
    rows = [
        time_features(Case(name, size_px, 1), 16 if effort.quick else images, effort)
        for name, size_px, images in (("vit_tiny", 32, 256), ("vit_small", 224, 32))
    ]
    train, test, width = (200, 50, 32) if effort.quick else (2000, 500, 192)
    return [*rows, *time_probes(train, test, width, effort)]


def time_features(case: Case, images: int, effort: Effort) -> Row:
    """Images a second of both."""
    config = config_of(case, PLAIN, effort.device)
    is_gpu = effort.device.type == "cuda"
    vit = (
        build_backbone(config.model, drop_path=0.0, fused_attention=is_gpu).to(effort.device).eval()
    )
    generator = torch.Generator().manual_seed(0)
    shape = (images, 3, case.size_px, case.size_px)
    views = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    normalise = Preprocess(case.size_px).to(effort.device).normalise

    @torch.no_grad()
    def one_by_one(_: int) -> list[Tensor]:
        return [
            vit.maps(normalise(view[None].to(effort.device))).tokens[0, 0].cpu() for view in views
        ]

    def ours(_: int) -> Tensor:
        return extract(vit, views, device=effort.device)

    return _row(f"features, {case.label} {case.size_px} px", images, ours, one_by_one, effort)


def time_probes(train: int, test: int, width: int, effort: Effort) -> list[Row]:
    """k-NN and the linear probe on features of ten overlapping classes."""
    generator = torch.Generator().manual_seed(0)
    labels = np.arange(train + test) % CLASSES
    centres = torch.randn(CLASSES, width, generator=generator)
    rows = 0.5 * centres[torch.from_numpy(labels)]
    rows = rows + torch.randn(rows.shape, generator=generator)
    known, asked, classes = rows[:train], rows[train:], labels[:train]

    def slow_knn(_: int) -> list[int]:
        units = functional.normalize(known)
        answers = []
        for one in asked:
            cosines = units @ functional.normalize(one, dim=0)
            votes = [0.0] * CLASSES
            for i in cosines.argsort(descending=True)[:K].tolist():
                votes[int(classes[i])] += float(torch.exp(cosines[i] / TEMPERATURE))
            answers.append(int(np.argmax(votes)))
        return answers

    def slow_probe(_: int) -> object:
        scaler = StandardScaler().fit(known.numpy())
        model = LogisticRegressionCV(
            Cs=C_GRID, cv=3, max_iter=MOST_ITERATIONS, tol=TOLERANCE, scoring="accuracy"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scaler.transform(known.numpy()), classes)
        return model.predict(scaler.transform(asked.numpy()))

    return [
        _row(
            f"k-NN, {train} known images, width {width}", test,
            lambda _: knn_predict(known, classes, asked, classes=CLASSES), slow_knn, effort,
        ),
        _row(
            f"linear probe, {train} known images, width {width}", test,
            lambda _: linear_probe(known, classes, asked, classes=CLASSES), slow_probe, effort,
        ),
    ]  # fmt: skip


def _row(
    what: str,
    images: int,
    ours: Callable[[int], object],
    reference: Callable[[int], object],
    effort: Effort,
) -> Row:
    works, repeats = {"ours": ours, "reference": reference}, 1 if effort.quick else 5
    seconds = alternate(works, repeats, clock=clock_for(effort.device))
    rates = {name: images / statistics.median(times) for name, times in seconds.items()}
    return row(
        what=what,
        ours_images_per_s=rates["ours"],
        reference_images_per_s=rates["reference"],
        ratio=ratio(seconds["ours"], seconds["reference"]),
    )


if __name__ == "__main__":
    main("evaluation", __doc__, measure)
