"""One question in a dialog of ours: yes or not, a line of text, or a number."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from sit_studio.widgets.basics import button, label
from sit_studio.widgets.dialog import Dialog

LEAST_PX = 480


class Ask(Dialog):
    """`verb` is what the button does; Enter takes it and Escape does not."""

    def __init__(
        self,
        title: str,
        verb: str,
        parent: QWidget,
        *,
        about: str = "",
        danger: bool = False,
    ) -> None:
        """`danger`: what cannot simply be done again is no default, and the focus is on Cancel."""
        super().__init__(title, parent)
        self.setMinimumWidth(LEAST_PX)
        if about:
            self.body.addWidget(label(about, "muted", wrap=True))
        self.cancel = button(QApplication.translate("Ask", "Cancel"), self.reject)
        self.yes = button(verb, self.accept, primary=not danger)
        self.yes.setProperty("danger", danger)
        for part in (self.cancel, self.yes):
            self.row.addWidget(part)
        first = self.cancel if danger else self.yes
        first.setDefault(True)
        first.setFocus()


def ask_yes(asked: Ask, on_yes: Callable[[], object]) -> Ask:
    """Open a question of yes or no; the answer comes later."""
    asked.accepted.connect(lambda: on_yes())
    asked.open()
    return asked


def ask_text(asked: Ask, text: str, on_text: Callable[[str], object]) -> Ask:
    """Open a question for a line, which holds `text`."""
    line = QLineEdit(text)
    line.setAccessibleName(asked.windowTitle())
    line.selectAll()
    asked.body.addWidget(line)
    line.setFocus()
    return ask_yes(asked, lambda: on_text(line.text()))


def ask_number(
    asked: Ask, value: float, least: float, most: float, on_number: Callable[[float], object]
) -> Ask:
    """Open a question for a number between two others; what is none cannot be agreed to."""
    line = QLineEdit(f"{value:.6g}")
    line.setAccessibleName(asked.windowTitle())
    line.setToolTip(f"{least:g} … {most:g}")
    line.selectAll()
    asked.body.addWidget(line)
    line.setFocus()

    def number() -> float:
        try:
            return float(line.text().replace(",", "."))
        except ValueError:
            return math.nan

    line.textChanged.connect(lambda _: asked.yes.setEnabled(least <= number() <= most))
    return ask_yes(asked, lambda: on_number(number()))
