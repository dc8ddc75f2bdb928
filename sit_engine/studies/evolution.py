"""Evolution over the codes of a space, by pymoo's NSGA-II: with one objective as ViTAS has it, or two.

Shapes: n codes of G genes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from sit_engine.config.network_cost import Limits
from sit_engine.config.space import Space
from sit_engine.errors import ConfigError

MUTATION_ETA, CROSSOVER_POINTS = 3, 2
"""As published: polynomial mutation with η = 3, 2-point crossover; selection is a binary tournament."""
KILLED = 1e6
"""The objective of a child that does not keep the budget, which is not asked."""
MOST_ROUNDS = 100


def check_pymoo() -> None:
    """Raises before hours are spent."""
    if importlib.util.find_spec("pymoo") is None:
        raise ConfigError(
            "search.pymoo_missing",
            "The search for a network needs the package pymoo, which is not installed.",
            "Install it with: pip install 'sit-studio[search]'",
        )


def first_generation(
    space: Space, limits: Limits, identity: float, count: int, seed: int
) -> np.ndarray:
    """So many different codes within the limits, fewer where the space has not that many: [n,G]."""
    generator = np.random.default_rng([seed, 5])
    found: dict[bytes, np.ndarray] = {}
    for _ in range(MOST_ROUNDS):
        for code in limits.draw(space, identity, generator, count):
            found.setdefault(code.tobytes(), code)
        if len(found) >= count:
            break
    return np.stack(list(found.values())[:count])


def evolve(
    space: Space,
    limits: Limits,
    first_nG: np.ndarray,
    *,
    generations: int,
    objectives: int,
    seed: int,
    score: Callable[[list[np.ndarray], int], list[float]],
) -> None:
    """Ask `score` about generation after generation; the same seed and scores, the same questions.

    `score` gets the codes of a generation that keep the limits, and its number. With two objectives
    the second is the cost.
    """
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.core.repair import Repair
    from pymoo.operators.crossover.pntx import PointCrossover
    from pymoo.operators.mutation.pm import PM

    choices = space.choices

    class Codes(Repair):  # type: ignore[misc]
        """Children as the one code of the network nearest to them."""

        def _do(self, problem: Any, x: np.ndarray, **_: Any) -> np.ndarray:
            del problem
            rounded = np.clip(np.rint(x), 0, choices - 1).astype(int)
            return space.canonical(rounded).astype(float)

    problem = Problem(n_var=len(choices), n_obj=objectives, xl=0.0, xu=(choices - 1).astype(float))
    algorithm = NSGA2(
        pop_size=len(first_nG),
        sampling=first_nG.astype(float),
        crossover=PointCrossover(n_points=CROSSOVER_POINTS),
        mutation=PM(eta=MUTATION_ETA),
        repair=Codes(),
        eliminate_duplicates=True,
    )
    algorithm.setup(problem, termination=("n_gen", generations), seed=seed, verbose=False)
    for number in range(generations):
        children = algorithm.ask()
        if children is None or not len(children):
            return
        codes_nG = np.rint(children.get("X")).astype(int)
        is_within = limits.within(space, codes_nG)
        told = np.full((len(codes_nG), objectives), KILLED)
        if is_within.any():
            found = score(list(codes_nG[is_within]), number)
            told[is_within, 0] = [-value for value in found]
            if objectives == 2:
                told[is_within, 1] = limits.table.costs(space, codes_nG[is_within])
        children.set("F", told)
        algorithm.tell(infills=children)
