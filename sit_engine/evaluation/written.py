"""A report kept in the run's `evaluations/`: JSON, a page to read, and the answer for each test image."""

from __future__ import annotations

import base64
import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.evaluation.html_page import Wrong, page
from sit_engine.evaluation.measure import Predictions
from sit_engine.files import disk_error, write_aside
from sit_engine.paths import name_cell
from sit_engine.records.report import Report
from sit_engine.records.run import Run

MOST_WRONG = 24
THUMBNAIL_PX = 128
COLUMNS = ("path", "label", "predicted", "probability")


def write_report(
    run: Run, report: Report, predictions: Predictions | None
) -> tuple[Report, Path]:  # fmt: skip
    """The report with the names of its files, and the JSON file, which is written last."""
    try:
        stem = _free_stem(run.folder("evaluations"), report.step)
        report = replace(report, page=f"{stem.name}.html")
        wrong: list[Wrong] = []
        if predictions is not None and report.answers is not None:
            table = stem.with_name(f"{stem.name}.predictions.csv")
            report = replace(report, answers=replace(report.answers, predictions=table.name))
            write_aside(table, _table(predictions, report.classes))
            wrong = _most_wrong(predictions, report.classes)
        write_aside(stem.with_name(report.page), page(report, wrong, run=run.path.name))
        file = stem.with_name(f"{stem.name}.json")
        write_aside(file, json.dumps(report.to_json(), indent=1))
    except OSError as error:
        raise disk_error(error, run.path) from None
    return report, file


def _free_stem(folder: Path, step: int) -> Path:
    """A name by step and time that no other evaluation has."""
    name = f"step-{step:08d}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(folder / name for name in names if not (folder / f"{name}.json").exists())


def _table(predictions: Predictions, classes: tuple[str, ...]) -> str:
    """CSV text; names are escaped, so that it is clean UTF-8."""
    names = [name_cell(name) for name in classes]
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for path, label, answer, probability in _each(predictions):
        rows.writerow((name_cell(path), names[label], names[answer], f"{probability:.6f}"))
    return out.getvalue()


def _each(predictions: Predictions) -> Sequence[tuple[str, int, int, float]]:
    return list(
        zip(
            predictions.paths,
            predictions.labels.tolist(),
            predictions.answers.tolist(),
            predictions.probability.tolist(),
            strict=True,
        )
    )


def _most_wrong(predictions: Predictions, classes: tuple[str, ...]) -> list[Wrong]:
    """The surest wrong answers with their pictures."""
    is_wrong = predictions.answers != predictions.labels
    order = np.argsort(-predictions.probability, kind="stable")
    each = _each(predictions)
    chosen = [each[row] for row in order[is_wrong[order]][:MOST_WRONG]]
    with Thumbnailer() as thumbnailer:
        paths = [path for path, *_ in chosen]
        pictures = dict(thumbnailer.read(paths, side=THUMBNAIL_PX))
    return [
        Wrong(path, classes[label], classes[answer], probability, _jpeg(pictures[path]))
        for path, label, answer, probability in chosen
    ]


def _jpeg(found: Thumbnail | str) -> str:
    """A picture as base64 of a JPEG; empty where there is none."""
    if isinstance(found, str):
        return ""
    out = io.BytesIO()
    Image.frombytes("RGB", (found.width, found.height), found.rgb).save(out, "JPEG", quality=85)
    return base64.b64encode(out.getvalue()).decode("ascii")
