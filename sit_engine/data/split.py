"""The frozen split of a run: which images train, and which labelled ones are only watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sit_engine.data.deep import ValueRange
from sit_engine.data.index import ImageIndex
from sit_engine.data.names import display_name, escape_name, unescape_name
from sit_engine.errors import DataError

MOST_TOLD = 3
RangeWish = Literal["percentile", "full"] | ValueRange


@dataclass(frozen=True)
class Split:
    """Rows of an ImageIndex."""

    train: np.ndarray
    watch: np.ndarray


def make_split(
    index: ImageIndex, watch_count: int, seed: int, *, one_a_class: bool = False
) -> Split:
    """Draw `watch_count` labelled images, the same share of each class; a class keeps at least one.

    With `one_a_class` it gives at least one, too, so that every class is validated on.
    """
    generator = np.random.default_rng([seed, 1])
    labelled = np.flatnonzero(index.labels >= 0)
    counts = np.bincount(index.labels[labelled], minlength=len(index.classes))
    quotas = _quotas(counts, watch_count)
    if one_a_class and watch_count:
        _check_two_each(index, counts)
        quotas = [max(1, quota) for quota in quotas]
    chosen: list[int] = []
    for label, quota in enumerate(quotas):
        rows = generator.permutation(np.flatnonzero(index.labels == label))
        chosen += rows[:quota].tolist()
    watch = np.array(sorted(chosen), dtype=np.int64)
    train = np.setdiff1d(np.arange(len(index.paths)), watch)
    return Split(train, watch)


def _check_two_each(index: ImageIndex, counts: np.ndarray) -> None:
    few = [index.classes[label] for label in np.flatnonzero(counts < 2)]
    if few:
        raise DataError(
            "data.class_too_small",
            "{count} classes have a single image, the first is {name}: one to learn from and one to "
            "validate on are needed.",
            "Add images to them, remove them, or set data.watch_share = 0 to train without validation.",
            count=len(few),
            name=display_name(few[0]),
        )


def _quotas(counts: np.ndarray, total: int) -> list[int]:
    """`total` shared out in proportion to `counts`, the largest remainders first."""
    wanted = counts * (total / max(1, counts.sum()))
    quotas = np.floor(wanted).astype(int)
    for label in np.argsort(quotas - wanted, kind="stable")[: total - quotas.sum()]:
        quotas[label] += 1
    return [int(quota) for quota in np.minimum(quotas, np.maximum(counts - 1, 0))]


def to_record(index: ImageIndex, split: Split, value_range: ValueRange | None) -> dict[str, Any]:
    """Plain values for `split.json`: "folder number:relative path", escaped, in order."""
    names = _names(index)
    return {
        "classes": list(index.classes),
        "value_range": value_range,
        "train": [names[row] for row in split.train],
        "watch": [names[row] for row in split.watch],
    }


def frozen_range(record: dict[str, Any]) -> ValueRange | None:
    """What became black and white in the run's deep images; None if it had none."""
    found = record.get("value_range")
    return (float(found[0]), float(found[1])) if found else None


def paths_of(folders: Sequence[str], names: Sequence[str]) -> list[str]:
    """Absolute paths of names of a split record."""
    parts = [name.partition(":") for name in names]
    return [f"{unescape_name(folders[int(root)])}/{unescape_name(path)}" for root, _, path in parts]


def from_record(index: ImageIndex, record: dict[str, Any]) -> Split:
    """The split's rows in a fresh scan; an image that is gone is a sentence, not a shorter run."""
    gone = missing(index, record)
    if gone:
        raise DataError(
            "data.gone",
            "{count} images that this run was started with are missing or unreadable now; the first: "
            "{paths}.",
            "Put them back, then resume; or go on without them: `sit-engine resume RUN "
            "--without-missing`. The run and its checkpoints are kept.",
            count=len(gone),
            paths=", ".join(name.partition(":")[2] for name in gone[:MOST_TOLD]),
        )
    row_of = {name: row for row, name in enumerate(_names(index))}
    train, watch = ([row_of[name] for name in record[part]] for part in ("train", "watch"))
    return Split(np.array(train, dtype=np.int64), np.array(watch, dtype=np.int64))


def missing(index: ImageIndex, record: dict[str, Any]) -> list[str]:
    """Names of the split whose images a fresh scan does not find or cannot read."""
    found = set(_names(index))
    return [name for part in ("train", "watch") for name in record[part] if name not in found]


def _names(index: ImageIndex) -> list[str]:
    return [
        f"{root}:{escape_name(path)}"
        for root, path in zip(index.root_of.tolist(), index.paths, strict=True)
    ]
