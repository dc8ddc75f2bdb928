"""An image index as a folder of files that opens in milliseconds; written by scans, read by the window.

`summary.json` holds what fits a page, arrays and lines hold the rest and are mapped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sit_engine.config.facts import CueFacts, DataFacts
from sit_engine.data.facts import facts_of
from sit_engine.data.index import ImageIndex, Problem
from sit_engine.data.lines import Lines, write_lines
from sit_engine.files import in_place_of
from sit_engine.own_files import read_json

Leak = tuple[str, str]
"""A test image and the training image that is the same file, byte by byte."""
Stage = Literal["listed", "decoded"]
NOT_DECODED = "was listed, but not decoded: not all images have room in the cache"
"""A note of full_scan; of these images neither damage nor copies are known."""


def save_index(
    index: ImageIndex,
    folder: Path,
    *,
    leaks: Sequence[Leak] = (),
    stage: Stage,
    cues: CueFacts | None = None,
) -> dict[str, Any]:
    """Write the whole folder or nothing, in place of an older one; gives the summary."""
    summary = _summary(index, leaks, stage)
    summary["cues"] = None if cues is None else asdict(cues)
    about = {"summary": summary, "roots": index.roots, "classes": index.classes}
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whoever has the old one open keeps what it mapped.
    with in_place_of(folder, folder=True) as aside:
        aside.mkdir()
        (aside / "summary.json").write_text(json.dumps(about), encoding="ascii")
        for name, values in (
            ("labels", index.labels),
            ("sizes", index.sizes),
            ("root_of", index.root_of),
        ):
            np.save(aside / f"{name}.npy", values)
        write_lines(aside / "paths", index.paths)
        _write_tuples(
            aside / "problems", ((found.path, found.reason, found.code) for found in index.problems)
        )
        _write_tuples(aside / "duplicates", index.duplicates)
        _write_tuples(aside / "leaks", leaks)
    return summary


def _write_tuples(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    write_lines(path, (json.dumps(row) for row in rows))


def _summary(index: ImageIndex, leaks: Sequence[Leak], stage: Stage) -> dict[str, Any]:
    facts = facts_of(index)
    return index.to_json() | {
        "stage": stage,
        "problems": len(index.problems),
        "duplicates": len(index.duplicates),
        "leaks": len(leaks),
        "labelled_classes": facts.classes,
        "median_side_px": facts.median_side_px,
        "smallest_class": facts.smallest_class,
        "largest_class": facts.largest_class,
        "labelled": facts.labelled,
    }


@dataclass(frozen=True)
class SavedIndex:
    """A saved index, mapped. `summary` is ImageIndex.to_json with counts for its long lists."""

    summary: dict[str, Any]
    roots: tuple[str, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.int32]
    """-1: no label."""
    sizes: NDArray[np.int32]
    """[n,2]: width and height."""
    root_of: NDArray[np.int32]
    paths: Lines
    """Relative to their roots."""
    problems: Lines
    duplicates: Lines
    leaks: Lines

    @classmethod
    def open(cls, folder: Path) -> SavedIndex:
        """What `save_index` wrote."""
        about = read_json(folder / "summary.json", most=1 << 30)
        labels, sizes, root_of = (
            np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("labels", "sizes", "root_of")
        )
        return cls(
            summary=about["summary"],
            roots=tuple(about["roots"]),
            classes=tuple(about["classes"]),
            labels=labels,
            sizes=sizes,
            root_of=root_of,
            paths=Lines(folder / "paths"),
            problems=Lines(folder / "problems"),
            duplicates=Lines(folder / "duplicates"),
            leaks=Lines(folder / "leaks"),
        )

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, i: int) -> str:
        """Absolute path of image `i`, to open it with."""
        return os.path.join(self.roots[self.root_of[i]], self.paths[i])  # noqa: PTH118 - as the index

    def name(self, i: int) -> str:
        """How image `i` is called in problems and duplicates."""
        return self.paths[i] if len(self.roots) == 1 else self.path(i)

    def problem(self, i: int) -> Problem:
        """Problem `i`."""
        path, reason, code = json.loads(self.problems[i])
        return Problem(path, reason, code)

    def duplicate_group(self, i: int) -> list[str]:
        """The names of byte-equal images."""
        return [str(name) for name in json.loads(self.duplicates[i])]

    def leak(self, i: int) -> Leak:
        """A test image that is a training image too, and the training image."""
        test, train = json.loads(self.leaks[i])
        return test, train

    def facts(self) -> DataFacts:
        """The numbers that "auto" settings depend on."""
        summary = self.summary
        return DataFacts.of(
            {
                "images": len(self),
                "classes": summary["labelled_classes"],
                "median_side_px": summary["median_side_px"],
                "smallest_class": summary["smallest_class"],
                "largest_class": summary["largest_class"],
                "labelled": summary["labelled"],
                "cues": summary["cues"],
            }
        )
