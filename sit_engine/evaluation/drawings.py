"""Drawings of an evaluation's page: plots as inline SVG, the confusion matrix as coloured cells.

Colours are the page's own variables, so that drawings follow light and dark.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from PIL import Image

from sit_engine.counted import counted
from sit_engine.records.report import Bin, ReportRow

MOST_CELLS = 30
MOST_PAIRS = 20
WIDTH, HEIGHT = 560.0, 296.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 26.0, 40.0
DASHES = ("2 3", "6 3", "10 3 2 3", "1 4", "12 4")
SAMPLES = ("···", "‒ ‒", "‒ ·", "· ·", "— —")


class LineStyle(NamedTuple):
    """How a column is drawn: its colour, its dash, and a sample of the dash as text."""

    colour: str
    dash: str
    sample: str


def series_styles(columns: Sequence[str]) -> dict[str, LineStyle]:
    """The last column is ours, in the accent and drawn through."""
    found = {
        column: LineStyle(f"var(--s{n % 5})", DASHES[n % 5], SAMPLES[n % 5])
        for n, column in enumerate(columns[:-1])
    }
    return found | {columns[-1]: LineStyle("var(--main)", "", "—")}


def few_shot_plot(rows: Sequence[ReportRow], columns: Sequence[str]) -> str:
    """Accuracy over labels a class, which stand on a logarithmic scale."""
    shots = [row.shots or 1 for row in rows]
    highest = max(score.accuracy + score.interval for row in rows for score in row.scores.values())
    step = 0.2 if highest > 0.5 else 0.1 if highest > 0.2 else 0.05
    top = min(1.0, step * math.ceil(highest / step))
    wide = math.log(max(shots)) or 1.0

    def place(shot: int, accuracy: float) -> tuple[float, float]:
        x = LEFT + 16 + (WIDTH - LEFT - RIGHT - 32) * math.log(shot) / wide
        return x, TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(accuracy, 0.0), top) / top)

    ticks = [step * number for number in range(round(top / step) + 1)]
    parts = [_grid_line(place(1, tick)[1], f"{100 * tick:.0f}", WIDTH) for tick in ticks]
    for shot in shots:
        x = place(shot, 0)[0]
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 22:.0f}" text-anchor="middle">{shot}</text>')
    parts.append(_axis_titles("Labels a class", "Accuracy, %", WIDTH, HEIGHT))
    for column, style in series_styles(columns).items():
        scores = [row.scores[column] for row in rows]
        points = [place(n, score.accuracy) for n, score in zip(shots, scores, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        stroke = f'stroke="{style.colour}" stroke-width="2" fill="none"'
        parts.append(f'<polyline points="{line}" {stroke} stroke-dasharray="{style.dash}"/>')
        for (x, y), n, score in zip(points, shots, scores, strict=True):
            low, high = (place(n, score.accuracy + s * score.interval)[1] for s in (-1, 1))
            parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" {stroke}/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{style.colour}"/>')
    return _svg(WIDTH, HEIGHT, "Accuracy in percent over labels a class", parts)


def calibration_plot(bins: Sequence[Bin]) -> str:
    """Share of right answers over confidence, with the line of a model that knows its doubts."""
    side = 296.0
    room = side - LEFT - RIGHT

    def place(confidence: float, accuracy: float) -> tuple[float, float]:
        return LEFT + room * confidence, TOP + (side - TOP - BOTTOM) * (1 - accuracy)

    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    parts = [_grid_line(place(0, tick)[1], f"{100 * tick:.0f}", side) for tick in ticks]
    for tick in ticks:
        x = place(tick, 0)[0]
        parts.append(
            f'<text x="{x:.1f}" y="{side - 22:.0f}" text-anchor="middle">{100 * tick:.0f}</text>'
        )
    parts.append(_axis_titles("Confidence, %", "Right answers, %", side, side))
    (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
    parts.append(
        f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="var(--muted)" '
        'stroke-dasharray="4 4" fill="none"/>'
    )
    points = [place(found.confidence, found.accuracy) for found in bins]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{line}" stroke="var(--main)" stroke-width="2" fill="none"/>')
    most = max(found.images for found in bins)
    for (x, y), found in zip(points, bins, strict=True):
        radius = 3 + 6 * math.sqrt(found.images / most)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="var(--main)">'
            f"<title>{counted(found.images, 'images')}</title></circle>"
        )
    return _svg(side, side, "Right answers in percent over confidence in percent", parts)


def _grid_line(y: float, text: str, width: float) -> str:
    return (
        f'<path d="M{LEFT:.0f} {y:.1f}H{width - RIGHT:.0f}" stroke="var(--line)"/>'
        f'<text x="{LEFT - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _axis_titles(across: str, up: str, width: float, height: float) -> str:
    middle = (LEFT + width - RIGHT) / 2
    return (
        f'<text x="{middle:.0f}" y="{height - 5:.0f}" text-anchor="middle">{across}</text>'
        f'<text x="4" y="12">{up}</text>'
    )


def _svg(width: float, height: float, about: str, parts: Sequence[str]) -> str:
    return (
        f'<svg width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{about}">{"".join(parts)}</svg>'
    )


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Rows true, columns answered; `names` are escaped. Many classes: the worst pairs and a picture."""
    counts = np.array(matrix)
    # Of each true class's images, so that a small class is seen beside a large one.
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    if len(counts) > MOST_CELLS:
        return _pairs(counts, names) + _picture(shares)
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = []
    for name, row, row_shares in zip(names, counts, shares, strict=True):
        cells = "".join(
            _cell(int(count), share) for count, share in zip(row, row_shares, strict=True)
        )
        rows.append(f"<tr><th>{name}</th>{cells}</tr>")
    return (
        f'<table class="matrix"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(count: int, share: float) -> str:
    red, green, blue = (round(255 * value) for value in colormaps["viridis"](share)[:3])
    # Rec. 709 luma: dark text on bright cells.
    text = "#000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 120 else "#fff"
    return f'<td style="background:#{red:02x}{green:02x}{blue:02x};color:{text}">{count}</td>'


def _pairs(counts: np.ndarray, names: Sequence[str]) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    rows = []
    for true, answered in zip(*np.unravel_index(worst, wrong.shape), strict=True):
        if wrong[true, answered]:
            rows.append(
                f"<tr><td>{names[true]}</td><td>{names[answered]}</td>"
                f"<td>{wrong[true, answered]}</td><td>{counts[true].sum()}</td></tr>"
            )
    head = "<th>True class</th><th>Answered</th><th>Images</th><th>of</th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _picture(shares: np.ndarray) -> str:
    pixels = (255 * colormaps["viridis"](shares)[..., :3]).round().astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode("ascii")
    about = "All classes: rows true, columns answered; bright is often"
    image = f'<img class="matrix" alt="{about}" src="data:image/png;base64,{data}">'
    return f'<p class="muted">{about}.</p>{image}'
