"""Reads which videos an index holds, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sit_engine.errors import SitError
from sit_engine.files import disk_error
from sit_engine.records.clips.clip_index import ClipIndex
from sit_studio.engine.in_thread import in_thread
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.films import Films


@dataclass(frozen=True)
class LoadedIndex:
    """An index, and its videos."""

    place: Path
    folders: tuple[str, ...]
    films: Films
    clips: int
    step: int


def load_clip_index(place: Path, on_loaded: Callable[[LoadedIndex | Failure], None]) -> None:
    """Read what stands in an index of videos; a failure where there is none."""

    def read() -> LoadedIndex | Failure:
        try:
            found = ClipIndex.open(place)
        except SitError as error:
            return failure_of(error)
        except OSError as error:
            return failure_of(disk_error(error, place))
        seconds = {video.path: video.seconds for video in found.videos}
        films = Films(tuple(seconds), seconds)
        return LoadedIndex(place, found.about.folders, films, len(found), found.about.step)

    in_thread(read, on_loaded)
