"""One network at one seed on frozen features: right or wrong on each test image, kept as arrays.

Called by studies.compare. Shapes: n train and m test images, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sit_engine.evaluation.features import centred_units, extract, raw_pixels
from sit_engine.evaluation.measure import Given, MeasuredNetwork, check_labelled
from sit_engine.evaluation.probes import few_shot, knn_predict, linear_probe
from sit_engine.evaluation.reading import Tell, Work, read_through
from sit_engine.files import disk_error, in_place_of
from sit_engine.paths import escape_name, unescape_name
from sit_engine.records.report import DRAWS, RAW_PIXELS
from sit_engine.records.studies.comparison import MEASURES, Figure, Gap, Measure
from sit_engine.studies.paired import interval, lined_up, mean_over_seeds


@dataclass(frozen=True)
class Cell:
    """What a network of `step` answered; a few-shot accuracy for each draw of labelled images."""

    images: np.ndarray
    """Paths [m]; escaped in the file."""
    knn: np.ndarray
    """Whether right [m]."""
    linear: np.ndarray
    few_shot: np.ndarray
    """[draws]; none where a class has too few images."""
    step: np.ndarray
    train_images: np.ndarray
    left_out: np.ndarray
    """A sentence about images that were not measured with; may be empty."""

    def save(self, path: Path) -> None:
        """A whole file or nothing."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with in_place_of(path) as aside:
                images = np.array([escape_name(path) for path in self.images.tolist()])
                np.savez(aside, **asdict(self) | {"images": images})
        except OSError as error:
            raise disk_error(error, path) from None

    @classmethod
    def read(cls, path: Path) -> Cell:
        """The cell that `save` wrote."""
        with np.load(path) as found:
            values = {field.name: found[field.name] for field in fields(cls)}
        values["images"] = np.array([unescape_name(path) for path in values["images"].tolist()])
        return cls(**values)

    def values(self, measure: Measure, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Names and values of one measure; a seed's draws are its own, its images need not be."""
        found = getattr(self, measure).astype(float)
        if measure == "few_shot":
            return np.array([f"{seed} {draw}" for draw in range(len(found))]), found
        return self.images, found


def measure(
    networks: Sequence[tuple[MeasuredNetwork, int]],
    given: Given,
    *,
    shots: int,
    seed: int,
    device: torch.device,
    with_raw: bool,
    tell: Tell,
) -> dict[str, Cell]:
    """A cell for each network and its step, all with views of one side, and for raw pixels if asked.

    The same `seed` draws the same labelled images for every network.
    """
    check_labelled(given.train.labels, given.test.labels)
    works: dict[str, Work] = {
        network.name: partial(extract, network.backbone.to(device), device=device)
        for network, _ in networks
    }
    if with_raw:
        works[RAW_PIXELS] = raw_pixels
    read = partial(
        read_through, given.reader, side=networks[0][0].side, works=works, tell=tell,
        phase="reading images",
    )  # fmt: skip
    train, test = read(given.train.paths), read(given.test.paths)
    about = {network.name: (network.parts, step) for network, step in networks}
    cells = {}
    for done, name in enumerate(works):
        tell("probes", done, len(works))
        rows = (train[name], test[name])
        if name == RAW_PIXELS:
            rows = centred_units(*rows)
        cells[name] = _cell(rows, given, *about.get(name, (1, 0)), shots=shots, seed=seed)
    return cells


def _cell(
    rows: tuple[Tensor, Tensor], given: Given, parts: int, step: int, *, shots: int, seed: int
) -> Cell:
    (train_nD, test_mD), classes = rows, len(given.classes)
    train, test = given.train.labels, given.test.labels
    probed = linear_probe(train_nD, train, test_mD, classes=classes, parts=parts)
    counts = np.bincount(train)
    few: list[float] = []
    if shots <= counts[counts > 0].min():
        few = few_shot(train_nD, train, test_mD, test, shots=shots, draws=DRAWS, seed=seed)
    return Cell(
        images=np.array(given.test.paths),
        knn=knn_predict(train_nD, train, test_mD, classes=classes) == test,
        linear=probed.answers == test,
        few_shot=np.array(few),
        step=np.array(step),
        train_images=np.array(len(train)),
        left_out=np.array(str(given.left_out)),
    )


def figures(mine: Mapping[int, Cell], first: Mapping[int, Cell]) -> dict[Measure, Figure]:
    """Means of the cells by seed, and gaps to `first` over the seeds that both have."""
    found: dict[Measure, Figure] = {}
    for key in MEASURES:
        values = {seed: cell.values(key, seed) for seed, cell in mine.items()}
        values = {seed: pair for seed, pair in values.items() if len(pair[1])}
        if values:
            mean = mean_over_seeds(lined_up(values))
            found[key] = Figure(mean, len(values), gap(mine, first, key))
    return found


def gap(
    mine: Mapping[int, Cell], first: Mapping[int, Cell], key: Measure, *, among: int = 1
) -> Gap | None:
    """How much more is right than of `first`, over the seeds that both have; one of so many gaps."""
    differences = {}
    for seed in sorted(mine.keys() & first.keys()) if mine is not first else ():
        names, ours = mine[seed].values(key, seed)
        theirs_names, theirs = first[seed].values(key, seed)
        both, at, there = np.intersect1d(names, theirs_names, return_indices=True)
        if len(both):
            differences[seed] = both, ours[at] - theirs[there]
    if not differences:
        return None
    table = lined_up(differences)
    return Gap(mean_over_seeds(table), *interval(table, among=among))
