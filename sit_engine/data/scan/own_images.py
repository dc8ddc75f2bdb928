"""The images that a run was frozen with, as they are now: found again where they moved.

Whoever goes on with a run, or measures it on its own images, asks here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

from typing_extensions import TypedDict

from sit_engine.config.tree import DataOptions, GifRule, RunConfig
from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.labels import UNLABELLED, LabelRule
from sit_engine.data.folder.layout import LayoutChoice, Placing
from sit_engine.data.folder.wanted import Patterns
from sit_engine.data.scan.finding import FoundImages, find_moved, find_renamed
from sit_engine.data.scan.quick_scan import scan
from sit_engine.data.scan.split import (
    PARTS,
    Split,
    check_none_gone,
    from_record,
    labels_of,
    missing,
    only_of,
    without,
)
from sit_engine.errors import DataError
from sit_engine.paths import root_and_path
from sit_engine.records.events import Event
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import Places, moved_along, places_of, save
from sit_engine.records.run import Run


class Reading(TypedDict, total=False):
    """How folders are read: what scan needs of a run's data settings."""

    labels: LabelRule
    labels_file: str | None
    columns: LabelColumns
    layout: LayoutChoice
    patterns: Patterns
    frame_rate: float
    gifs: GifRule


def how_read(data: DataOptions) -> Reading:
    """The reading that these settings ask for; a run that has begun has no layout left to find."""
    return Reading(
        labels=data.labels,
        labels_file=data.labels_file,
        columns=LabelColumns(data.path_column, data.label_column),
        layout=data.layout,
        patterns=Patterns(data.include, data.exclude),
        frame_rate=data.frame_rate,
        gifs=data.gifs,
    )


@dataclass(frozen=True)
class Own:
    """The images of a run's split that are there, with the classes they were frozen with."""

    index: ImageIndex
    record: dict[str, Any]
    """The split."""
    places: Places

    def missing(self, index: ImageIndex) -> list[str]:
        """Names of the split whose images are not in this part of the index."""
        return missing(index, self.record, self.places.renamed)

    def split(self, index: ImageIndex, *, but: Sequence[str] = ()) -> Split:
        """Rows of the split in this part of the index; an image that is gone is a sentence.

        `but`: names that are left out.
        """
        return from_record(index, without(self.record, but), self.places.renamed)


def move(
    run: Run,
    folders: Sequence[str],
    *,
    without_missing: bool,
    on_progress: OnProgress | None,
    cancel: Cancel | None = None,
) -> FoundImages:
    """Look for the run's images in other folders, and remember where they are."""
    found = find_moved(run, folders, on_progress=on_progress, cancel=cancel)
    if not without_missing:
        check_none_gone(found.gone)
    save(run, found.places)
    return found


def has_moved(old: object, folder: str) -> bool:
    """Whether a comparison's folder is gone, and another one is given."""
    return isinstance(old, str) and old != folder and not Path(old).exists()


def look_for_all(
    runs: Sequence[Run], folder: str, on_progress: OnProgress | None
) -> list[tuple[Run, Places]]:
    """Find all images of runs in another folder; DataError where some are gone. Nothing is written."""
    hashed: dict[str, str] = {}
    places = []
    for run in runs:
        found = find_moved(run, [folder], on_progress=on_progress, hashed=hashed)
        check_none_gone(found.gone)
        places.append((run, found.places))
    return places


def along(config: RunConfig, before: str, now: str) -> RunConfig:
    """Settings whose label file moved along with a folder of images."""
    if config.data.labels_file is None:
        return config
    file = moved_along(config.data.labels_file, before, now)
    data = config.data.model_copy(update={"labels_file": file})
    return config.model_copy(update={"data": data})


@contextmanager
def without_options() -> Iterator[None]:
    """A comparison or search has none of the options that a run has for images that are gone."""
    try:
        yield
    except DataError as error:
        if error.code == "data.gone":
            raise DataError(
                "compare.gone",
                "Missing or unreadable now: {count} images of the runs in it; the first: {paths}.",
                "If they moved, give the same command the folder that holds them all now. Otherwise "
                "put them back. What was trained so far is kept.",
                **error.values,
            ) from None
        if error.code == "run.folder_missing":
            raise DataError(
                "compare.folder_missing",
                "The folder of its images is not there: {folder}.",
                "If it moved, give the same command the folder as it is now. Check that the disk it "
                "is on is connected. What was trained so far is kept.",
                **error.values,
            ) from None
        raise


def list_own(
    run: Run, on_progress: OnProgress | None, *, emit: Callable[[Event], None] | None = None
) -> Own:
    """The images of the run's split, not decoded yet; those that got other names are looked for."""
    record = run.split()
    own = _list(run, record, places_of(run), on_progress)
    gone = own.missing(own.index)
    if gone and (found := find_renamed(run, gone, on_progress=on_progress)) is not None:
        save(run, found.places)
        if emit is not None:
            emit(found.told())
        own = _list(run, record, found.places, on_progress)
    return own


def _list(run: Run, record: dict[str, Any], places: Places, on_progress: OnProgress | None) -> Own:
    places.check_there(run)
    data, labels = run.config().data, labels_of(record)
    reading = how_read(data)
    reading["labels_file"] = places.labels_file
    if labels or data.labels != "csv":
        labels = _by_folder(data, record) | labels
        reading["labels"], reading["labels_file"] = "none", None
    index = scan(places.folders, **reading, on_progress=on_progress)
    return Own(only_of(index, record, places.renamed, labels), record, places)


def _by_folder(data: DataOptions[Never], record: dict[str, Any]) -> dict[str, int]:
    """Class numbers by the names that the images had, whatever their folders are called now."""
    if data.labels != "folders":
        return {}
    placing = Placing(data.layout, data.folders)
    number_of = {name: number for number, name in enumerate(record["classes"])}
    found = {}
    for part in PARTS:
        for name in record[part]:
            label = placing.class_of(*root_and_path(name))
            found[name] = UNLABELLED if label is None else number_of.get(label, UNLABELLED)
    return found
