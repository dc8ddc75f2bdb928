"""Evolution over the codes of a space, by pymoo's NSGA-II: with one objective as ViTAS has it, or two.

Shapes: n codes of G genes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from sit_engine.config.families.network_cost import Limits
from sit_engine.config.families.space import Identity, Space
from sit_engine.errors import ConfigError

MUTATION_ETA, CROSSOVER_POINTS = 3, 2
"""As published: polynomial mutation with η = 3, 2-point crossover; selection is a binary tournament."""
MOST_ROUNDS = 100

Score = Callable[[list[np.ndarray], int], list[float]]
"""Of the codes of a generation and its number, the more the better."""


def check_pymoo() -> None:
    """Raises before hours are spent."""
    if importlib.util.find_spec("pymoo") is None:
        raise ConfigError(
            "search.pymoo_missing",
            "The search for a network needs the package pymoo, which is not installed.",
            "Install it with: pip install 'sit-studio[search]'",
        )


def first_generation(
    space: Space, limits: Limits, identity: Identity, count: int, seed: int
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


def into_limits(
    space: Space,
    limits: Limits,
    identity: Identity,
    codes_nG: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Codes within the limits, as near to those given as one way of changing them goes: [n,G].

    One outside takes genes of a network drawn within them, one after the other in a random order,
    until it keeps them too; with all of them it would be that network.
    """
    found = space.canonical(codes_nG)
    for row in np.flatnonzero(~limits.within(space, found)):
        (donor_G,) = limits.draw(space, identity, generator)
        order = generator.permutation(len(donor_G))
        rank_G = np.empty_like(order)
        rank_G[order] = np.arange(len(order))
        taken = rank_G < np.arange(1, len(order) + 1)[:, None]
        tried = space.canonical(np.where(taken, donor_G, codes_nG[row]))
        found[row] = tried[int(np.argmax(limits.within(space, tried)))]
    return found


def evolve(
    space: Space,
    limits: Limits,
    identity: Identity,
    first_nG: np.ndarray,
    *,
    generations: int,
    objectives: int,
    seed: int,
    score: Score,
) -> None:
    """Ask `score` about generation after generation; the same seed and scores, the same questions.

    With two objectives the second is the cost.
    """
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.core.repair import Repair
    from pymoo.operators.crossover.pntx import PointCrossover
    from pymoo.operators.mutation.pm import PM

    choices, generator = space.choices, np.random.default_rng([seed, 6])

    class IntoLimits(Repair):  # type: ignore[misc]
        """Children as codes of networks that keep the budget."""

        def _do(self, problem: Any, x: np.ndarray, **_: Any) -> np.ndarray:
            del problem
            rounded = np.clip(np.rint(x), 0, choices - 1).astype(int)
            return into_limits(space, limits, identity, rounded, generator).astype(float)

    problem = Problem(n_var=len(choices), n_obj=objectives, xl=0.0, xu=(choices - 1).astype(float))
    algorithm = NSGA2(
        pop_size=len(first_nG),
        sampling=first_nG.astype(float),
        crossover=PointCrossover(n_points=CROSSOVER_POINTS),
        mutation=PM(eta=MUTATION_ETA),
        repair=IntoLimits(),
        eliminate_duplicates=True,
    )
    algorithm.setup(problem, termination=("n_gen", generations), seed=seed, verbose=False)
    for number in range(generations):
        children = algorithm.ask()
        if children is None or not len(children):
            return  # Every network of a small space has been asked.
        codes_nG = np.rint(children.get("X")).astype(int)
        told = np.empty((len(codes_nG), objectives))
        told[:, 0] = [-value for value in score(list(codes_nG), number)]
        if objectives == 2:
            told[:, 1] = limits.table.costs(space, codes_nG)
        children.set("F", told)
        algorithm.tell(infills=children)
