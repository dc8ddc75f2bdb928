"""A run of clips on Watch: retrieval stands where others have k-NN."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from sit_engine.records.events import Event, RetrievalMeasured
from sit_studio.frame.main_window import MainWindow
from sit_studio.look.words import percent
from sit_studio.pages.watch.page import TABS
from tests.studio.conftest import wait


def test_copies_that_find_their_originals_are_watched(
    window: MainWindow, qtbot: QtBot, clip_run: tuple[Path, list[Event]], finished_run: Path
) -> None:
    run, events = clip_run
    readings = [event for event in events if isinstance(event, RetrievalMeasured)]
    window.session.open_run(run)
    window.show_page("watch")
    watch = window.watch
    wait(qtbot, lambda: watch.is_built and window.session.history.state == "completed")
    watch._draw(force=True)
    working, last = watch.working, readings[-1]
    assert working.knn.caption.text() == "Copies found"
    assert working.knn.text.text().startswith(percent(last.precision))
    for part, value, interval in (
        (working.untrained, last.pooled, last.pooled_interval),
        (working.raw, last.raw, last.raw_interval),
    ):
        assert part.text.text() == f"{percent(value)} ± {100 * interval:.1f}"
    curves = watch.curves
    titles = [group.title for group in curves.groups]
    curves.tabs.setCurrentIndex(titles.index("Retrieval"))
    assert not curves.tabs.isTabVisible(titles.index("k-NN"))
    assert curves.tabs.isTabVisible(titles.index("Rank"))
    assert curves.plot._canvas._baselines.keys() == {
        "the start's features, pooled", "raw thumbnails",
    }  # fmt: skip
    drawn = window.session.history.curve("retrieval")
    assert drawn.values.tolist() == [100 * reading.precision for reading in readings]
    assert TABS[watch.tabs.currentIndex()] == "retrieval"
    wall = watch.pictures.wall_tab
    wait(qtbot, wall.grid.isVisible)
    assert "comes first for" in wall.words.text()
    assert wall.grid._name(0, 0).startswith("place ")
    QTest.keyClick(wall.grid, Qt.Key.Key_Right)
    assert wall.grid.current == (0, 1)
    watch.tabs.setCurrentIndex(TABS.index("health"))
    wait(qtbot, lambda: "12 edited copies of 4" in watch.health.knn.below.text())
    watch.tabs.setCurrentIndex(TABS.index("log"))
    assert "copies find their originals" in watch.log.toPlainText()
    # Another run has its own words again.
    window.session.open_run(finished_run)
    wait(qtbot, lambda: working.knn.caption.text() == "k-NN")
    assert working.raw.caption.text() == "Raw pixels"
