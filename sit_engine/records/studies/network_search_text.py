"""A search for a network for a terminal, and whether it was worth its time."""

from __future__ import annotations

from sit_engine.counted import Sentence, counted
from sit_engine.records.studies.comparison import Comparison, Gap
from sit_engine.records.studies.comparison_text import to_text as comparison_text
from sit_engine.records.studies.network_search import (
    RANDOM,
    SEARCHED,
    UNIFORM,
    AskedNetwork,
    NetworkSearch,
    Source,
)

ROWS: tuple[tuple[str, Source], ...] = (
    (UNIFORM, "uniform"), (SEARCHED, "evolution"), (RANDOM, "random"),
)  # fmt: skip
UNITS = {"multiply-adds": "M multiply-adds", "parameters": "M parameters", "milliseconds": "ms"}


def to_text(found: NetworkSearch) -> str:
    """What was found so far, the table of those trained anew, and the verdict."""
    parts = [*_table(found)]
    if found.asked.time_error is not None:
        error = f"{100 * found.asked.time_error:.0f}"
        parts.append(f"The table of times misses whole networks by {error} % (median).")
        if found.asked.is_rough:
            parts.append("That is much: was the machine busy? Milliseconds are rough here.")
    if found.comparison is not None:
        parts += ["", comparison_text(found.comparison)]
    elif found.phase == "done":
        parts.append(
            "Whether the search was worth it was not asked (--anew, where there are labels)."
        )
    return "\n".join([*parts, *verdict(found)])


def _table(found: NetworkSearch) -> list[str]:
    unit = UNITS[found.asked.unit]
    rows = [["Network", unit, "accuracy, %", "loss", "rank", "patch", "width", "blocks"]]
    for name, source in ROWS:
        best = found.best(source)
        if best is not None:
            rows.append([name, *_cells(found, best)])
    if found.asked.objectives == 2:
        front = enumerate(found.front, 1)
        rows += [[f"front {number}", *_cells(found, one)] for number, one in front]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    asked = len(found.candidates)
    return [lines[0], "─" * len(lines[0]), *lines[1:], f"{counted(asked, 'networks')} were asked."]


def _cells(found: NetworkSearch, one: AskedNetwork) -> list[str]:
    cost = one.cost if found.asked.unit == "milliseconds" else one.cost / 1e6
    return [
        f"{cost:.3g}",
        "–" if one.accuracy is None else f"{100 * one.accuracy:.1f}",
        "–" if one.loss is None else f"{one.loss:.3f}",
        "–" if one.rank is None else f"{one.rank:.1f}",
        str(one.patch_size),
        str(one.width),
        " ".join(f"{heads}/{wide}/{hidden}" for heads, wide, hidden in one.blocks),
    ]


def generation_text(found: NetworkSearch, number: int) -> str:
    """The best so far, once a generation was asked."""
    best = found.best()
    if best is None or found.asked.plan is None:
        return ""
    cost, accuracy, loss, rank, patch, width, blocks = _cells(found, best)
    return (
        f"Generation {number + 1} of {found.asked.plan.generations}: best at {cost} "
        f"{UNITS[found.asked.unit]}, accuracy {accuracy} %, loss {loss}, rank {rank}; patch {patch}, "
        f"width {width}, blocks {blocks}"
    )


def verdict(found: NetworkSearch) -> tuple[Sentence, ...]:
    """Whether the search was worth its time; nothing is said before all have been trained anew."""
    comparison = found.comparison
    if comparison is None or not comparison.is_complete:
        return ()
    gap = _gap(comparison, SEARCHED)
    if gap is None:
        return ()
    points = f"{100 * abs(gap.mean):.1f}"
    if gap.low > 0:
        first = Sentence(
            "The search was worth its time: trained anew, nearest neighbours are right for {points} "
            "points more with the network that was found than with the uniform one of the same cost, "
            "beyond chance.",
            points=points,
        )
    elif gap.high < 0:
        first = Sentence(
            "The search was not worth its time: trained anew, nearest neighbours are right for {points} "
            "points less with the network that was found than with the uniform one of the same cost, "
            "beyond chance. Take the uniform one.",
            points=points,
        )
    else:
        first = Sentence(
            "The search was not worth its time here: trained anew, the network that was found is not "
            "ahead of the uniform one of the same cost beyond chance ({gap} points).",
            gap=f"{100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]",
        )
    other = _gap(comparison, RANDOM)
    if other is None or other.mean < gap.mean:
        return (first,)
    return first, Sentence("Random search with as many networks did no worse.")


def _gap(comparison: Comparison, name: str) -> Gap | None:
    """Gap of nearest neighbours over the uniform network; None where it was not measured."""
    for line in comparison.lines:
        if line.name == name and "knn" in line.figures:
            return line.figures["knn"].gap
    return None
