"""Where the window's own files lie: beside the code when installed, in resources/ in a checkout."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parents[1]
_PLACES = (_HERE / "resources", _HERE.parent / "resources")


def asset(name: str) -> Path:
    """The path of a file under resources/, such as "icons/train.svg"."""
    return next((place for place in _PLACES if place.is_dir()), _PLACES[-1]) / name
