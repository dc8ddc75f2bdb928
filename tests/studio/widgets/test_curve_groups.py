"""What curves are called and which stand in one plot, over all methods."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.config.methods import METHODS, traits
from sit_studio.models.history import History
from sit_studio.pages.watch.curves_panel import CurvesPanel
from sit_studio.widgets.curve_groups import WORDS, curve_word, groups


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_bears_the_title_that_its_own_method_gives_it(method: str) -> None:
    said = traits(method)
    own = [curve for curve in said.curves if curve.name not in WORDS]
    assert [curve_word(curve.name, said) for curve in own] == [curve.title for curve in own]


@pytest.mark.parametrize(
    ("method", "title"),
    [("svrtn", "agreement of a clip and its copy"), ("sit", "agreement of two views")],
)
def test_the_plot_says_it_as_the_shown_runs_method_does(
    method: str, title: str, qtbot: QtBot
) -> None:
    panel = CurvesPanel()
    qtbot.addWidget(panel)
    history = History(method=method)
    history.curve("agreement").append(1, 0.5)
    history.version += 1
    number = next(n for n, group in enumerate(panel.groups) if group.title == "Agreement")
    panel.show_history(history)
    panel.tabs.setCurrentIndex(number)
    assert title in panel.plots[number]._lines.by_label()


def test_a_curve_that_no_shown_run_has_is_named_all_the_same() -> None:
    assert curve_word("doubt") == "doubt of the teacher"
    assert curve_word("doubt", traits("sit")) == "doubt of the teacher"
    assert curve_word("of nobody") == "of nobody"


def test_no_plot_mixes_two_units() -> None:
    units = {group.title: group.unit for group in groups()}
    mixed = {
        f"{method}: {curve.name}"
        for method in METHODS
        for curve in traits(method).curves
        if curve.unit != units[curve.group]
    }
    assert mixed == set()
