"""Light and dark: what is written can be read, states can be told apart, and a switch is quick."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QColor, QImage, QPainter, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLineEdit,
    QStyle,
    QStyleOptionButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from sit_studio.look import theme
from sit_studio.pages.train.choice_cards import ChoiceCards

READABLE = 4.5  # WCAG 2.1, 1.4.3: text of usual size
# Each kind of text and what it stands on; buttons without a frame have the colour of the accent.
TEXTS = {
    "text": ("ground", "surface", "sunken", "selected"),
    "muted": ("ground", "surface", "sunken"),
    "accent": ("ground", "surface", "sunken"),
    "on_accent": ("accent", "accent_strong"),
    "good": ("surface",),
    "warn": ("surface",),
    "bad": ("surface",),
}


@pytest.fixture(params=["light", "dark"])
def colours(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[theme.Tokens]:
    """Both themes, and light again."""
    theme.apply(qapp, request.param)
    yield theme.tokens()
    theme.apply(qapp, "light")


def luminance(colour: QColor) -> float:
    """Relative luminance of WCAG 2.1."""
    parts = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(text: QColor, ground: QColor) -> float:
    """Contrast of WCAG 2.1, with what is not opaque mixed into what is below it."""
    alpha = text.alphaF()
    above = (text.redF(), text.greenF(), text.blueF())
    below = (ground.redF(), ground.greenF(), ground.blueF())
    parts = [alpha * one + (1 - alpha) * other for one, other in zip(above, below, strict=True)]
    mixed = QColor.fromRgbF(parts[0], parts[1], parts[2])
    high, low = sorted((luminance(mixed), luminance(ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("text", "grounds"), TEXTS.items())
def test_every_text_can_be_read(colours: theme.Tokens, text: str, grounds: tuple[str, ...]) -> None:
    for ground in grounds:
        found = contrast(QColor(getattr(colours, text)), QColor(getattr(colours, ground)))
        assert found >= READABLE, (text, ground, found)


def test_an_auto_value_can_be_read_before_anything_is_typed(
    colours: theme.Tokens, qtbot: QtBot
) -> None:
    for is_on in (True, False):
        line = QLineEdit()
        qtbot.addWidget(line)
        line.setEnabled(is_on)
        line.setPlaceholderText("auto")
        line.show()
        palette = line.palette()
        text = palette.color(QPalette.ColorRole.PlaceholderText)
        ground = QColor(colours.surface if is_on else colours.ground)
        assert contrast(text, ground) >= READABLE, (is_on, text.name(QColor.NameFormat.HexArgb))


def test_the_focus_and_what_is_chosen_look_different(colours: theme.Tokens, qtbot: QtBot) -> None:
    cards = ChoiceCards([("a", "One", "About it."), ("b", "Two", "About it.")])
    qtbot.addWidget(cards)
    cards.resize(400, 100)
    cards.show()
    seen = []
    for is_chosen, has_focus in ((False, False), (True, False), (False, True), (True, True)):
        cards.select("a" if is_chosen else "b")
        card = cards.buttons["a"]
        option = QStyleOptionButton()
        card.initStyleOption(option)
        focus = QStyle.StateFlag.State_HasFocus
        option.state = option.state | focus if has_focus else option.state & ~focus
        image = QImage(card.size(), QImage.Format.Format_RGB32)
        image.fill(QColor(colours.ground))
        painter = QPainter(image)
        card.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, card)
        painter.end()
        seen.append(image)
    assert all(one != other for one, other in itertools.combinations(seen, 2))
    # Not by the colour alone: the chosen one has a broader edge at its left.
    edges = [
        sum(image.pixelColor(x, 50) == QColor(colours.accent) for x in range(12)) for image in seen
    ]
    assert min(edges[1], edges[3]) > max(edges[0], edges[2])


def test_what_is_off_can_be_read_too(colours: theme.Tokens, qtbot: QtBot) -> None:
    box = QComboBox()
    qtbot.addWidget(box)
    box.setEnabled(False)
    box.show()
    text = box.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    assert contrast(text, QColor(colours.ground)) >= READABLE


class Counter(QObject):
    """Of the times that a widget is told of another style."""

    times = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.times += event.type() == QEvent.Type.StyleChange
        return False


def test_another_theme_dresses_no_widget_again_and_again(qtbot: QtBot, qapp: QApplication) -> None:
    """Not once for each of the widgets around it, which froze the window for most of a second."""
    outer = QWidget()
    qtbot.addWidget(outer)
    inner = outer
    for _ in range(12):
        around = QVBoxLayout(inner)
        inner = QWidget()
        around.addWidget(inner)
    outer.show()
    counter = Counter()
    inner.installEventFilter(counter)
    theme.apply(qapp, "dark")
    theme.apply(qapp, "light")
    assert counter.times <= 4
    assert outer.palette().color(QPalette.ColorRole.Window) == QColor(theme.tokens().ground)
