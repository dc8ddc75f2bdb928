"""Where a run's images are now: in its folders, or where they were found again (data.scan.finding).

`moved.json` says so beside the settings, which stay as they were frozen (ADR 23).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sit_engine import own_files
from sit_engine.config.toml_file import why_unread
from sit_engine.errors import DataError, FileError
from sit_engine.files import disk_error, write_aside
from sit_engine.paths import display_name, escape_name, root_and_path, unescape_name
from sit_engine.records.run import MOST_SPLIT_BYTES, Run


@dataclass(frozen=True)
class Places:
    """Folders as they are opened, and the images that have other names there."""

    folders: tuple[str, ...]
    """Absolute; the numbers in the names of images count these."""
    labels_file: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Names of now by those in the split."""

    def check_there(self, run: Run) -> None:
        """A sentence where a folder is not there."""
        for folder in self.folders:
            if not Path(folder).is_dir():
                if not run.config_file.is_file():
                    raise DataError(
                        "run.folder_gone",
                        "The folder of this run's images is not there: {folder}.",
                        "If it moved, say where to: `sit-engine resume {run} --folders FOLDER`. Check "
                        "that the disk it is on is connected. What was asked for is kept.",
                        folder=display_name(folder),
                        run=run.path,
                    )
                raise DataError(
                    "run.folder_missing",
                    "The folder of this run's images is not there: {folder}.",
                    "If it moved, say where to: `sit-engine repair {run} --folders FOLDER`, or "
                    "--folders with this command. Check that the disk it is on is connected. The run "
                    "and its checkpoints are kept.",
                    folder=display_name(folder),
                    run=run.path,
                )

    def has_folder_of(self, name: str) -> bool:
        """Whether `path` knows where the image would be."""
        return root_and_path(self.renamed.get(name, name))[0] < len(self.folders)

    def path(self, name: str) -> str:
        """Absolute path of an image by its name in the split."""
        root, path = root_and_path(self.renamed.get(name, name))
        return f"{self.folders[root]}/{path}"


def moved_along(file: str, before: str, now: str) -> str:
    """Path now of what lay in or beside a folder which moved; as it was if it stayed or is not found.

    Beside: where the folders above it are called alike, they moved too.
    """
    old, new = Path(before), Path(now)
    if Path(file).exists():
        return file
    while True:
        if Path(file).is_relative_to(old):
            place = new / Path(file).relative_to(old)
            if place.exists():
                return str(place)
        if old.name != new.name or not old.name:
            return file
        old, new = old.parent, new.parent


def file_along(file: str | None, before: Sequence[str], now: Sequence[str]) -> str | None:
    """Path of a label file, if there is one, after several folders moved."""
    for old, new in zip(before, now, strict=False):
        file = None if file is None else moved_along(file, old, new)
    return file


def places_of(run: Run) -> Places:
    """Where the images of a run are; FileError where `moved.json` cannot be used."""
    data = run.config().data
    if not run.moved_file.exists():
        return Places(data.folders, data.labels_file)
    found = read(run.moved_file)
    return Places(
        tuple(unescape_name(folder) for folder in found["folders"]),
        None if found["labels_file"] is None else unescape_name(found["labels_file"]),
        found["renamed"],
    )


def read(file: Path) -> dict[str, Any]:
    """What `save` wrote; FileError for anything else."""
    try:
        found = own_files.read_json(file, most=MOST_SPLIT_BYTES)
    except FileError as error:
        raise _unusable(file, why_unread(error)) from None
    folders, labels_file, renamed = (
        found.get(key) for key in ("folders", "labels_file", "renamed")
    )
    if not _are_texts(folders) or not folders:
        raise _unusable(file, "folders is no list of names")
    if "labels_file" not in found or not isinstance(labels_file, str | None):
        raise _unusable(file, "labels_file is no name")
    if not isinstance(renamed, dict) or not _are_texts(list(renamed.values())):
        raise _unusable(file, "renamed is no table of names")
    numbers = {f"{number}" for number in range(len(folders))}
    if not all(name.partition(":")[0] in numbers for name in renamed.values()):
        raise _unusable(file, "an image stands in no folder")
    return found


def _are_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


def _unusable(file: Path, why: str) -> FileError:
    return FileError(
        "run.moved_damaged",
        "The file {path}, which says where the run's images are now, cannot be used: {why}.",
        "Remove it. If the images are not where they were when the run began, give --folders FOLDER.",
        path=file,
        why=why,
    )


def save(run: Run, places: Places) -> None:
    """Remember where the run's images are from now on."""
    record = {
        "folders": [escape_name(folder) for folder in places.folders],
        "labels_file": None if places.labels_file is None else escape_name(places.labels_file),
        "renamed": dict(places.renamed),
    }
    try:
        write_aside(run.moved_file, json.dumps(record, ensure_ascii=True))
    except OSError as error:
        raise disk_error(error, run.moved_file) from None
