"""What a comparison comes to, in words; says when it is noise. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sit_engine.counted import Sentence
from sit_engine.paths import display_name
from sit_engine.records.studies.comparison import Best, Comparison, Gap

ONE_SEED = Sentence("All of it is of one seed: another beginning may put them in another order.")


def verdict(found: Comparison) -> tuple[Sentence, ...]:
    """What can be said; nothing before two settings have been measured with equal seeds."""
    best = found.best
    if best is None:
        return ()
    kinds = {line.name: line.kind for line in found.lines}
    rivals = {name: gap for name, gap in best.gaps.items() if kinds.get(name) == "config"}
    if not rivals:
        return ()
    said = _leader(best, rivals), _over_nothing(best, kinds)
    figures = [line.figures.get("knn") for line in found.lines if line.kind == "config"]
    is_one = any(figure is not None and figure.seeds == 1 for figure in figures)
    return (*said, ONE_SEED) if is_one else said


def _leader(best: Best, rivals: dict[str, Gap]) -> Sentence:
    values = {"name": display_name(best.name), "accuracy": _percent(best.accuracy)}
    behind = [name for name, gap in rivals.items() if gap.low > 0]
    level = [name for name in rivals if name not in behind]
    if not level:
        return Sentence(
            "{name} answers best: nearest neighbours are right for {accuracy} %, beyond chance more "
            "than with any other.",
            **values,
        )
    if not behind:
        return Sentence(
            "None is ahead beyond chance: {name} has the most right by nearest neighbours, "
            "{accuracy} %, but its lead over {level} may be noise.",
            **values,
            level=_listed(level),
        )
    return Sentence(
        "{name} answers best: nearest neighbours are right for {accuracy} %, beyond chance more than "
        "with {behind}; its lead over {level} may be noise.",
        **values,
        behind=_listed(behind),
        level=_listed(level),
    )


def _over_nothing(best: Best, kinds: Mapping[str, str]) -> Sentence:
    """Against raw pixels and its own network untrained: whether there is anything to choose."""
    plain = {
        name: gap
        for name, gap in best.gaps.items()
        if kinds.get(name) == "raw pixels" or name == f"untrained {best.name}"
    }
    short = [name for name, gap in plain.items() if gap.low <= 0]
    if short:
        return Sentence(
            "It is not above {short} beyond chance: in this time nothing was learnt that these classes "
            "ask for. Train longer, or take more images.",
            short=_listed(short),
        )
    least = min(plain, key=lambda name: plain[name].mean, default="")
    if not least:
        return Sentence("It could not be compared with raw pixels.")
    return Sentence(
        "It is {points} points above {name}.",
        points=f"{100 * plain[least].mean:.1f}",
        name=display_name(least),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(display_name, names))
