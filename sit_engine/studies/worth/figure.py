"""Accuracy over labels as one picture: a line for each way, a band for its interval."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.figure import Figure

from sit_engine.files import disk_error, in_place_of
from sit_engine.inspection.curves import MUTED, SERIES, legend_label, plain
from sit_engine.records.studies.worth import Column, Worth, shots_word

NAME = "worth.png"
DASHES = {"raw pixels": ":", "scratch": "--", "frozen": "-.", "continued": "-", "own": "-"}


def write_figure(found: Worth, folder: Path) -> None:
    """`worth.png` in the folder of the study."""
    places = {shots: place for place, shots in enumerate(found.shots)}
    figure = Figure(figsize=(8.0, 4.5), dpi=120, layout="constrained")
    axis = figure.subplots()
    axis.set_title("Accuracy on test images, %", loc="left", fontsize=10)
    for number, column in enumerate(found.columns):
        line = _line(column, places)
        if not line:
            continue
        colour = SERIES[number % len(SERIES)]
        x, middle, low, high = zip(*line, strict=True)
        axis.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)
        axis.plot(
            x, middle, color=colour, linewidth=1.8, linestyle=DASHES[column.kind], marker="o",
            markersize=3.5, label=legend_label(column.name),
        )  # fmt: skip
    axis.set_xticks(list(places.values()), [_tick(shots) for shots in places])
    axis.set_xlabel("Labels a class", fontsize=8, color=MUTED)
    axis.legend(frameon=False, fontsize=8)
    plain(axis)
    path = folder / NAME
    try:
        with in_place_of(path) as aside:
            figure.savefig(aside, format="png")
    except OSError as error:
        raise disk_error(error, path) from None


def _line(column: Column, places: dict[int, int]) -> list[tuple[float, float, float, float]]:
    points = []
    for shots, place in places.items():
        if (score := column.scores.get(shots)) is not None:
            noise = 0.0 if math.isnan(score.interval) else score.interval
            middle, half = 100 * score.accuracy, 100 * noise
            points.append(
                (float(place), middle, max(0.0, middle - half), min(100.0, middle + half))
            )
    return points


def _tick(shots: int) -> str:
    return shots_word(shots).split()[0]
