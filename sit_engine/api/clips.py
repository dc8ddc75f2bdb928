"""Indexes of videos: made, searched, and asked for near-duplicates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sit_engine.data.folder.index import Problem
from sit_engine.files import disk_error, in_place_of
from sit_engine.records.clips.clip_index import ClipIndex
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run_folder import open_run

if TYPE_CHECKING:
    from sit_engine.jobs.evaluate_index import IndexReport
    from sit_engine.records.clips.found_clips import FoundClips, FoundDuplicates


def index_videos(
    path: Path,
    folders: Sequence[str],
    out: Path,
    *,
    step: int | None = None,
    on_progress: OnProgress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[ClipIndex, tuple[Problem, ...]]:
    """Make an index of folders of videos by a run of clips, or bring it up to date."""
    from sit_engine.jobs.index_videos import index_videos as work

    return work(open_run(path), folders, out, step=step, on_progress=on_progress, cancel=cancel)


def find_clips(
    index: Path, queries: Sequence[str], *, count: int = 10, on_progress: OnProgress | None = None
) -> FoundClips:
    """The videos of an index that each query is most like, and where."""
    from sit_engine.jobs.find_clips import find_clips as work

    return work(index, queries, count=count, on_progress=on_progress)


def find_duplicates(
    index: Path, *, above: float | None = None, on_progress: OnProgress | None = None
) -> FoundDuplicates:
    """Groups of near-duplicates among the videos of an index; nothing is changed."""
    from sit_engine.evaluation.duplicates import find_groups

    return find_groups(ClipIndex.open(index), on_progress or (lambda *_: None), above)


def evaluate_index(
    index: Path, judgements: Path, *, on_progress: OnProgress | None = None
) -> IndexReport:
    """Mean average precision by FIVR-200K's tasks, and VCSL's segment scores, of an index."""
    from sit_engine.jobs.evaluate_index import evaluate_index as work

    return work(index, judgements, on_progress)


def write_found(
    found: FoundClips | FoundDuplicates, index: Path, file: Path, kind: Literal["csv", "html"]
) -> None:
    """Write what was found as a table, or as a page with pictures, in place of an older file."""
    if kind == "csv":
        text = found.to_csv()
    else:
        from sit_engine.evaluation.found_page import found_page

        text = found_page(found, ClipIndex.open(index))
    try:
        with in_place_of(file) as aside:
            aside.write_text(text, "utf-8")
    except OSError as error:
        raise disk_error(error, file) from None
