"""Train says when another method answered better on these images, with its figure and the race."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.records.studies.comparison import Best, Comparison, Gap
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.comparison_list import read_comparison
from sit_studio.models.race_advice import advice, entrant_of
from tests.studio.conftest import choose_recipe, ready, wait
from tests.studio.runs.test_comparisons import some_comparison, write

AHEAD, MAYBE = Gap(0.032, 0.01, 0.051), Gap(0.01, -0.02, 0.04)


def race(folder: Path, best: str = "dino", over: Gap = AHEAD) -> Comparison:
    """Of SiT and one more, on that folder."""
    other = "dino" if best == "sit" else best
    gaps = {name: over for name in ("sit", other) if name != best}
    found = replace(some_comparison(("sit", other)), folder=str(folder))
    return replace(found, best=Best(best, 0.6, gaps))


@pytest.mark.parametrize(
    ("method", "texts", "entrant"),
    [("sit", {}, "sit"), ("dino", {}, "dino"), ("dino", {"method.loss": "simdino"}, "simdino"),
     ("continue", {}, None), ("finetune", {}, None)],
)  # fmt: skip
def test_settings_are_known_as_who_would_race(
    method: str, texts: dict[str, str], entrant: str | None
) -> None:
    assert entrant_of(method, texts) == entrant


def test_only_a_whole_race_on_that_folder_that_is_beyond_chance_says_something(
    tmp_path: Path,
) -> None:
    here = tmp_path / "images"

    def said(found: Comparison, entrant: str = "sit", folder: Path = here) -> object:
        row = read_comparison(write(tmp_path / "race", found))
        return advice([row], [str(folder)], entrant)

    assert said(race(here))
    assert said(race(here, over=MAYBE)) is None
    assert said(race(here), "dino") is None
    assert said(race(here), "mocov3") is None
    assert said(race(here), folder=tmp_path / "others") is None
    assert said(replace(race(here), is_complete=False)) is None
    assert said(replace(race(here), best=None)) is None
    # Settings that somebody named are no method.
    named = replace(some_comparison(("sit", "mine")), folder=str(here))
    assert said(replace(named, best=Best("mine", 0.6, {"sit": AHEAD}))) is None


def test_the_newest_race_counts(tmp_path: Path) -> None:
    here = tmp_path / "images"
    rows = [
        read_comparison(write(tmp_path / name, found))
        for name, found in (("new", race(here, "sit")), ("old", race(here)))
    ]
    assert advice(rows, [str(here)], "sit") is None
    found = advice(rows, [str(here)], "dino")
    assert found is not None
    assert (found.name, found.path) == ("sit", tmp_path / "new")


def test_the_line_stands_below_the_recipe_and_leads_to_the_race(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    place = write(tmp_path / "runs" / "race", race(few, "simdino"))
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    ready(window, qtbot, few)
    window.show_page("train")
    page = window.train
    panel = page.form.panel
    assert panel is not None
    wait(qtbot, lambda: panel.race.isVisibleTo(page))
    assert panel.race.words.text() == (
        "On these images DINO: simdino answered better after 2 minutes: +3.2 points [+1.0, +5.1]."
    )
    choose_recipe(panel.recipe, "dino")
    assert not panel.race.isVisibleTo(page)
    choose_recipe(panel.recipe, "sit")
    assert panel.race.isVisibleTo(page)
    panel.race.open.click()
    assert window.stack.currentWidget() is window.runs
    assert window.runs.opened == place
    assert window.runs.stack.currentWidget() is window.runs.view
