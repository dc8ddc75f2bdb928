"""Colours, icons and type of the window, from resources/; every widget asks here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QImage, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from sit_studio.look.assets import asset


@dataclass(frozen=True)
class Tokens:
    """Named colours as "#RRGGBB"."""

    ground: str
    surface: str
    sunken: str
    line: str
    text: str
    muted: str
    accent: str
    accent_strong: str
    on_accent: str
    selected: str
    good: str
    warn: str
    bad: str
    series: tuple[str, ...]


class Notifier(QObject):
    """Tells that the colours are others now."""

    changed = Signal()


class _State:
    """What `apply` chose; one for the process, as the application's style is."""

    name = "light"
    choice = "system"


@cache
def notifier() -> Notifier:
    """The one notifier of theme changes."""
    return Notifier()


@cache
def _all_tokens() -> dict[str, Tokens]:
    found = tomllib.loads(asset("tokens.toml").read_text("utf-8"))
    return {
        name: Tokens(**values | {"series": tuple(values["series"])})
        for name, values in found.items()
    }


def tokens() -> Tokens:
    """The colours in use."""
    return _all_tokens()[_State.name]


def is_dark() -> bool:
    """Whether the colours in use are light on dark."""
    return _State.name == "dark"


def apply(application: QApplication, choice: str) -> None:
    """Use "light", "dark", or what the system says; widgets hear of it from the notifier."""
    hints = application.styleHints()
    if choice == "system":
        is_dark_system = hints.colorScheme() == Qt.ColorScheme.Dark
        name = "dark" if is_dark_system else "light"
    else:
        name = choice
    first = not application.property("sit-themed")
    if not first and (name, choice) == (_State.name, _State.choice):
        return
    _State.name, _State.choice = name, choice
    if first:
        # Native styles ignore style sheets.
        application.setStyle("Fusion")
        font = application.font()
        font.setPixelSize(13)
        application.setFont(font)
        application.setProperty("sit-themed", True)
        hints.colorSchemeChanged.connect(lambda _: _follow_system(application))
    # Qt takes a style sheet off all widgets and puts one on all in a fifth of the time that it
    # takes to change the one for the other, which visits the children of each anew.
    with undressed(application):
        application.setPalette(_palette(tokens()))
    notifier().changed.emit()


@contextmanager
def undressed(application: QApplication) -> Iterator[None]:
    """Take our style sheet off while many widgets are made, and put it on again.

    Qt works out the look of a widget anew with every parent that it gets, and at once at the end.
    """
    application.setStyleSheet("")
    try:
        yield
    finally:
        application.setStyleSheet(_style_sheet(tokens()))


def _follow_system(application: QApplication) -> None:
    if _State.choice == "system":
        apply(application, "system")


def _palette(colours: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for target, colour in (
        (role.Window, colours.ground),
        (role.WindowText, colours.text),
        (role.Base, colours.surface),
        (role.AlternateBase, colours.ground),
        (role.Text, colours.text),
        (role.PlaceholderText, colours.muted),
        (role.Button, colours.surface),
        (role.ButtonText, colours.text),
        (role.ToolTipBase, colours.surface),
        (role.ToolTipText, colours.text),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.accent),
        (role.Mid, colours.line),
        (role.Light, colours.surface),
        (role.Dark, colours.line),
        (role.Shadow, colours.sunken),
    ):
        palette.setColor(target, QColor(colour))
    for target in (role.Text, role.ButtonText, role.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(colours.muted))
    return palette


def _style_sheet(colours: Tokens) -> str:
    """style.qss with @names replaced by colours."""
    text = asset("style.qss").read_text("utf-8")

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("check", "dot", "knob_on", "knob_off"):
            return asset(f"icons/{name}.svg").as_posix()
        if name in ("down", "left", "right"):
            return asset(f"icons/{name}-{_State.name}.svg").as_posix()
        return str(getattr(colours, name))

    return re.sub(r"@([a-z_]+)", value, text)


@cache
def _svg(name: str) -> bytes:
    return asset(f"icons/{name}.svg").read_bytes()


@cache
def pixmap(name: str, colour: str, side: int = 20, scale: float = 2.0) -> QPixmap:
    """One of our icons in one colour; sharp at `scale` device pixels a pixel."""
    source = _svg(name).replace(b"currentColor", colour.encode())
    renderer = QSvgRenderer(QByteArray(source))
    image = QImage(QSize(round(side * scale), round(side * scale)), QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, image.width(), image.height()))
    painter.end()
    image.setDevicePixelRatio(scale)
    return QPixmap.fromImage(image)


def icon(name: str, colour: str | None = None) -> QIcon:
    """One of our icons in the colours of now: plain, and muted when disabled."""
    made = QIcon(pixmap(name, colour or tokens().text))
    made.addPixmap(pixmap(name, tokens().muted), QIcon.Mode.Disabled)
    return made


def tabular_font(px: int = 13) -> QFont:
    """Digits of one width, for figures in tables and meters."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(px)
    return font
