"""Showing a file or folder in the system's file manager, and moving one to its trash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QFile, QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices

from sit_engine.data.folder.frames import place_of


def is_there(path: str | Path) -> bool:
    """Whether anything is there; also True where that may not be looked at."""
    try:
        return Path(path).exists()
    except OSError:
        return True


def is_file(path: str | Path) -> bool:
    """Whether a file is there; also False where that may not be looked at."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def is_folder(path: str | Path) -> bool:
    """Whether a folder is there; also False where that may not be looked at."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def is_run(path: str | Path) -> bool:
    """Whether it is a run folder, of whatever version."""
    names = ("config.toml", "chosen.toml")
    return any(is_file(Path(path) / name) for name in names) and is_file(Path(path) / "format")


def show_in_file_manager(path: Path) -> bool:
    """Open the folder of `path`, with it selected where the system can; False if nothing opens.

    Of a frame it is its video.
    """
    path = Path(place_of(str(path)))
    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", str(path)])
        return True
    if sys.platform == "darwin":
        subprocess.Popen(["open", "-R", str(path)])
        return True
    folder = path if path.is_dir() else path.parent
    if not shutil.which("xdg-open"):
        return False
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def move_to_trash(path: Path) -> bool:
    """Move `path` to the system's trash, from where it can be brought back; False if there is none."""
    # Qt makes the trash in the user's data folder, but not that folder.
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    with suppress(OSError):
        Path(place).mkdir(parents=True, exist_ok=True)
    return QFile(str(path)).moveToTrash()
