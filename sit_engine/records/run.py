"""Where the parts of a run stand in its folder; loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sit_engine import own_files
from sit_engine.config.build import build
from sit_engine.config.resolved import as_frozen, as_resolved, open_settings
from sit_engine.config.toml_file import CHOSEN, CONFIG, read_values, why_unread
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import DiskError, FileError, SitError
from sit_engine.records.home import Home

MOST_SPLIT_BYTES = 1 << 30
"""A line an image: tens of millions of them."""
LARGEST_SIDE_PX = 1 << 16
Written = TypeVar("Written")


@dataclass(frozen=True)
class Run:
    """A run folder; holds nothing but its path."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The file of resolved settings."""
        return self.path / CONFIG

    @property
    def chosen_file(self) -> Path:
        """The file of what was asked for, before any "auto" was worked out."""
        return self.path / CHOSEN

    @property
    def wanted_file(self) -> Path:
        """The file of resolved settings, or of what was asked for while there are none."""
        return self.config_file if self.config_file.is_file() else self.chosen_file

    @property
    def split_file(self) -> Path:
        """The file that says which images train and which are watched."""
        return self.path / "split.json"

    @property
    def moved_file(self) -> Path:
        """The file that says where the images are now, if they moved (records.places)."""
        return self.path / "moved.json"

    @property
    def events_file(self) -> Path:
        """The event log, one JSON event a line."""
        return self.path / "events.jsonl"

    @property
    def lock_file(self) -> Path:
        """The lock of the process that writes."""
        return self.path / "lock"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints, one folder each."""
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        """The folder of previews, one folder a step."""
        return self.path / "previews"

    @property
    def control(self) -> Path:
        """The folder of commands that wait for the trainer."""
        return self.path / "control"

    def folder(self, name: str) -> Path:
        """A sub-folder, made when first used."""
        made = self.path / name
        made.mkdir(exist_ok=True)
        return made

    def config(self) -> ResolvedConfig:
        """The settings the run was started with."""
        config = as_frozen(build(self.values()))
        # Cut at the end of a line it reads well, and what is gone would be "auto" again.
        if any(open_settings(config)) or not config.data.folders:
            raise unusable(self.config_file, "settings are missing in it")
        return as_resolved(config)

    def values(self) -> dict[str, Any]:
        """What `config.toml` says, not yet checked."""
        try:
            return read_values(self.config_file)
        except SitError as error:
            raise _unusable(self.config_file, error) from None

    def wanted(self) -> RunConfig:
        """The settings, or what was asked for where they are not resolved yet."""
        is_prepared = self.config_file.is_file()
        return build(self.values() if is_prepared else read_values(self.chosen_file))

    def split(self) -> dict[str, Any]:
        """The frozen split: escaped relative paths of "train" and "watch" per folder."""
        try:
            own_files.check_size(self.split_file, most=MOST_SPLIT_BYTES)
            record = own_files.read_json(self.split_file, most=MOST_SPLIT_BYTES)
        except FileError as error:
            raise _unusable(self.split_file, error) from None
        if (why := _fault_of_split(record)) is not None:
            raise unusable(self.split_file, why)
        return record

    def written(self, write: Callable[[], Written]) -> Written:
        """What `write` gives, which writes into the folder: anew when that was moved meanwhile."""
        while True:
            place = self.path
            try:
                found = write()
            except (OSError, DiskError):
                if self.path == place:
                    raise
            else:
                if self.path == place:
                    return found


def unusable(path: Path, why: str) -> FileError:
    """The sentence for settings or a split that cannot be read; nobody else is to blame."""
    return FileError(
        "run.file_damaged",
        "The run's file {path} cannot be used: {why}.",
        "`sit-engine repair {run}` brings it back where a checkpoint holds a copy, and so does "
        "`sit-engine resume {run}`; else restore it from a copy of yours.",
        path=path,
        run=path.parent,
        why=why,
    )


def _unusable(path: Path, error: SitError) -> FileError:
    return unusable(path, error.values.get("why") or why_unread(error))


def _fault_of_split(record: dict[str, Any]) -> str | None:
    """Why it is none that we wrote, if so: its readers count on these types."""
    for name in ("classes", "train", "watch"):
        found = record.get(name)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            return Sentence("{name} is no list of names", name=name)
    names = (name for part in ("train", "watch") for name in record[part])
    if not all(name.partition(":")[0].isdecimal() and ":" in name for name in names):
        return "an image stands in no folder"
    if not _are_images(record.get("images", {}), len(record["classes"])):
        return "images is no table of labels and keys"
    if not isinstance(record.get("pixels", ""), str):
        return "pixels is no text"
    side = record.get("cache_side", 1)
    if type(side) is not int or not 0 < side <= LARGEST_SIDE_PX:
        return "cache_side is no side of an image"
    values = record.get("value_range")
    if values is not None and not (
        isinstance(values, list)
        and len(values) == 2
        and all(type(value) in (int, float) for value in values)
    ):
        return "value_range is no pair of numbers"
    return None


def _are_images(found: object, classes: int) -> bool:
    """Whether it has a label (-1: none), and a key or none, for each name."""
    labels = {str(label) for label in range(-1, classes)}
    return isinstance(found, dict) and all(
        isinstance(of, str) and of.partition(" ")[0] in labels for of in found.values()
    )


class OpenedRun(Run):
    """A run folder that its writer has opened: its path follows where others move it."""

    has_heartbeat: bool
    """Whether its file system has no locks."""

    def __init__(self, path: Path) -> None:
        object.__setattr__(self, "home", Home(path))

    @property
    def path(self) -> Path:
        """Path of the run folder now; RunError when it is gone."""
        home: Home = self.__dict__["home"]
        return home.path

    def close(self) -> None:
        """Let go of it."""
        self.__dict__["home"].close()
