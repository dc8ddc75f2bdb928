"""Accuracy over minutes as one picture: a line for each settings, a band over its seeds."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from sit_engine.files import disk_error, in_place_of
from sit_engine.inspection.curves import MUTED, SERIES, legend_label, plain
from sit_engine.records.studies.comparison import Comparison

NAME = "accuracy.png"


def write_figure(found: Comparison, folder: Path) -> None:
    """`accuracy.png` in the folder of a comparison; nothing where no run has a reading."""
    if not found.curves:
        return
    figure = Figure(figsize=(8.0, 4.5), dpi=120, layout="constrained")
    axis = figure.subplots()
    axis.set_title("k-NN accuracy, % of watched images", loc="left", fontsize=10)
    for number, curve in enumerate(found.curves):
        colour = SERIES[number % len(SERIES)]
        shown = {
            part: [100 * value for value in getattr(curve, part)]
            for part in ("low", "mean", "high")
        }
        axis.fill_between(
            curve.minutes, shown["low"], shown["high"], color=colour, alpha=0.15, lw=0
        )
        axis.plot(
            curve.minutes,
            shown["mean"],
            color=colour,
            linewidth=1.8,
            label=legend_label(curve.name),
        )
    axis.set_xlabel(_axis_words(found), fontsize=8, color=MUTED)
    axis.legend(frameon=False, fontsize=8)
    plain(axis)
    path = folder / NAME
    try:
        with in_place_of(path) as aside:
            figure.savefig(aside, format="png")
    except OSError as error:
        raise disk_error(error, path) from None


def _axis_words(found: Comparison) -> str:
    seeds = max(curve.seeds for curve in found.curves)
    over = f"; the band is from the lowest to the highest of {seeds} seeds" if seeds > 1 else ""
    how = "by the speed measured before the first run" if found.paces else "as they passed"
    return f"Minutes of training, {how}{over}"
