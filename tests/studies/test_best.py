"""The best of several settings on the same images: how sure its lead is."""

from __future__ import annotations

import numpy as np

from sit_engine.records.studies.comparison import Kind
from sit_engine.studies.cells import Cell, gap
from sit_engine.studies.compare import best_of

IMAGES = np.array([f"/images/{number}.png" for number in range(60)])
NONE = np.zeros(0)


def cells_of(share: float, seeds: int = 3) -> dict[int, Cell]:
    """Right for about that share of the images."""
    draw = np.random.default_rng(round(1000 * share))
    return {
        seed: Cell(
            IMAGES,
            draw.random(len(IMAGES)) < share,
            NONE,
            NONE,
            np.array(1),
            np.array(9),
            np.array(""),
        )
        for seed in range(seeds)
    }


def test_intervals_allow_for_the_choice_of_the_best() -> None:
    """Of four settings there are six pairs, and four of them to be above raw pixels."""
    rows: list[tuple[str, Kind, dict[int, Cell]]] = [
        (name, "config", cells_of(share))
        for name, share in (("a", 0.5), ("b", 0.8), ("c", 0.6), ("d", 0.55))
    ]
    rows.append(("raw pixels", "raw pixels", cells_of(0.3)))
    best = best_of(rows)
    assert best is not None
    assert best.name == "b"
    by_name = {name: cells for name, _, cells in rows}
    for name, among in (("a", 6), ("c", 6), ("raw pixels", 4)):
        assert best.gaps[name] == gap(by_name["b"], by_name[name], "knn", among=among)
        assert best.gaps[name] != gap(by_name["b"], by_name[name], "knn", among=1)
