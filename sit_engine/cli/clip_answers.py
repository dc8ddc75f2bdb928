"""The questions about indexes of videos for `sit-engine serve`; see sit_engine.cli.answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Literal

from sit_engine import api
from sit_engine.cli.question import (
    Count,
    Json,
    QuestionContext,
    Step,
    bad_parameters,
    path_from,
    paths_from,
)
from sit_engine.counted import packed, unpacked
from sit_engine.records.clips.found_clips import found_of


def _index(
    context: QuestionContext, *, run: str, folders: list[str], out: str, step: Step | None = None
) -> Json:
    """An index of videos (records.clips.clip_index), made or brought up to date; what cannot be used."""
    index, problems = api.index_videos(
        path_from(run),
        paths_from(folders),
        path_from(out),
        step=step,
        on_progress=context.progress,
        cancel=context.is_over,
    )
    told = [packed({"path": one.path, "reason": one.reason, "code": one.code}) for one in problems]
    return {"videos": len(index.videos), "clips": len(index), "problems": told}


def _find(context: QuestionContext, *, index: str, queries: list[str], count: Count = 10) -> Json:
    """The videos of an index that each query is most like, and where."""
    found = api.find_clips(
        path_from(index), paths_from(queries), count=count, on_progress=context.progress
    )
    return packed(asdict(found))


def _duplicates(context: QuestionContext, *, index: str) -> Json:
    """Groups of near-duplicates among the videos of an index."""
    found = api.find_duplicates(path_from(index), on_progress=context.progress)
    return packed(asdict(found))


def _found_file(
    context: QuestionContext, *, index: str, found: Json, out: str, kind: Literal["csv", "html"]
) -> Json:
    """What `find` or `duplicates` answered, as a file: a table, or a page with pictures."""
    try:
        values = found_of(unpacked(found))
    except ValueError as error:
        raise bad_parameters("found_file", error) from None
    api.write_found(values, path_from(index), path_from(out), kind)
    return {"file": str(path_from(out))}


CLIP_QUESTIONS: dict[str, Callable[..., Json]] = {
    "index": _index,
    "find": _find,
    "duplicates": _duplicates,
    "found_file": _found_file,
}
