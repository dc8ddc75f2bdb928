"""What a comparison comes to in words: ahead, level, and nothing learnt."""

from __future__ import annotations

from collections.abc import Mapping

from sit_engine.records.studies.comparison import Best, Budget, Comparison, Figure, Gap, Kind, Line
from sit_engine.records.studies.verdict import verdict

AHEAD, LEVEL = Gap(0.05, 0.02, 0.08), Gap(0.01, -0.02, 0.04)
ROWS: tuple[tuple[str, Kind], ...] = (
    ("a", "config"), ("b", "config"), ("c", "config"), ("untrained a", "untrained"),
    ("raw pixels", "raw pixels"),
)  # fmt: skip


def said(gaps: Mapping[str, Gap], seeds: int = 2) -> list[str]:
    """The sentences, where "a" has the most right and is ahead of the others by those gaps."""
    lines = tuple(Line(name, kind, {"knn": Figure(0.5, seeds, None)}) for name, kind in ROWS)
    best = Best("a", 0.525, dict(gaps))
    found = Comparison(
        "/x", (), Budget("minutes", 1), seeds, 5, lines, (), 90, 10, "", True, best=best
    )
    return [str(sentence) for sentence in verdict(found)]


def test_the_leader_is_named_with_whom_it_is_beyond_chance_ahead_of() -> None:
    over = {"untrained a": AHEAD, "raw pixels": Gap(0.03, 0.01, 0.05)}
    alone = said({"b": AHEAD, "c": AHEAD, **over})
    assert alone[0] == (
        "a answers best: nearest neighbours are right for 52.5 %, beyond chance more than with any "
        "other."
    )
    assert alone[1] == "It is 3.0 points above raw pixels."
    some = said({"b": AHEAD, "c": LEVEL, **over})[0]
    assert "beyond chance more than with b; its lead over c may be noise" in some


def test_noise_is_called_noise() -> None:
    none = said({"b": LEVEL, "c": LEVEL, "untrained a": AHEAD, "raw pixels": AHEAD})[0]
    assert none.startswith("None is ahead beyond chance: a has the most right")
    assert "its lead over b, c may be noise" in none


def test_who_is_not_above_raw_pixels_has_learnt_nothing_of_use() -> None:
    both = said({"b": AHEAD, "c": AHEAD, "untrained a": LEVEL, "raw pixels": Gap(-0.1, -0.2, 0)})
    assert "not above untrained a, raw pixels beyond chance" in both[1]
    assert "Train longer" in both[1]


def test_nothing_is_said_before_two_are_measured() -> None:
    assert said({"raw pixels": AHEAD}) == []


def test_one_seed_is_said() -> None:
    gaps = {"b": AHEAD, "c": AHEAD, "untrained a": AHEAD, "raw pixels": AHEAD}
    assert len(said(gaps)) == 2
    assert said(gaps, seeds=1)[2].startswith("All of it is of one seed")
