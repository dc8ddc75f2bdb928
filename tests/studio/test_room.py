"""Words have room: in narrow panels, in the smallest window, in languages with long ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from sit_engine.config.course import VERDICTS
from sit_engine.records.events import HealthMeasured, KnnMeasured
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.history import History
from sit_studio.pages.runs.run_table import CELL_PX, MOST_STATUS_PX, status_width
from sit_studio.pages.train.choice_cards import ChoiceCards
from sit_studio.pages.watch.health_card import HealthPanel, WorkingCard
from sit_studio.widgets.basics import Card, FigureCard, scrolled
from sit_studio.widgets.elision import full_px
from sit_studio.widgets.states import word

READING = HealthMeasured(10, 64, 0.5, 20.0, 384, "unknown", "Early.")


@pytest.mark.parametrize("width", [400, 560, 300])
def test_choice_cards_are_as_high_as_their_words(qtbot: QtBot, width: int) -> None:
    page = QWidget()
    column = QVBoxLayout(page)
    words = "A small model for minutes: can it learn?"
    cards = ChoiceCards(
        [("a", "Quick look", words), ("b", "Paper", "Needs a GPU."), ("c", "C", "")]
    )
    column.addWidget(cards)
    column.addStretch(1)
    for text in cards.findChildren(QLabel):
        text.setText(f"{text.text()} {text.text()}")
    area = scrolled(page)
    qtbot.addWidget(area)
    area.resize(500, 400)
    area.show()
    area.resize(width, 400)
    qtbot.wait(20)
    for text in cards.findChildren(QLabel):
        assert text.height() >= text.heightForWidth(text.width()), text.text()
    assert len({card.height() for card in cards.buttons.values()}) == 1


def test_figures_stand_below_each_other_where_it_is_narrow(qtbot: QtBot) -> None:
    panel = HealthPanel()
    area = scrolled(panel)
    qtbot.addWidget(area)
    area.show()
    for width, is_wide in ((300, False), (700, True), (380, False)):
        area.resize(width, 500)
        qtbot.wait(20)
        assert (panel.rank.x() > panel.deviation.x()) == is_wide, width
        assert panel.width() <= width
        for card in panel.findChildren(FigureCard):
            assert card.caption.geometry().right() < card.width()


def test_the_rank_that_counts_as_collapsed_grows_with_the_width(qtbot: QtBot) -> None:
    panel = HealthPanel()
    qtbot.addWidget(panel)
    for width, least in ((32, "5"), (384, "7.68")):
        history = History()
        history.add(replace(READING, width=width), 0.0)
        panel.show_history(history)
        assert f"under {least}" in panel.rank.below.text()
    # True with and without labels.
    assert "at least two classes and 100 images" in panel.knn.below.text()


@pytest.mark.parametrize("width", [700, 950, 1200])
def test_what_the_verdict_says_moves_nothing_below_it(qtbot: QtBot, width: int) -> None:
    page = QWidget()
    column = QVBoxLayout(page)
    card, below = WorkingCard(), QLabel("below")
    column.addWidget(card)
    column.addWidget(below, 1)
    qtbot.addWidget(page)
    page.resize(width, 600)
    page.show()
    places = set()
    for code, said in VERDICTS.items():
        history = History()
        history.see("alive")
        history.add(replace(READING, code=code, sentence=said), 0.0)
        if code != "health.unlabelled":
            history.add(KnnMeasured(10, 0.2, 0.1, 0.15, 0.1, "student"), 0.0)
        card.show_history(history)
        qtbot.wait(20)
        assert card.sentence.text() == said
        assert card.sentence.height() >= card.sentence.heightForWidth(card.sentence.width())
        places.add((below.y(), card.sentence.width()))
    assert len(places) == 1


def test_a_card_made_while_the_window_is_open_opens_none(qtbot: QtBot, qapp: QApplication) -> None:
    before = {widget for widget in qapp.topLevelWidgets() if widget.isVisible()}
    card = Card("A title")
    qtbot.addWidget(card)
    assert {widget for widget in qapp.topLevelWidgets() if widget.isVisible()} == before
    card.show()
    assert card.title.isVisible()
    assert not Card().title.isVisibleTo(card)


def test_the_status_column_holds_its_longest_word(qapp: QApplication) -> None:
    width = status_width(qapp.font())
    for status in ("completed", "interrupted", "unreadable"):
        assert min(full_px(qapp.font(), [word(status)]) + CELL_PX, MOST_STATUS_PX) <= width


def test_the_formats_of_an_export_are_large_enough_to_hit(window: MainWindow) -> None:
    window.show_page("export")
    assert all(box.minimumHeight() >= 28 for box in window.export.boxes.values())


def test_train_scrolls_as_one_and_its_second_column_stays_in_sight(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.resize(1100, 700)
    window.show_page("train")
    page = window.train
    page.form.advanced.fold.click()
    qtbot.wait(20)
    bars = [
        area.verticalScrollBar()
        for area in page.findChildren(QScrollArea)
        if area.verticalScrollBar().isVisible()
    ]
    assert bars == [page.area.verticalScrollBar()]
    for value in (0, bars[0].maximum() // 2, bars[0].maximum()):
        bars[0].setValue(value)
        qtbot.wait(20)
        card = page.cost if value else page.preview
        top = card.mapTo(page.area.viewport(), card.rect().topLeft()).y()
        assert 0 <= top < page.area.viewport().height()
    # All of the column, whatever it is asked for at once.
    right = page.sights.parentWidget()
    assert right is not None
    assert right.height() >= page.sights.totalHeightForWidth(right.width())


@pytest.mark.parametrize("height", [700, 760, 800, 1000])
def test_no_words_of_a_form_are_squeezed(window: MainWindow, qtbot: QtBot, height: int) -> None:
    window.resize(1280, height)
    window.show_page("train")
    window.train.show_kind("finetune")
    qtbot.wait(30)
    for text in window.train.form.findChildren(QLabel):
        if text.isVisible() and text.wordWrap():
            assert text.height() >= text.heightForWidth(text.width()), text.text()
    for field in window.train.form.findChildren(QLineEdit):
        if field.isVisible():
            assert field.height() >= field.minimumSizeHint().height()


def test_a_page_scrolls_only_where_it_must(
    window: MainWindow, qtbot: QtBot, finished_run: Path, few: Path
) -> None:
    window.take_paths([str(few)])
    qtbot.waitUntil(lambda: window.session.dataset.state == "ready", timeout=90_000)
    window.session.open_run(finished_run)
    window.resize(1024, 700)
    qtbot.waitUntil(lambda: window.session.history.state == "completed", timeout=90_000)
    for key, page in window.pages.items():
        window.show_page(key)
        if key == "watch":
            qtbot.waitUntil(lambda: window.watch.is_built, timeout=90_000)
        qtbot.wait(30)
        assert page.area.verticalScrollBar().isVisible() == (key == "train"), key


@pytest.mark.parametrize("height", [620, 1400])
def test_a_page_ends_where_its_head_does_with_a_bar_and_without(
    window: MainWindow, qtbot: QtBot, finished_run: Path, height: int
) -> None:
    window.resize(1100, height)
    window.session.open_run(finished_run)
    edges = set()
    for page, last in (
        (window.train, window.train.preview),
        (window.export, window.export.content),
        (window.watch, window.watch.working),
    ):
        window.stack.setCurrentWidget(page)
        qtbot.wait(30)
        edges.add(last.mapTo(window, last.rect().topRight()).x())
    head = window.train.start_button
    window.stack.setCurrentWidget(window.train)
    edges.add(head.mapTo(window, head.rect().topRight()).x())
    assert len(edges) == 1


def test_what_an_export_wrote_is_in_sight(
    window: MainWindow, qtbot: QtBot, finished_run: Path
) -> None:
    window.resize(1024, 680)
    window.session.open_run(finished_run)
    window.show_page("export")
    result = window.export.result
    result.show_answer({
        "path": "/tmp/model.pt", "head": "features", "network": "student", "step": 20,
        "difference": 0.0, "latency_ms": 1.0, "threads": 1, "snippet": "import torch",
    })  # fmt: skip
    qtbot.wait(20)
    shown = window.export.area.viewport()
    place = result.mapTo(shown, result.rect().topLeft())
    assert shown.rect().contains(QRect(place, result.size()))
