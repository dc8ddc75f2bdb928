"""How well the videos of an index find each other, by judgements of what is relevant to which.

FIVR-200K's tasks (mean average precision) and VCSL's segments (precision and recall); see
evaluation.retrieval for the formulas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from sit_engine.data.decode.decode_pool import shared_decoders
from sit_engine.errors import DataError
from sit_engine.evaluation.retrieval import (
    TASKS,
    MeanPrecision,
    Stretch,
    mean_precision,
    segment_scores,
    task_precisions,
)
from sit_engine.evaluation.search import scores_of
from sit_engine.jobs.find_clips import Finder
from sit_engine.own_files import read_json
from sit_engine.paths import display_name
from sit_engine.records.clips.clip_index import ClipIndex
from sit_engine.records.on_progress import OnProgress

LABELS = ("ND", "DS", "CS", "IS", "DA")


class _Segments(BaseModel):
    """The copied stretches of a pair: start and end in the query, start and end in the video."""

    model_config = ConfigDict(extra="forbid")
    query: str
    video: str
    stretches: list[Stretch]


class _Judgements(BaseModel):
    """What a file of judgements holds; FIVR-200K's annotation.json is `relevance` alone."""

    model_config = ConfigDict(extra="forbid")
    relevance: dict[str, dict[str, list[str]]] = {}
    segments: list[_Segments] = []


@dataclass(frozen=True)
class SegmentScore:
    """Means over pairs of videos."""

    precision: float
    recall: float
    f_score: float
    pairs: int


@dataclass(frozen=True)
class IndexReport:
    """What was measured; None and nothing where nothing was judged."""

    tasks: dict[str, MeanPrecision]
    segments: SegmentScore | None
    unknown: tuple[str, ...]
    """Names of the file that no video of the index has: they are not asked for."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """A line a figure."""
        lines = [
            f"{task}: mAP {found.value:.3f} ± {found.interval:.3f} over {found.queries} queries"
            for task, found in self.tasks.items()
        ]
        if self.segments is not None:
            found = self.segments
            lines.append(
                f"Segments: precision {found.precision:.3f}, recall {found.recall:.3f}, "
                f"F {found.f_score:.3f} over {found.pairs} pairs"
            )
        if self.unknown:
            lines.append(f"Not in the index, and not asked for: {len(self.unknown):,} names.")
        return "\n".join(lines)


@shared_decoders()
def evaluate_index(
    place: Path, judgements: Path, on_progress: OnProgress | None = None
) -> IndexReport:
    """Rank the index for each query that the file names, and compare."""
    index = ClipIndex.open(place)
    asked = _read(judgements)
    path_of = _names(index)
    unknown: dict[str, None] = {}

    def known(name: str) -> str | None:
        found = path_of.get(name)
        if found is None:
            unknown[name] = None
        return found

    labels = {
        query: {
            label: [path for name in names if (path := known(name)) is not None]
            for label, names in by_label.items()
        }
        for name, by_label in asked.relevance.items()
        if (query := known(name)) is not None
    }
    tell = on_progress or (lambda *_: None)
    paths = [video.path for video in index.videos]
    rankings = _rankings(index, labels, tell)
    tasks = {}
    for task in TASKS:
        found = task_precisions(rankings, labels, task, paths)
        if found:
            tasks[task] = mean_precision(list(found.values()))
    boxes = [
        (query, video, pair.stretches)
        for pair in asked.segments
        if (query := known(pair.query)) is not None and (video := known(pair.video)) is not None
    ]
    if not tasks and not boxes:
        raise DataError(
            "data.judgements_none",
            "No query of {path} has anything relevant in the index {index}.",
            "Names are those of the files, with or without their ending, or their paths.",
            path=judgements,
            index=place,
        )
    return IndexReport(tasks, _segments(place, index, boxes, tell), tuple(unknown))


def _rankings(
    index: ClipIndex, labels: Mapping[str, object], tell: Callable[[str, int, int], None]
) -> dict[str, list[str]]:
    number_of = {video.path: number for number, video in enumerate(index.videos)}
    rankings = {}
    for done, query in enumerate(labels):
        tell("ranking videos", done, len(labels))
        vectors = np.asarray(index.vectors[index.rows(number_of[query])], np.float32)
        order = np.argsort(-scores_of(index, vectors), kind="stable")
        rankings[query] = [index.videos[int(row)].path for row in order]
    return rankings


def _segments(
    place: Path,
    index: ClipIndex,
    boxes: list[tuple[str, str, list[Stretch]]],
    tell: Callable[[str, int, int], None],
) -> SegmentScore | None:
    if not boxes:
        return None
    finder = Finder(place, index)
    number_of = {video.path: number for number, video in enumerate(index.videos)}
    scores = []
    for done, (query, video, true) in enumerate(boxes):
        tell("aligning videos", done, len(boxes))
        stretch, _ = finder.where(number_of[video], finder.query(query))
        scores.append(segment_scores([] if stretch is None else [stretch], true))
    precision, recall, f_score = np.mean(scores, axis=0).tolist()
    return SegmentScore(precision, recall, f_score, len(boxes))


def _read(file: Path) -> _Judgements:
    found = read_json(file, most=1 << 30)
    try:
        if not {"relevance", "segments"} & set(found):
            found = {"relevance": found}
        made = _Judgements.model_validate_json(json.dumps(found))
    except (ValidationError, TypeError):
        made = _Judgements()
    labels = {label for by_label in made.relevance.values() for label in by_label}
    if (made.relevance or made.segments) and labels <= set(LABELS):
        return made
    raise DataError(
        "data.judgements",
        "The file {path} holds no judgements of videos.",
        'It is JSON: {{"QUERY": {{"ND": ["VIDEO", …], "DS": […], "CS": […], "IS": […]}}, …}}, or '
        '{{"relevance": that, "segments": [{{"query": …, "video": …, "stretches": [[0, 5, 13, 18]]}}]}}.',
        path=display_name(str(file)),
    )


def _names(index: ClipIndex) -> dict[str, str]:
    """Paths by what a file may call a video: path, name, name without ending, if one alone has it."""
    found: dict[str, str | None] = {}
    for video in index.videos:
        path = Path(video.path)
        for name in dict.fromkeys((video.path, path.name, path.stem)):
            found[name] = None if name in found else video.path
    return {name: path for name, path in found.items() if path is not None}
