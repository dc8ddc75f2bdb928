"""Names in too little room: measured as they are painted, and cut where they are alike."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from os.path import commonprefix

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF

MOST_COMPARED = 500  # names; more would take longer than a frame
KEPT_OF_PREFIX = 3


def full_px(font: QFont, texts: Iterable[str]) -> int:
    """The width that holds each of the texts uncut; whole metrics round down, and elision does not."""
    metrics = QFontMetricsF(font)
    return math.ceil(max(map(metrics.horizontalAdvance, texts), default=0.0))


def short(font: QFont, text: str, width: float, mode: Qt.TextElideMode | None = None) -> str:
    """One text, without its middle if it is too long for `width`."""
    return QFontMetricsF(font).elidedText(text, mode or Qt.TextElideMode.ElideMiddle, width)


def short_names(font: QFont, names: Sequence[str], width: float) -> dict[str, str]:
    """Each name for `width` pixels; two that differ look different, where the room allows it."""
    shorts = {name: short(font, name, width) for name in names}
    alike: dict[str, list[str]] = defaultdict(list)
    for name, text in shorts.items():
        alike[text].append(name)
    for group in alike.values():
        if len(group) > 1:
            shorts |= _apart(font, group, width)
    return shorts


def _apart(font: QFont, names: list[str], width: float) -> dict[str, str]:
    """Names that are alike without their middles: without their ends, or around what differs."""
    right, left = Qt.TextElideMode.ElideRight, Qt.TextElideMode.ElideLeft
    shared = max(0, len(commonprefix(names)) - KEPT_OF_PREFIX)  # noqa: RUF071 - letters are meant
    tries = (
        {name: short(font, name, width, right) for name in names},
        {name: short(font, f"…{name[shared:]}", width, right) for name in names},
        {name: short(font, name, width, left) for name in names},
    )
    return max(tries, key=lambda found: len(set(found.values())))


class ShortNames:
    """A list of names; what they are cut to is worked out once for a font and a width."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = names
        self._for: tuple[QFont, float] | None = None
        self._found: dict[str, str] = {}

    def of(self, name: str, font: QFont, width: float) -> str:
        """The name number `index` as it is to be painted."""
        if self._for != (font, width):
            is_few = len(self.names) <= MOST_COMPARED
            self._found = short_names(font, self.names, width) if is_few else {}
            self._for = (QFont(font), width)
        return self._found.get(name) or short(font, name, width)
