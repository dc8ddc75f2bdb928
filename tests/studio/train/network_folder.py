"""A folder as a search for a network leaves it, without the training."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sit_engine.config.build import build
from sit_engine.config.families.network_cost import CostUnit, Limits, counted_table
from sit_engine.config.families.network_shape import uniform
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import Asked, AskedNetwork, Evolution, Source
from sit_engine.studies.search.space import space_around

SIDE, BUDGET = 32, 4e6


def write_search(
    place: Path,
    folder: Path,
    *,
    networks: int = 24,
    is_labelled: bool = False,
    unit: CostUnit = "multiply-adds",
    is_done: bool = True,
    labels_file: str | None = None,
    **more: Any,
) -> Asked:
    """`networks` of evolution in two generations, as many of random search, and the uniform one."""
    plain = uniform(8, 64, depth=3, heads=2, mlp=256)
    space = space_around(plain, SIDE)
    base = build({"method": {"name": "sit"}})
    request = NetworkRequest(
        str(folder), base, 20.0, "4M", is_labelled=is_labelled, labels_file=labels_file
    )
    asked = Asked(
        str(folder), unit, 0.5 * BUDGET, BUDGET, 20.0, "ring", 1, is_labelled, None, space,
        (plain.patch_size, plain.width, plain.blocks), 0, plan=Evolution(networks // 2, 2),
        is_done=is_done, wanted=request.wanted(),
    )  # fmt: skip
    asked = replace(asked, **more)
    generator = np.random.default_rng(1)
    limits = Limits(counted_table(space, "multiply-adds"), asked.low, asked.high)
    shapes = [space.shape(code) for code in limits.draw(space, 0.4, generator, 2 * networks)]
    sources: list[tuple[Source, int]] = [("evolution", 0)] * (networks // 2)
    sources += [("evolution", 1)] * (networks - networks // 2)
    sources += [("random", 0)] * networks
    lines = []
    for shape, (source, generation) in [
        (plain, ("uniform", 0)), *zip(shapes, sources, strict=True),
    ]:  # fmt: skip
        quality = 0.3 + 0.1 * (shape.multiply_adds(SIDE) / BUDGET) + 0.1 * generator.random()
        accuracy = float(quality + 0.1 * generation)
        candidate = AskedNetwork(
            shape.patch_size, shape.width, shape.blocks, float(shape.multiply_adds(SIDE)),
            shape.multiply_adds(SIDE), shape.parameters(SIDE), source, generation, accuracy,
            None if is_labelled else 2.0 - accuracy, None if is_labelled else 10 * accuracy,
        )  # fmt: skip
        lines.append(json.dumps(asdict(candidate)) + "\n")
    place.mkdir(parents=True)
    (place / "search.json").write_text(json.dumps(asked.to_json()), "utf-8")
    (place / "journal.jsonl").write_text("".join(lines), "utf-8")
    return asked
