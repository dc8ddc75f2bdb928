"""Showing a file or folder in the system's file manager, and moving one to its trash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QFile, QUrl
from PySide6.QtGui import QDesktopServices


def show_in_file_manager(path: Path) -> bool:
    """Open the folder of `path`, with it selected where the system can; False if nothing opens."""
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
    """Into the system's trash, from where it can be brought back; False if there is none."""
    return QFile(str(path)).moveToTrash()
