"""What a search in an index of videos found: plain values for the window, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sit_engine.paths import escape_name, name_cell

Stretch = tuple[float, float, float, float]
"""Start and end in the query, start and end in the video found, in seconds."""


@dataclass(frozen=True)
class Hit:
    """A video of the index for a query: how like it is, from −1 to 1, and where."""

    query: str
    path: str
    score: float
    stretch: Stretch | None
    """None: no part of the two stands out."""
    is_reversed: bool = False
    """Whether the stretch runs backwards in the video found."""


@dataclass(frozen=True)
class FoundClips:
    """Ranked hits of each query, and how they were looked for."""

    hits: tuple[Hit, ...]
    how: str
    """Exact or approximate, and why."""
    threshold: float
    """Scores above are no chance, as the index's own videos have it (evaluation.duplicates)."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each query and video is, by its path."""

    def to_json(self) -> dict[str, Any]:
        """Clean UTF-8."""
        hits = [
            asdict(hit) | {"query": escape_name(hit.query), "path": escape_name(hit.path)}
            for hit in self.hits
        ]
        seconds = {escape_name(path): length for path, length in self.seconds.items()}
        return {"how": self.how, "threshold": self.threshold, "hits": hits, "seconds": seconds}

    def to_csv(self) -> str:
        """A line a hit."""
        rows = [
            (
                name_cell(hit.query), name_cell(hit.path), f"{hit.score:.4f}",
                *(["", "", "", ""] if hit.stretch is None else [f"{s:.2f}" for s in hit.stretch]),
                int(hit.is_reversed),
            )
            for hit in self.hits
        ]  # fmt: skip
        head = ("query", "video", "score", "query_start", "query_end", "start", "end", "reversed")
        return _csv(head, rows)


@dataclass(frozen=True)
class DuplicateGroup:
    """Videos that a chain of near-duplicates joins, each with the score of its nearest in the group."""

    paths: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class FoundDuplicates:
    """The groups of an index, and above which score two videos are near-duplicates."""

    groups: tuple[DuplicateGroup, ...]
    threshold: float
    why: str
    """How the threshold was chosen."""

    def to_json(self) -> dict[str, Any]:
        """Clean UTF-8."""
        groups = [
            {"paths": list(map(escape_name, group.paths)), "scores": list(group.scores)}
            for group in self.groups
        ]
        return {"threshold": self.threshold, "why": self.why, "groups": groups}

    def to_csv(self) -> str:
        """A line a video."""
        rows = [
            (number, name_cell(path), f"{score:.4f}")
            for number, group in enumerate(self.groups, start=1)
            for path, score in zip(group.paths, group.scores, strict=True)
        ]
        return _csv(("group", "video", "score"), rows)


def found_of(values: Mapping[str, Any]) -> FoundClips | FoundDuplicates:
    """What was found, from its values as `asdict` and JSON have them; ValueError for any others."""
    try:
        if "hits" in values:
            hits = tuple(map(_hit, values["hits"]))
            seconds = {str(path): float(length) for path, length in values["seconds"].items()}
            return FoundClips(hits, values["how"], float(values["threshold"]), seconds)
        groups = tuple(
            DuplicateGroup(tuple(map(str, one["paths"])), tuple(map(float, one["scores"])))
            for one in values["groups"]
        )
        return FoundDuplicates(groups, float(values["threshold"]), values["why"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is nothing that was found ({error})") from None


def _hit(values: Mapping[str, Any]) -> Hit:
    start, end, first, last = map(float, values["stretch"] or (0.0, 0.0, 0.0, 0.0))
    stretch = (start, end, first, last) if values["stretch"] else None
    query, path = str(values["query"]), str(values["path"])
    return Hit(query, path, float(values["score"]), stretch, bool(values["is_reversed"]))


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
