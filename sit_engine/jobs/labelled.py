"""Images for networks to be measured on: found, decoded once in children, and with their classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from typing_extensions import Unpack

from sit_engine.config.tree import CACHE_FACTOR
from sit_engine.counted import Sentence
from sit_engine.data.decode.decode_pool import shared_decoders
from sit_engine.data.folder.frames import file_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.labels import UNLABELLED
from sit_engine.data.folder.layout import LayoutChoice, has_parts
from sit_engine.data.folder.wanted import Patterns
from sit_engine.data.pixel_cache.cache import DEFAULT_BUDGET_BYTES, PixelCache, cache_side
from sit_engine.data.scan.own_images import Reading, how_read, list_own
from sit_engine.data.scan.quick_scan import require_images, scan
from sit_engine.data.scan.split import (
    HASH_BYTES,
    RangeChoice,
    check_none_gone,
    frozen_range,
    hashes_of,
)
from sit_engine.errors import DataError
from sit_engine.evaluation.measure import Given
from sit_engine.evaluation.reading import ImageSet, Reader
from sit_engine.jobs.networks import is_finetuned
from sit_engine.paths import display_name
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import places_of
from sit_engine.records.report import LeftOut
from sit_engine.records.run import Run

MOST_NAMED = 5


@dataclass(frozen=True)
class Decoding:
    """Where files are tried out: the pixel cache, in the squares that a network's views need."""

    side: int
    value_range: RangeChoice = "percentile"
    budget_bytes: int = DEFAULT_BUDGET_BYTES
    factor: float = CACHE_FACTOR
    """Side of a square in view sizes: that of the run, so that its own cache serves."""

    @classmethod
    def of(cls, run: Run) -> Decoding:
        """The decoding that the run itself uses for its images."""
        config = run.config()
        asked = frozen_range(run.split()) or config.data.value_range
        budget_bytes = int(config.data.cache_gb * 1e9)
        side, factor = config.model.image_size, config.data.cache_factor
        return cls(side, asked, budget_bytes, factor)


def _all(index: ImageIndex) -> ImageIndex:
    return index


def only_training(index: ImageIndex) -> ImageIndex:
    """What may be learnt from: of a folder with parts, those to train and to validate on."""
    return index.of_parts("train", "val")


def only_test(index: ImageIndex) -> ImageIndex:
    """What is to be asked: of a folder with parts, those to test on, or else to validate on."""
    has_test = len(index.part_rows("test")) > 0
    return index.of_parts("test" if has_test else "val")


@dataclass(frozen=True)
class LabelledImages:
    """Usable images of some folders, and the hash of each file."""

    index: ImageIndex
    hashes: tuple[bytes, ...]
    gone: int = 0
    """Images of a run that are not there any more."""

    def only(self, rows: np.ndarray) -> LabelledImages:
        """These images only, as labelled images."""
        return LabelledImages(
            self.index.subset(rows), tuple(self.hashes[row] for row in rows), self.gone
        )

    def images(self, labels: np.ndarray) -> ImageSet:
        """The images with a label of at least 0, as a set to measure with."""
        rows = np.flatnonzero(labels >= 0)
        return ImageSet(tuple(self.index.path(int(row)) for row in rows), labels[rows])


def reader_of(run: Run) -> Reader:
    """How the run reads pixels."""
    return Reader(frozen_range(run.split()), int(run.config().compute.threads))


@shared_decoders()
def find_usable(
    folders: Sequence[str],
    decoding: Decoding,
    on_progress: OnProgress | None,
    *,
    choose: Callable[[ImageIndex], ImageIndex] = _all,
    **read: Unpack[Reading],
) -> LabelledImages:
    """Images of folders that decode in a sacrificial process, so that decoding them here is safe.

    `choose` leaves some of them out before they are decoded.
    """
    listed = choose(scan(folders, **read, on_progress=on_progress))
    return decode_usable(listed, decoding, on_progress)


def decode_usable(
    listed: ImageIndex,
    decoding: Decoding,
    on_progress: OnProgress | None,
    *,
    squares: int | None = None,
) -> LabelledImages:
    """The images that decode in a sacrificial process; `squares` is the side of a run's own."""
    if not len(listed):
        return LabelledImages(listed, ())
    index, store = PixelCache().fill(
        listed,
        side=squares or cache_side(decoding.side, listed, decoding.factor),
        sharp=decoding.factor > CACHE_FACTOR,
        value_range=decoding.value_range,
        on_progress=on_progress,
        budget_bytes=decoding.budget_bytes,
    )
    return LabelledImages(index, store.sha256)


def load_labelled(
    run: Run,
    train: Sequence[str] | None,
    test: Sequence[str],
    on_progress: OnProgress | None,
    *,
    labels_file: str | None = None,
    layout: LayoutChoice = "auto",
    train_layout: LayoutChoice | None = None,
    columns: LabelColumns | None = None,
    patterns: Patterns | None = None,
    without_missing: bool = False,
) -> Given:
    """What to learn from and what to ask; without `train` a finetuned run's own training images.

    Classes are those of the training folder, by name; of a finetuned run, those it learnt. A test
    image that is also a training image, byte by byte, would find itself: it is left out.
    `without_missing`: the run's own images that are gone are left out too. `train_layout`: where that
    of the training folders is another. `columns` and `patterns` are those of the run for None; the
    run's own images are as they were frozen.
    """
    train_found, test_found, classes = _sides(
        run,
        train,
        test,
        on_progress,
        labels_file,
        (train_layout or layout, layout),
        columns,
        patterns,
        without_missing,
    )
    train_labels = _numbers(train_found.index, classes, _other_class)
    test_labels = numbers_to_ask(test_found.index, classes)
    known = _keys(train_found)
    if is_finetuned(run) and train is not None:
        known |= _learnt(run, on_progress)
    is_leak = _is_in(test_found, known)
    left_out = LeftOut(
        in_train=int((is_leak & (test_labels >= 0)).sum()),
        no_class=int((test_labels < 0).sum()),
        unusable=len(train_found.index.problems) + len(test_found.index.problems),
        gone=train_found.gone,
    )
    return Given(
        train_found.images(train_labels),
        test_found.images(np.where(is_leak, UNLABELLED, test_labels)),
        classes,
        reader_of(run),
        left_out,
    )


def load_held_out(run: Run, on_progress: OnProgress | None) -> Given:
    """The images that a run learnt from, and those that it held out, without copies of the first."""
    train, test = _own_sides(run, on_progress)
    is_leak = _is_in(test, _keys(train))
    left_out = LeftOut(in_train=int(is_leak.sum()), unusable=len(train.index.problems))
    return Given(
        train.images(train.index.labels),
        test.images(np.where(is_leak, UNLABELLED, test.index.labels)),
        train.index.classes,
        reader_of(run),
        left_out,
    )


def numbers_to_ask(index: ImageIndex, classes: tuple[str, ...]) -> np.ndarray:
    """The label of each test image as a number into `classes`; -1: none. An unknown class is refused."""
    return _numbers(index, classes, _test_only_class)


def _keys(found: LabelledImages) -> set[str]:
    """What the content of the images is known by in a split."""
    return {digest[:HASH_BYTES].hex() for digest in found.hashes}


def _learnt(run: Run, on_progress: OnProgress | None) -> set[str]:
    """What the content of the images that the run learnt from is known by, wherever they are."""
    record = run.split()
    known = hashes_of(record)
    if known:
        return {known[name] for name in record["train"] if name in known}
    # Folders that are gone since the run cannot be looked into, and say nothing.
    with suppress(DataError):
        return _keys(_own_sides(run, on_progress)[0])
    return set()


def _is_in(found: LabelledImages, known: set[str]) -> np.ndarray:
    return np.array([digest[:HASH_BYTES].hex() in known for digest in found.hashes], dtype=bool)


def _sides(
    run: Run,
    train: Sequence[str] | None,
    test: Sequence[str],
    on_progress: OnProgress | None,
    labels_file: str | None,
    layouts: tuple[LayoutChoice, LayoutChoice],
    columns: LabelColumns | None,
    patterns: Patterns | None,
    without_missing: bool,
) -> tuple[LabelledImages, LabelledImages, tuple[str, ...]]:
    """Training side, test side, and the classes in their order."""
    reading = how_read(run.config().data)
    reading["labels"] = "csv" if labels_file else "folders"
    reading["labels_file"] = labels_file
    if columns is not None:
        reading["columns"] = columns
    if patterns is not None:
        reading["patterns"] = patterns

    def find(
        folders: Sequence[str], choose: Callable[[ImageIndex], ImageIndex], layout: LayoutChoice
    ) -> LabelledImages:
        reading["layout"] = layout
        found = find_usable(folders, Decoding.of(run), on_progress, choose=choose, **reading)
        require_images(found.index, 1)
        return found

    if train is not None:
        train_found = find(train, only_training, layouts[0])
    elif is_finetuned(run):
        train_found, _ = _own_sides(run, on_progress, without_missing=without_missing)
    else:
        raise DataError(
            "data.no_train",
            "No folder of training images was given.",
            "Name one with --train; only a finetuned run knows its own.",
        )
    learnt = tuple(run.split()["classes"]) if is_finetuned(run) else train_found.index.classes
    test_found = find(test, only_test, layouts[1]) if test else _own_test(run, on_progress)
    return train_found, test_found, learnt


def _own_test(run: Run, on_progress: OnProgress | None) -> LabelledImages:
    """The test images that lie in the run's own folders, if their layout has some."""
    if not has_parts(run.config().data.layout):
        raise DataError(
            "data.no_test",
            "No folder of test images was given.",
            "Name one with --test; only a run whose folder has test images of its own knows them.",
        )
    places = places_of(run)
    places.check_there(run)
    reading = how_read(run.config().data)
    reading["labels_file"] = places.labels_file
    found = find_usable(places.folders, Decoding.of(run), on_progress, choose=only_test, **reading)
    require_images(found.index, 1)
    return found


def _own_sides(
    run: Run, on_progress: OnProgress | None, *, without_missing: bool = False
) -> tuple[LabelledImages, LabelledImages]:
    """What the run learnt from and what it held out, with the labels it had.

    `without_missing`: images that are gone are left out of both, and counted.
    """
    own = list_own(run, on_progress)
    if not without_missing:
        check_none_gone(own.missing(own.index))
    found = decode_usable(
        own.index, Decoding.of(run), on_progress, squares=own.record.get("cache_side")
    )
    gone = own.missing(found.index) if without_missing else []
    split = own.split(found.index, but=gone)
    # Those that are there and cannot be used are among the problems.
    gone = [name for name in gone if not Path(file_of(own.places.path(name))).exists()]
    found = replace(found, gone=len(gone))
    return found.only(split.train), found.only(split.watch)


def _numbers(
    index: ImageIndex, classes: tuple[str, ...], error: Callable[[list[str]], DataError]
) -> np.ndarray:
    """The label of each image as a number into `classes`, by name; -1: none."""
    number_of = {name: number for number, name in enumerate(classes)}
    unknown = [name for name in index.classes if name not in number_of]
    if unknown:
        raise error(unknown)
    # One more at the end: the label -1 of images without one looks itself up there.
    numbers = [number_of[name] for name in index.classes] + [UNLABELLED]
    return np.array(numbers, dtype=np.int64)[index.labels]


def _named(classes: list[str]) -> str:
    names = ", ".join(display_name(name) for name in classes[:MOST_NAMED])
    more = len(classes) - MOST_NAMED
    return Sentence("{names} and {more} more", names=names, more=more) if more > 0 else names


def _test_only_class(unknown: list[str]) -> DataError:
    return DataError(
        "data.test_only_class",
        "The test folder has images of what was never learnt: {classes}. A class that was never "
        "learnt cannot be answered.",
        "Remove it from the test folder, or add images of it to the training folder.",
        classes=_named(unknown),
    )


def _other_class(unknown: list[str]) -> DataError:
    return DataError(
        "data.other_class",
        "The training folder has images of what the run never learnt: {classes}.",
        "Leave --train out to use the run's own training images, or finetune with this folder.",
        classes=_named(unknown),
    )
