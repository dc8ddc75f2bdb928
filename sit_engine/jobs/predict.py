"""Predict folders to CSV: a row for each file, with the five likeliest classes or why there is none.

Shapes: n images, B of a piece, C classes, V side of a view, T answers kept of each image.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sit_engine.counted import counted
from sit_engine.data.scan.quick_scan import require_images
from sit_engine.errors import DataError, RunError
from sit_engine.evaluation.features import probabilities
from sit_engine.evaluation.reading import PIECE, Reader
from sit_engine.export.program import FORMATS, open_program, run_child, run_program
from sit_engine.files import disk_error, write_aside
from sit_engine.jobs.labelled import Decoding, find_usable, reader_of
from sit_engine.jobs.networks import load_backbones
from sit_engine.machine.device import apply_settings
from sit_engine.paths import display_name, name_cell, safe_cell
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run

MOST_ANSWERS = 5
# A child process for each piece takes seconds to start, and may not work longer than its time limit.
PROGRAM_PIECE, PROGRAM_BATCH = 512, 64
HEADER = re.compile(r"path,class,probability(,class_\d,probability_\d)*,problem")


@dataclass(frozen=True)
class Predictor:
    """Whatever answers: `answer` takes uint8 views [B,3,V,V] to probabilities [B,C]."""

    labels: tuple[str, ...]
    decoding: Decoding
    reader: Reader
    answer: Callable[[Tensor], Tensor]
    piece: int = PIECE


@dataclass(frozen=True)
class Predicted:
    """Where the table is, how many images were answered, how often each class, and the problems."""

    out: Path
    images: int
    problems: int
    classes: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return asdict(self) | {"out": str(self.out)}

    def to_text(self) -> str:
        """The outcome in one or two sentences."""
        counts = sorted(self.classes.items(), key=lambda item: -item[1])
        said = ", ".join(f"{display_name(name)} {count:,}" for name, count in counts if count)
        text = f"Answered {counted(self.images, 'images', ',')} into {self.out}: {said}."
        if self.problems:
            files = counted(self.problems, "files", ",")
            text += f" {files} cannot be used; what is wrong stands there."
        return text


def predictor(
    source: Path, *, step: int | None = None, network: str | None = None, trust: bool = False
) -> Predictor:
    """What answers: the classifier of a run, or an exported model."""
    if source.suffix.lower() in FORMATS and not source.is_dir():
        return _of_program(source, trust=trust)
    return _of_run(open_run(source), step, network)


def _of_program(path: Path, *, trust: bool) -> Predictor:
    """An exported model, run in child processes; tried on one black view before any file is read."""
    info = open_program(path)
    black = np.zeros((1, 3, info.image_size, info.image_size), dtype=np.uint8)
    is_classifier = info.output == "probabilities" and len(info.labels) > 0
    if is_classifier:
        said = run_program(path, black, format=info.format, trust=trust)
        is_classifier = said.shape == (1, len(info.labels))
    if not is_classifier:
        raise DataError(
            "data.program_classes",
            "The model {path} gives features, not classes.",
            "Export one from a finetuned run.",
            path=path,
        )

    def answer(views_B3VV: Tensor) -> Tensor:
        batches = [part.numpy() for part in torch.split(views_B3VV, PROGRAM_BATCH)]
        answers, _ = run_child(path, batches, format=info.format)
        return torch.from_numpy(np.concatenate(answers))

    decoding = Decoding(info.image_size, info.value_range or "percentile")
    return Predictor(info.labels, decoding, Reader(info.value_range), answer, PROGRAM_PIECE)


def _of_run(run: Run, step: int | None, network: str | None) -> Predictor:
    """The classifier of a finetuned run."""
    config = run.config()
    device = apply_settings(config.compute, or_cpu=True)
    loaded = load_backbones(run, step=step, network=network)
    if loaded.classifier is None:
        raise RunError(
            "run.no_classes",
            "The run {path} was pretrained without labels: it knows no classes to answer with.",
            "Teach it some: sit-engine finetune {path} FOLDER, with one sub-folder a class.",
            path=run.path,
        )
    return Predictor(
        tuple(run.split()["classes"]),
        Decoding.of(run),
        reader_of(run),
        partial(probabilities, loaded.classifier.to(device), device=device),
    )


def predict(
    predictor: Predictor, folders: Sequence[str], out: Path, on_progress: OnProgress | None
) -> Predicted:
    """Write the table whole or not at all; memory is bounded by a piece of views."""
    _check_out(out)
    index = find_usable(folders, predictor.decoding, on_progress, labels="none").index
    require_images(index, 1)
    tell = on_progress or (lambda *_: None)
    kept = min(MOST_ANSWERS, len(predictor.labels))
    answers_nT = np.zeros((len(index), kept), dtype=np.int32)
    likely_nT = np.zeros((len(index), kept), dtype=np.float32)
    # A row of the folder's root may stand in a problem's name already; join keeps that one.
    problems = {os.path.join(index.roots[0], p.path): p.reason for p in index.problems}  # noqa: PTH118
    paths = [index.path(row) for row in range(len(index))]
    for start in range(0, len(index), predictor.piece):
        tell("predicting", start, len(index))
        rows, views, lost = _read(predictor, paths, range(start, len(index))[: predictor.piece])
        problems |= lost
        if rows:
            top = predictor.answer(views).topk(kept)
            answers_nT[rows], likely_nT[rows] = top.indices.numpy(), top.values.numpy()
    tell("predicting", len(index), len(index))
    lines = _lines(predictor.labels, paths, answers_nT, likely_nT, problems)
    try:
        write_aside(out, lines)
    except OSError as error:
        raise disk_error(error, out) from None
    used = [row for row, path in enumerate(paths) if path not in problems]
    counts = np.bincount(answers_nT[used, 0], minlength=len(predictor.labels))
    classes = {name: int(n) for name, n in zip(predictor.labels, counts, strict=True)}
    return Predicted(out, len(used), len(problems), classes)


def _check_out(out: Path) -> None:
    """Raise before the work unless `out` is free or a table of ours: another file is never replaced."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if not out.exists():
            return
        is_ours = out.is_file()
        if is_ours:
            with out.open(encoding="utf-8", errors="replace") as file:
                is_ours = HEADER.fullmatch(file.readline(1000).rstrip("\n")) is not None
    except OSError as error:
        raise disk_error(error, out) from None
    if not is_ours:
        raise RunError(
            "predict.taken",
            "{path} exists already and is no table of predictions.",
            "Choose another place with --csv.",
            path=out,
        )


def _read(
    predictor: Predictor, paths: Sequence[str], rows: range
) -> tuple[list[int], Tensor, dict[str, str]]:
    """Rows that could be read, their views, and what became of others since they were found usable."""
    side, read = predictor.decoding.side, predictor.reader.views
    try:
        return list(rows), read([paths[row] for row in rows], side), {}
    except DataError:
        pass  # One of them changed: each by itself, so that only that one is lost.
    kept, views, lost = [], [], dict[str, str]()
    for row in rows:
        try:
            views.append(read([paths[row]], side))
            kept.append(row)
        except DataError as error:
            lost[paths[row]] = error.values["reason"]
    return kept, torch.cat(views) if views else torch.empty(0), lost


def _lines(
    labels: Sequence[str],
    paths: Sequence[str],
    answers_nT: np.ndarray,
    likely_nT: np.ndarray,
    problems: dict[str, str],
) -> str:
    """CSV text in the order of the paths; names are escaped, so that it is clean UTF-8."""
    names = [name_cell(name) for name in labels]
    kept = answers_nT.shape[1]
    columns = ["class", "probability"]
    columns += [f"{name}_{n}" for n in range(2, kept + 1) for name in ("class", "probability")]
    row_of = {path: row for row, path in enumerate(paths) if path not in problems}
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("path", *columns, "problem"))
    for path in sorted({*row_of, *problems}, key=os.fsencode):
        cells: list[str] = [""] * len(columns)
        if path in row_of:
            row = row_of[path]
            cells[0::2] = [names[answer] for answer in answers_nT[row]]
            cells[1::2] = [f"{value:.6f}" for value in likely_nT[row]]
        table.writerow((name_cell(path), *cells, safe_cell(problems.get(path, ""))))
    return out.getvalue()
