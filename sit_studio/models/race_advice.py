"""What a finished race of methods says of the method that is chosen for the same folder; Qt-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sit_engine.config.methods import entrants
from sit_engine.records.studies.comparison import Budget, Gap
from sit_studio.models.comparison_list import ComparisonRow


@dataclass(frozen=True)
class Advice:
    """Another entrant answered better than the chosen one, beyond chance."""

    path: Path
    """Of the comparison."""
    name: str
    budget: Budget
    gap: Gap


def entrant_of(method: str, texts: Mapping[str, str]) -> str | None:
    """The entrant that such settings would race as; None: the method takes part in no race."""
    found = None
    for name, entrant in entrants().items():
        own = {f"method.{key}": value for key, value in entrant.values.items() if key != "name"}
        fits = all(texts.get(path) == str(value) for path, value in own.items())
        # A variant stands behind its method, and says more.
        if entrant.values["name"] == method and fits:
            found = name
    return found


def advice(
    rows: Sequence[ComparisonRow], folders: Sequence[str], entrant: str | None
) -> Advice | None:
    """The advice of the newest whole race of several seeds on that folder with the entrant in it."""
    if entrant is None or len(folders) != 1:
        return None
    known = entrants()
    for row in rows:
        found, names = row.found, set(row.names)
        if found is None or not found.is_complete or entrant not in names or names - known.keys():
            continue
        # What one seed says may be another's chance.
        if found.seeds < 2 or Path(found.folder) != Path(folders[0]):
            continue
        gap = found.best.gaps.get(entrant) if found.best is not None else None
        if found.best is None or gap is None or gap.low <= 0:
            return None
        return Advice(row.path, found.best.name, found.budget, gap)
    return None
