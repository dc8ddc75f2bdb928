"""Where the parts of a run stand in its folder; loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sit_engine import own_files
from sit_engine.config.build import build
from sit_engine.config.files import read_values
from sit_engine.config.tree import RunConfig
from sit_engine.errors import DiskError
from sit_engine.home import Home

MOST_SPLIT_BYTES = 1 << 30
"""A line an image: tens of millions of them."""
Written = TypeVar("Written")


@dataclass(frozen=True)
class Run:
    """A run folder; holds nothing but its path."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved settings."""
        return self.path / "config.toml"

    @property
    def chosen_file(self) -> Path:
        """What was asked for, before any "auto" was worked out."""
        return self.path / "chosen.toml"

    @property
    def wanted_file(self) -> Path:
        """The resolved settings, or what was asked for while there are none."""
        return self.config_file if self.config_file.is_file() else self.chosen_file

    @property
    def split_file(self) -> Path:
        """Which images train and which are watched."""
        return self.path / "split.json"

    @property
    def events_file(self) -> Path:
        """One JSON event a line."""
        return self.path / "events.jsonl"

    @property
    def lock_file(self) -> Path:
        """Who writes."""
        return self.path / "lock"

    @property
    def checkpoints(self) -> Path:
        """One folder a checkpoint."""
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        """One folder a step."""
        return self.path / "previews"

    @property
    def control(self) -> Path:
        """Commands waiting for the trainer."""
        return self.path / "control"

    def folder(self, name: str) -> Path:
        """A sub-folder, made when first used."""
        made = self.path / name
        made.mkdir(exist_ok=True)
        return made

    def config(self) -> RunConfig:
        """The settings the run was started with."""
        return build(read_values(self.config_file))

    def wanted(self) -> RunConfig:
        """The same, or what was asked for where they are not worked out yet."""
        return build(read_values(self.wanted_file))

    def split(self) -> dict[str, Any]:
        """The frozen split: escaped relative paths of "train" and "watch" per folder."""
        return own_files.read_json(self.split_file, most=MOST_SPLIT_BYTES)

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


class OpenedRun(Run):
    """A run folder that its writer has opened: its path follows where others move it."""

    has_heartbeat: bool
    """Whether its file system has no locks."""

    def __init__(self, path: Path) -> None:
        object.__setattr__(self, "home", Home(path))

    @property
    def path(self) -> Path:
        """Where it is now; RunError when it is gone."""
        home: Home = self.__dict__["home"]
        return home.path

    def close(self) -> None:
        """Let go of it."""
        self.__dict__["home"].close()
