"""The frozen split of a run: which images train, and which labelled ones are only watched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.folder.index import ImageIndex, ValueRange
from sit_engine.errors import DataError
from sit_engine.paths import display_name, image_name

PARTS = ("train", "watch")
MOST_TOLD = 3
MOST_HELD_ITEMS = 60
HASH_BYTES = 16
"""Of each file's SHA-256, kept in the split: enough to know a file again, and half as long."""
SAME_NAMES: Mapping[str, str] = MappingProxyType({})
RangeChoice = Literal["percentile", "full"] | ValueRange


@dataclass(frozen=True)
class Split:
    """Rows of an ImageIndex."""

    train: np.ndarray
    watch: np.ndarray


def make_split(
    index: ImageIndex, watch_count: int, seed: int, *, one_a_class: bool = False
) -> Split:
    """Draw `watch_count` labelled images, the same share of each class; a class keeps at least one.

    Frames of one video stay together: whole videos are drawn until there are enough.

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
    items = index.items()
    for label, quota in enumerate(quotas):
        rows = np.flatnonzero(index.labels == label)
        if items is None:
            chosen += generator.permutation(rows)[:quota].tolist()
        else:
            chosen += _whole_items(items[rows], quota, generator, rows)
    watch = np.array(sorted(chosen), dtype=np.int64)
    train = np.setdiff1d(np.arange(len(index.paths)), watch)
    return Split(train, watch)


def split_items(index: ImageIndex, share: float, seed: int) -> Split:
    """Hold out whole items, labelled or not: that share, 4 at least, 60 at most, and never half."""
    items = index.items()
    items = np.arange(len(index)) if items is None else items
    order = np.random.default_rng([seed, 1]).permutation(np.unique(items))
    count = min(max(4, round(share * len(order))), MOST_HELD_ITEMS, len(order) // 2)
    is_held = np.isin(items, order[:count])
    return Split(np.flatnonzero(~is_held), np.flatnonzero(is_held))


def _whole_items(
    items_n: NDArray[np.int64], quota: int, generator: np.random.Generator, rows: NDArray[np.int64]
) -> list[int]:
    """Rows of whole items, at least `quota` if any; one item is left to learn from."""
    order = generator.permutation(np.unique(items_n))[1:]
    chosen: list[int] = []
    for item in order if quota else ():
        chosen += rows[items_n == item].tolist()
        if len(chosen) >= quota:
            break
    return chosen


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


def to_record(
    index: ImageIndex,
    split: Split,
    value_range: ValueRange | None,
    hashes: NDArray[np.uint8] | None = None,
) -> dict[str, Any]:
    """Plain values for `split.json`: "folder number:relative path", escaped, in order.

    "images" has the label of each (-1: none), and of `hashes` [n,32], where files were read, what a
    file that was moved is known by: one short text, since there may be a million.
    """
    names = _names(index)
    rows = {"train": split.train.tolist(), "watch": split.watch.tolist()}

    def about(row: int) -> str:
        label = str(index.labels[row])
        if hashes is None or not len(hashes):
            return label
        return f"{label} {hashes[row].tobytes()[:HASH_BYTES].hex()}"

    return {
        "classes": list(index.classes),
        "value_range": value_range,
        **{part: [names[row] for row in rows[part]] for part in PARTS},
        "images": {names[row]: about(row) for part in PARTS for row in rows[part]},
    }


def frozen_range(record: dict[str, Any]) -> ValueRange | None:
    """What became black and white in the run's deep images; None if it had none."""
    found = record.get("value_range")
    return (float(found[0]), float(found[1])) if found else None


def from_record(
    index: ImageIndex, record: dict[str, Any], renamed: Mapping[str, str] = SAME_NAMES
) -> Split:
    """The split's rows in a fresh scan; an image that is gone is a sentence, not a shorter run.

    `renamed`: names of now of images that are called otherwise in the record.
    """
    check_none_gone(missing(index, record, renamed))
    row_of = {name: row for row, name in enumerate(_names(index))}
    train, watch = (
        np.array([row_of[renamed.get(name, name)] for name in record[part]], dtype=np.int64)
        for part in PARTS
    )
    return Split(train, watch)


def check_none_gone(gone: Sequence[str]) -> None:
    """A sentence where images of the split are gone."""
    if gone:
        raise DataError(
            "data.gone",
            "Missing or unreadable now: {count} images of the run; the first: {paths}.",
            "If they moved, say where to with --folders FOLDER. Put them back, or go on without them "
            "with --without-missing. The run and its checkpoints are kept.",
            count=len(gone),
            paths=", ".join(display_name(name.partition(":")[2]) for name in gone[:MOST_TOLD]),
        )


def missing(
    index: ImageIndex, record: dict[str, Any], renamed: Mapping[str, str] = SAME_NAMES
) -> list[str]:
    """Names of the split whose images a fresh scan does not find or cannot read."""
    found = set(_names(index))
    names = (name for part in PARTS for name in record[part])
    return [name for name in names if renamed.get(name, name) not in found]


def without(record: dict[str, Any], gone: Collection[str]) -> dict[str, Any]:
    """The record of a split that these images left."""
    gone = set(gone)
    left = record | {part: [name for name in record[part] if name not in gone] for part in PARTS}
    if "images" in record:
        left["images"] = {name: of for name, of in record["images"].items() if name not in gone}
    return left


def labels_of(record: dict[str, Any]) -> dict[str, int]:
    """The class number that each image was frozen with, -1: none; nothing in runs of before."""
    return {name: int(of.partition(" ")[0]) for name, of in record.get("images", {}).items()}


def hashes_of(record: dict[str, Any]) -> dict[str, str]:
    """What the content of each image is known by, hexadecimal; nothing in runs of before."""
    pairs = ((name, of.partition(" ")[2]) for name, of in record.get("images", {}).items())
    return {name: key for name, key in pairs if key}


def only_of(
    index: ImageIndex,
    record: dict[str, Any],
    renamed: Mapping[str, str],
    labels: Mapping[str, int],
) -> ImageIndex:
    """The images of a fresh scan that the split names, and the classes of the split.

    `labels`: class numbers by names of the split; without one an image has that of the scan.
    """
    name_of = {renamed.get(name, name): name for part in PARTS for name in record[part]}
    names = _names(index)
    rows = [row for row, name in enumerate(names) if name in name_of]
    own = index.subset(rows).with_classes(record["classes"])
    of_scan = own.labels.tolist()
    found = [labels.get(name_of[names[row]], of_scan[at]) for at, row in enumerate(rows)]
    return replace(own, labels=np.array(found, dtype=np.int32))


def _names(index: ImageIndex) -> list[str]:
    return [
        image_name(root, path)
        for root, path in zip(index.root_of.tolist(), index.paths, strict=True)
    ]
