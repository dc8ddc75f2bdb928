"""What the window remembers between two starts; one ini file in the user's settings folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from sit_engine.paths import escape_name, unescape_name

MOST_RECENT = 8
# What the user's environment said before a setting of ours took its place.
_GIVEN_CACHE = os.environ.get("SIT_CACHE_DIR", "")


class Preferences:
    """Typed values over QSettings; every change is kept at once."""

    def __init__(self) -> None:
        chosen = os.environ.get("SIT_CONFIG_DIR") or platformdirs.user_config_dir("sit-studio")
        self._store = QSettings(str(Path(chosen) / "studio.ini"), QSettings.Format.IniFormat)

    def text(self, name: str, default: str = "") -> str:
        """A remembered word."""
        found = self._store.value(name, default)
        return found if isinstance(found, str) else default

    def texts(self, name: str) -> list[str]:
        """A remembered list."""
        found = self._store.value(name, [])
        if isinstance(found, str):
            return [found] if found else []
        return [str(item) for item in found] if isinstance(found, list) else []

    def names(self, name: str) -> list[str]:
        """A remembered list of paths, escaped there: an ini file holds none that is not UTF-8."""
        return [unescape_name(text) for text in self.texts(name)]

    def set_names(self, name: str, names: Sequence[str]) -> None:
        """Remember a list of paths."""
        self.set(name, [escape_name(path) for path in names])

    def number(self, name: str, default: float) -> float:
        """A remembered number."""
        try:
            return float(str(self._store.value(name, default)))
        except ValueError:
            return default

    def data(self, name: str) -> QByteArray:
        """Remembered bytes, such as the window's place."""
        found = self._store.value(name)
        return found if isinstance(found, QByteArray) else QByteArray()

    def set(self, name: str, value: str | float | list[str] | QByteArray) -> None:
        """Remember a value."""
        self._store.setValue(name, value)

    def sync(self) -> None:
        """Write to the disk now."""
        self._store.sync()

    # The few that more than one place asks for

    @property
    def runs_folder(self) -> Path:
        """Folder of new runs."""
        default = Path.home() / "SiT Studio" / "runs"
        return Path(self.text("runs/folder") or default)

    @property
    def weights_folder(self) -> Path:
        """Folder of imported weights: with the runs, on the disk that was chosen for them."""
        return self.runs_folder / "weights"

    @property
    def runs_folders(self) -> list[Path]:
        """All folders whose runs are shown; the one for new runs first."""
        more = [Path(folder) for folder in self.texts("runs/more")]
        return list(dict.fromkeys([self.runs_folder, *more]))

    @property
    def cache_gb(self) -> float:
        """Most disk space for decoded pixels."""
        return self.number("cache/gb", 20.0)

    def use_cache_place(self) -> None:
        """Tell this process and its children where decoded pixels go."""
        chosen = self.text("cache/folder")
        place = str(Path(chosen).expanduser().absolute()) if chosen else _GIVEN_CACHE
        if place:
            os.environ["SIT_CACHE_DIR"] = place
        else:
            os.environ.pop("SIT_CACHE_DIR", None)

    def remember_folders(self, folders: list[str]) -> None:
        """The newest first in the list of recent ones; several folders are one entry."""
        self.set_names("data/last", folders)
        if len(folders) == 1:
            recent = dict.fromkeys([*folders, *self.recent_folders])
            self.set_names("data/recent", list(recent)[:MOST_RECENT])

    @property
    def recent_folders(self) -> list[str]:
        """Folders of images that were open, the newest first."""
        return self.names("data/recent")
