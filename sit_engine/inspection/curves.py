"""The curves of a run as one PNG, from its events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sit_engine.paths import display_name
from sit_engine.records.events import ConfigChanged, Event, KnnMeasured, RunResumed, StepReported

SERIES = ("#0F6E84", "#C4561B", "#6B4FA0", "#3E7D2E", "#B0306A", "#7A6A12")
LINE, MUTED = "#D5DAE1", "#5A6675"


def write_curves(events: Sequence[Event], path: Path) -> None:
    """Loss terms, k-NN accuracy and learning rate over the steps; resumes are marked."""
    reports = [event for event in events if isinstance(event, StepReported)]
    readings = [event for event in events if isinstance(event, KnnMeasured)]
    terms = list(reports[-1].terms) if reports else []
    count = len(terms) + 2
    rows = (count + 1) // 2
    figure = Figure(figsize=(9.6, 2.9 * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for axis, term, colour in zip(axes, terms, SERIES, strict=False):
        _plot(
            axis,
            f"Loss: {term}",
            [(r.step, r.terms.get(term, float("nan"))) for r in reports],
            colour,
        )
    _plot(
        axes[len(terms)], "Learning rate", [(r.step, r.learning_rate) for r in reports], SERIES[3]
    )
    knn = axes[len(terms) + 1]
    _plot(
        knn,
        "k-NN accuracy, % of watched images",
        [(r.step, 100 * r.accuracy) for r in readings],
        SERIES[0],
    )
    if readings:
        for value, label, style in (
            (readings[-1].untrained, readings[-1].before, "--"),
            (readings[-1].raw_pixels, "raw pixels", ":"),
        ):
            knn.axhline(100 * value, color=MUTED, linestyle=style, linewidth=1, label=label)
        knn.legend(frameon=False, fontsize=8)
    for axis in axes[count:]:
        axis.set_visible(False)
    for axis in axes[:count]:
        for event in events:
            if isinstance(event, RunResumed):
                axis.axvline(event.from_step, color=MUTED, linewidth=0.8, linestyle="--")
            elif isinstance(event, ConfigChanged):
                axis.axvline(event.step, color=SERIES[1], linewidth=0.8, linestyle=":")
    figure.savefig(path)


def _plot(axis: Axes, title: str, points: Sequence[tuple[int, float]], colour: str) -> None:
    axis.set_title(title, loc="left", fontsize=10)
    axis.plot([x for x, _ in points], [y for _, y in points], color=colour, linewidth=1.8,
              marker="o" if len(points) < 3 else None, markersize=4)  # fmt: skip
    if not points:
        axis.text(0.5, 0.5, "No point yet.", transform=axis.transAxes, ha="center", color=MUTED)
    axis.set_xlabel("Step", fontsize=8, color=MUTED)
    plain(axis)


def legend_label(name: str) -> str:
    """Text of the user: no mathematics between dollars, not left out for its first sign."""
    return "\u200b" + display_name(name).replace("$", r"\$")


def plain(axis: Axes) -> None:
    """Thin grid lines and one border."""
    axis.tick_params(labelsize=8, colors=MUTED)
    axis.grid(axis="y", color=LINE, linewidth=0.8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(LINE)
