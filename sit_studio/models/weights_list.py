"""Imported weights that lie on disk, the newest first; Qt-free."""

from __future__ import annotations

import os
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

LISTING = "import.json"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class ImportedRow:
    """A folder that an import wrote, and when, s since 1970."""

    path: Path
    written: float


def imported_in(folder: Path) -> list[ImportedRow]:
    """The imports directly in `folder`; no file is opened."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                listing = Path(entry.path) / LISTING
                if listing.is_file() and (listing.parent / WEIGHTS).is_file():
                    found.append(ImportedRow(listing.parent, listing.stat().st_mtime))
    except OSError:
        return found
    return sorted(found, key=attrgetter("written"), reverse=True)
