"""A comparison for a terminal: its table, its verdict, its notes."""

from __future__ import annotations

from sit_engine.counted import counted
from sit_engine.paths import display_name
from sit_engine.records.studies.comparison import MEASURES, Comparison, Cost, Figure, Speed
from sit_engine.records.studies.verdict import verdict

MEASURED_FIRST = (
    "images/s: before the first run, turn about with the others; MB: what a step takes."
)
AS_TOLD = "images/s: as the runs told, one after the other; MB: the most that they held on a GPU."


def to_text(found: Comparison) -> str:
    """All of it; accuracies in percent."""
    if not found.lines:
        return "Nothing has been measured yet."
    return "\n".join([*table(found), *verdict(found), *_notes(found)])


def table(found: Comparison) -> list[str]:
    """Lines for a terminal, without notes; accuracies in percent."""
    heads = ["Accuracy, %"]
    for title in ("k-NN", "linear", f"{found.shots} label{'s' * (found.shots > 1)}"):
        heads += [title, "over first"]
    rows = [[*heads, "minutes", "images", "images/s", "MB"]]
    for line in found.lines:
        cells = [display_name(line.name)]
        for key in MEASURES:
            figure = line.figures.get(key)
            cells += [f"{100 * figure.accuracy:.1f}" if figure else "–", _gap(figure)]
        rows.append(cells + _cost(found.cost(line)) + _speed(found.speed(line)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{wide}}" for cell, wide in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    return [lines[0], "─" * len(lines[0]), *lines[1:]]


def _gap(figure: Figure | None) -> str:
    """A gap in points, for example "+2.1 [+0.4, +3.8]"; a dash for the first line itself."""
    if figure is None or figure.gap is None:
        return "–"
    gap = figure.gap
    return f"{100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"


def _cost(cost: Cost | None) -> list[str]:
    """Mean minutes and images of the line's runs; an asterisk where one is incomplete."""
    if cost is None:
        return ["–", "–"]
    star = "" if cost.is_whole else "*"
    return [f"{cost.minutes:.1f}{star}", f"{cost.images:,.0f}{star}"]


def _speed(speed: Speed | None) -> list[str]:
    """Images a second and megabytes; dashes for what is not known."""
    if speed is None:
        return ["–", "–"]
    memory = f"{speed.memory_bytes / 1e6:,.0f}" if speed.memory_bytes else "–"
    return [f"{speed.images_per_s:,.0f}", memory]


def _notes(found: Comparison) -> list[str]:
    where = "given with --test" if found.test else "held out of training"
    budget = f"{found.budget.amount:,.10g} {found.budget.unit}"
    over = (
        f"Over first: the paired difference to {display_name(found.lines[0].name)} in points, "
        "with its 95 % interval, a bootstrap over seeds and test images (few labels: seeds and draws)."
    )
    over_seeds = "seeds" if found.is_complete else "the seeds measured so far"
    notes = [
        f"{found.train_images} train and {counted(found.test_images, 'test images')} ({where}), "
        f"{budget} a run, {found.seeds} seed{'s' * (found.seeds > 1)}; means over {over_seeds}. "
        f"{found.left_out}".strip(),
        over,
        MEASURED_FIRST if found.paces else AS_TOLD,
    ]
    if found.seeds < 5:
        notes.append(
            "So few seeds say little about how seeds vary: the intervals tell mostly of images."
        )
    notes += [
        f"* {display_name(run.config)}, seed {run.seed} is incomplete: {run.status} at step "
        f"{run.step} of {run.total_steps}."
        for run in found.runs
        if not run.is_whole
    ]
    return notes
